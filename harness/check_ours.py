#!/usr/bin/env python3
# Usage: check_ours.py BUILD <LOG
"""Print the findings in a compiler's output that are ours.

A line "PATH:LINE: ..." is ours in a file of our own, and in a file of the kernel if the
line is one that we changed. Notes, and what stands about other lines, are left out.
"""
import difflib
import re
import sys
from pathlib import Path


def changed_lines(build, path):
    """The numbers of the lines that the kernel's own source has not, or None for all."""
    source = build / "source" / path
    if not source.exists():
        return None
    old = source.read_text().splitlines()
    new = (build / "linux" / path).read_text().splitlines()
    matcher = difflib.SequenceMatcher(None, old, new, autojunk=False)
    return {number + 1 for kind, _, _, first, last in matcher.get_opcodes() if kind != "equal"
            for number in range(first, last)}


def main():
    build = Path(sys.argv[1]).resolve()
    manifest = (build / "linux.manifest").read_text().splitlines()
    ours = {line.split("  ", 1)[1]: ... for line in manifest}
    place = re.compile(r"(?:warning: )?(?:\.\./)*(?P<path>[\w./-]+\.[chS]):(?P<line>\d+)[: ](?P<rest>.*)")
    shown = set()
    for line in sys.stdin:
        line = line.rstrip().replace(f"{build}/linux/", "")
        match = place.match(line)
        if not match or match["path"] not in ours:
            continue
        path = match["path"]
        if ours[path] is ...:
            ours[path] = changed_lines(build, path)
        if ours[path] is not None and int(match["line"]) not in ours[path]:
            continue
        finding = f"{path}:{match['line']}: {match['rest']}"
        if re.search(r"note:", match["rest"]) or finding in shown:
            continue
        shown.add(finding)
        print(finding)


if __name__ == "__main__":
    main()
