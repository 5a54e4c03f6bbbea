#!/usr/bin/env python3
"""Usage: coverage_report.py SOURCE COUNTS...

What was executed of each source file, from what kernels counted: each COUNTS has the
.gcda and .gcno files of one run at the places that the sources have in the tree SOURCE.
First a table, then, after an empty line, each line that was never reached, and each
branch that was never taken in a line that was.

A line counts once, however many functions it was inlined into. Files that are no part of
the profiled directories, such as the kernel's headers, are left out.
"""
import collections
import json
import os
import subprocess
import sys


class File:
    """The counts of one source file."""

    def __init__(self):
        self.lines = collections.Counter()
        # Branches of a line are told apart by function and position alone.
        self.branches = collections.Counter()

    def add(self, line):
        number = line["line_number"]
        self.lines[number] += line["count"]
        for position, branch in enumerate(line["branches"]):
            self.branches[number, line.get("function_name"), position] += branch["count"]

    def totals(self):
        """Lines, lines reached, branches, branches taken."""
        return (len(self.lines), sum(map(bool, self.lines.values())),
                len(self.branches), sum(map(bool, self.branches.values())))


def find_counts(top):
    for folder, _, names in os.walk(top):
        for name in sorted(names):
            if name.endswith(".gcda"):
                yield os.path.join(folder, name)


def run_gcov(path):
    done = subprocess.run(["gcov", "--json-format", "--branch-probabilities", "--stdout",
                           os.path.basename(path)],
                          cwd=os.path.dirname(path), check=True, capture_output=True)
    return json.loads(done.stdout)


def read_counts(source, tops):
    """Files by their path in the tree."""
    files = collections.defaultdict(File)
    profiled = set()
    for top, counts in ((top, counts) for top in tops for counts in find_counts(top)):
        profiled.add(os.path.dirname(os.path.relpath(counts, top)))
        data = run_gcov(counts)
        for part in data["files"]:
            path = os.path.join(data["current_working_directory"], part["file"])
            path = os.path.relpath(os.path.realpath(path), os.path.realpath(source))
            for line in part["lines"]:
                files[path].add(line)
    return {path: files[path] for path in sorted(files) if os.path.dirname(path) in profiled}


def percent(part, whole):
    return f"{100 * part / whole:6.1f} %" if whole else "      - "


def print_row(name, totals):
    lines, reached, branches, taken = totals
    print(f"{name:44} {lines:6} {percent(reached, lines)} {branches:8} {percent(taken, branches)}")


def print_table(files):
    print(f"{'file':44} {'lines':>6} {'reached':>8} {'branches':>8} {'taken':>8}")
    folders = collections.defaultdict(lambda: [0] * 4)
    for path, file in files.items():
        print_row(path, file.totals())
        folder = folders[os.path.dirname(path) + "/"]
        folder[:] = map(sum, zip(folder, file.totals()))
    for folder, totals in folders.items():
        print_row(folder, totals)
    print_row("all", list(map(sum, zip(*folders.values()))))


def print_missed(source, files, title, select):
    print(f"\n{title}\n")
    for path, file in files.items():
        with open(os.path.join(source, path), encoding="utf-8") as text:
            lines = text.read().splitlines()
        for number, note in select(file):
            print(f"{path}:{number}:{note} {lines[number - 1].strip()}")


def missed_lines(file):
    return [(number, "") for number, count in sorted(file.lines.items()) if not count]


def missed_branches(file):
    missed = collections.Counter(number for (number, _, _), count in file.branches.items()
                                 if not count and file.lines[number])
    return [(number, f" {count} branch{'es' if count > 1 else ''}:")
            for number, count in sorted(missed.items())]


def main(source, *tops):
    files = read_counts(source, tops)
    if not files:
        sys.exit(f"coverage: no counts below {' '.join(tops)}")
    print_table(files)
    print_missed(source, files, "Lines never reached", missed_lines)
    print_missed(source, files, "Branches never taken", missed_branches)


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    main(*sys.argv[1:])
