#!/usr/bin/env python3
# Usage: series.py BUILD OUT
"""Turn the composed tree into a series of patches for mail.

BUILD/source is the packaged kernel, BUILD/linux the same with our files, and
BUILD/linux.manifest the list of those (compose.sh). series/NN-name.txt beside this file
are the patches in order, series/README.md has their form. OUT receives the patches and a
cover letter, OUT/git a repository with one commit for each.

A step holds the final content of its files, less what comes later. What comes later is
said by the texts; on its own a line moves to the patch of the file that it names: an
object in a Makefile, an #include, a row COMMAND() of a table with its handler.

It stops, by name, at a file that no patch carries or that two carry, at a text that
matches nothing, and at a series that does not end in the composed tree.
"""
import difflib
import fnmatch
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

FOLDER = Path(__file__).resolve().parent
TEXTS = FOLDER / "series"


class Stop(Exception):
    """What is wrong with the series."""


class Claim:
    """One line of a text: a path or pattern, and which of its changes."""

    FORM = re.compile(
        r"(?P<path>\S+)"
        r"(?:\s+config (?P<config>\w+)|\s+/(?P<first>.*?)/(?:\s*\.\.\s*/(?P<last>.*)/)?)?$")

    def __init__(self, line, patch):
        match = self.FORM.match(line)
        if not match:
            raise Stop(f"{patch.name}: cannot read: {line}")
        self.patch = patch
        self.line = line
        self.path = match["path"]
        self.first = self.last = None
        self.instead = []
        self.matched = False
        if match["config"]:
            self.first = re.compile(rf"^(menu)?config {match['config']}$")
            self.last = re.compile(r"^(?=config|menuconfig|menu|source|if|endif|endmenu|#)")
        elif match["first"]:
            self.first = re.compile(match["first"])
            self.last = match["last"] and re.compile(match["last"])
        self.exclusive = bool(match["config"])

    @property
    def whole(self):
        return self.first is None


class Patch:
    """One text: a message, and what it carries."""

    def __init__(self, path, number):
        self.name = path.name
        self.number = number
        message, _, claims = path.read_text().partition("\n---\n")
        self.message = message.strip() + "\n"
        self.claims = []
        for line in claims.splitlines():
            if line.startswith("\tinstead:"):
                self.claims[-1].instead.append(line.removeprefix("\tinstead:")[1:])
            elif line.strip():
                self.claims.append(Claim(line.strip(), self))


class Unit:
    """The smallest change: lines of the source that give way to lines of ours."""

    def __init__(self, at, removed, added):
        self.at = at
        self.removed = removed
        self.added = added
        self.claim = None
        self.step = None

    def matches(self, expression):
        return any(expression.search(line) for line in self.removed + self.added)


def alike(old, new):
    """Whether one line became the other, rather than giving way to it."""
    return old.split()[:1] == new.split()[:1] or difflib.SequenceMatcher(None, old, new).ratio() > 0.8


def list_hunks(source, linux):
    """Which lines of the source gave way to which of ours; from 0, ends excluded."""
    diff = subprocess.run(["diff", "-U0", source, linux], stdout=subprocess.PIPE, text=True, check=False)
    for hunk in re.finditer(r"^@@ -(\d+)(?:,(\d+))? \+(\d+)(?:,(\d+))? @@", diff.stdout, re.M):
        start, removed, first, added = (1 if number is None else int(number) for number in hunk.groups())
        # Of nothing, diff gives the line before.
        start -= removed != 0
        first -= added != 0
        yield start, start + removed, first, first + added


class File:
    """A file of ours, or a file of the kernel with our changes."""

    def __init__(self, path, build):
        self.path = path
        source, linux = build / "source" / path, build / "linux" / path
        self.old = source.read_text() if source.exists() else None
        self.new = linux.read_text()
        self.mode = linux.stat().st_mode & 0o777
        self.units = list(self.list_units(source, linux))
        self.patch = self.step = None
        self.objects = {}

    def list_units(self, source, linux):
        old = (self.old or "").splitlines(keepends=True)
        new = self.new.splitlines(keepends=True)
        if not old:
            hunks = [(0, 0, 0, len(new))]
        else:
            hunks = list_hunks(source, linux)
        for start, end, first, last in hunks:
            # A comment that begins like the next one was taken for it.
            if start == end and old[start - 1:start] == [new[last - 1]] and new[last - 1].strip() in ("/**", "/*"):
                start, end, first, last = start - 1, end - 1, first - 1, last - 1
            paired = start == end or (end - start == 1 and first < last and alike(old[start], new[first]))
            together = end - start if paired else last - first
            if start != end:
                yield Unit(start, old[start:end], new[first:first + together])
                first += together
            for line in new[first:last]:
                yield Unit(end, [], [line])

    def carry(self, patch):
        if self.patch:
            raise Stop(f"{self.path}: both {self.patch.name} and {patch.name} carry it")
        self.patch = patch
        self.step = patch.number

    def select(self, claim):
        """Give the units that the claim names to its patch."""
        inside = False
        for i, unit in enumerate(self.units):
            if not inside and unit.matches(claim.first):
                inside = True
                # The line that opens a comment says nothing to match.
                if i and unit.added[:1] and unit.added[0].lstrip().startswith("* ") and \
                   [line.strip() for line in self.units[i - 1].added] in (["/*"], ["/**"]):
                    self.units[i - 1].claim = claim
            elif not inside:
                continue
            elif claim.exclusive and unit.matches(claim.last):
                break
            # Of several texts that name a line, the last one has it.
            unit.claim = claim
            claim.matched = True
            if not claim.last or (not claim.exclusive and unit.matches(claim.last)):
                inside = False

    def content(self, step):
        """The file as of the step, or None if there is none yet."""
        if self.old is None and step < min(unit.step for unit in self.units):
            return None
        if all(unit.step <= step for unit in self.units):
            return self.new
        old = (self.old or "").splitlines(keepends=True)
        lines, at, replaced, added_blank = [], 0, set(), False
        for unit in self.units:
            # What comes later leaves no gap behind.
            if added_blank and old[at:min(at + 1, unit.at)] == ["\n"]:
                lines.pop()
            added_blank = added_blank and at == unit.at
            lines += old[at:unit.at]
            at = unit.at + len(unit.removed)
            if unit.step <= step:
                blank = unit.added == ["\n"] and not unit.removed
                if not (blank and lines and lines[-1] == "\n"):
                    lines += unit.added
                    added_blank = blank
                continue
            lines += unit.removed
            if unit.claim and unit.claim not in replaced and step >= self.step:
                replaced.add(unit.claim)
                lines += [line + "\n" for line in unit.claim.instead]
        if added_blank and old[at:at + 1] == ["\n"]:
            lines.pop()
        lines += old[at:]
        if self.old is None:
            while lines[-1] == "\n":
                lines.pop()
        if Path(self.path).name == "Makefile":
            lines = self.mend_makefile(lines, step)
        return "".join(lines)

    def mend_makefile(self, lines, step):
        """Leave out objects that come later, and a backslash before nothing."""
        result = []
        for line in lines:
            rest = line
            for name, later in self.objects.items():
                if later > step:
                    rest = re.sub(rf"\s{name}\.o\b", "", rest)
            if rest == line or ".o" in rest:
                result.append(rest)
        for i, line in enumerate(result):
            ends = i + 1 == len(result) or not re.match(r"\s+\S", result[i + 1])
            if line.endswith("\\\n") and ends:
                result[i] = line[:-2].rstrip() + "\n"
        return result


def step_of_function(name, folder, files):
    """When the .c file of the folder that defines the function arrives."""
    form = re.compile(rf"^(?!static)[\w *]*\b{name}\(", re.M)
    for file in files.values():
        if os.path.dirname(file.path) == folder and file.path.endswith(".c"):
            for match in form.finditer(file.new):
                if not file.new[match.start():].partition(")")[2].lstrip().startswith(";"):
                    return file.step
    return 0


def follow_names(file, files):
    """Lines that name a file or function of the folder arrive with it."""
    folder = os.path.dirname(file.path)

    def step_of(name):
        found = files.get(f"{folder}/{name}")
        return found.step if found and found.old is None else 0

    row_step = 0
    depth = 0
    for unit in file.units:
        line = unit.added[0] if unit.added and not unit.removed else ""
        step = file.step
        if Path(file.path).name == "Makefile":
            names = re.findall(r"\b(\w+)\.o\b", "".join(unit.added))
            file.objects |= {name: step_of(name + ".c") for name in names}
            if line and names:
                step = min(file.objects[name] for name in names)
        elif include := re.match(r'#include "(\w+\.h)"', line):
            step = step_of(include[1])
        elif listed := re.match(r" \*\t(\w+\.c)\t", line):
            step = step_of(listed[1])
        elif row := re.match(r"\tCOMMAND\(\w+, (\w+),", line):
            row_step = step = step_of_function(row[1], folder, files)
            depth = line.count("(") - line.count(")")
        elif depth > 0:
            step = row_step
            depth += line.count("(") - line.count(")")
        unit.step = unit.claim.patch.number if unit.claim else max(step, file.step)
    follow_neighbours(file)


def follow_neighbours(file):
    """Empty lines arrive with what they set apart."""
    blanks = (["\n"], [" *\n"])
    for before, unit, after in zip(file.units, file.units[1:], file.units[2:] + [None]):
        if unit.added not in blanks or unit.removed or unit.claim:
            continue
        neighbours = [before] if before.at == unit.at and before.added not in blanks else []
        if after and after.at == unit.at and not after.removed and after.added not in blanks:
            neighbours.append(after)
        unit.step = min((neighbour.step for neighbour in neighbours), default=unit.step)


def read_texts():
    texts = sorted(TEXTS.glob("[0-9]*.txt"))
    cover, *paths = texts
    return cover.read_text(), [Patch(path, number) for number, path in enumerate(paths, 1)]


def assign(patches, files):
    """Find the step of each unit of each file."""
    # A pattern with * is for what nobody names.
    named = {path for patch in patches for claim in patch.claims if claim.whole and "*" not in claim.path
             for path in fnmatch.filter(files, claim.path)}
    for patch in patches:
        for claim in patch.claims:
            for path in fnmatch.filter(files, claim.path):
                claim.matched |= claim.whole
                if not claim.whole:
                    files[path].select(claim)
                elif path not in named or path == claim.path or "*" not in claim.path:
                    files[path].carry(patch)
            if not claim.matched:
                raise Stop(f"{patch.name}: nothing matches: {claim.line}")
    for path, file in files.items():
        if not file.step:
            raise Stop(f"{path}: no patch carries it; name it in a text of harness/release/series/")
    for file in files.values():
        follow_names(file, files)


def git(*arguments, cwd, **options):
    return subprocess.run(["git", *arguments], cwd=cwd, check=True, text=True,
                          stdout=subprocess.PIPE, **options).stdout


def author():
    name, email, date = git("log", "-1", "--format=%an%n%ae%n%aD", cwd=FOLDER).splitlines()
    return {"NAME": name, "EMAIL": email, "DATE": date}


def make_commits(patches, files, tree):
    shutil.rmtree(tree, ignore_errors=True)
    tree.mkdir(parents=True)
    git("init", "-q", "-b", "series", cwd=tree)
    who = author()
    environment = os.environ | {f"GIT_{role}_{key}": value for key, value in who.items()
                                for role in ("AUTHOR", "COMMITTER")}

    def commit(step, message):
        for path, file in files.items():
            content = file.old if step == 0 else file.content(step)
            target = tree / path
            if content is None or (target.exists() and target.read_text() == content):
                continue
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(content)
            target.chmod(file.mode)
        git("add", "-A", "-f", cwd=tree)
        if not git("status", "--porcelain", cwd=tree):
            raise Stop(f"{patches[step - 1].name}: changes nothing")
        git("commit", "-q", "-F", "-", cwd=tree, input=message, env=environment)

    commit(0, "linux-source-6.1\n")
    git("tag", "base", cwd=tree)
    for patch in patches:
        commit(patch.number, f"{patch.message}\nSigned-off-by: {who['NAME']} <{who['EMAIL']}>\n")
    for path, file in files.items():
        if (tree / path).read_text() != file.new:
            raise Stop(f"{path}: the series does not end in the composed file")
    return who


def write_mail(cover, who, tree, out):
    git("config", "branch.series.description", cover, cwd=tree)
    environment = os.environ | {"GIT_COMMITTER_" + key: value for key, value in who.items()}
    for stale in out.glob("*.patch"):
        stale.unlink()
    # Without the version of git, which is not of interest.
    git("format-patch", "-q", "--cover-letter", "--cover-from-description=subject",
        "--subject-prefix=PATCH 6.1", "--signature=", "--zero-commit", "-o", str(out.resolve()),
        "base..series", cwd=tree, env=environment)


def check_mail(tree, out):
    """What git am makes of the patches is what they were made of."""
    git("checkout", "-q", "-B", "received", "base", cwd=tree)
    environment = os.environ | {"GIT_COMMITTER_NAME": "series", "GIT_COMMITTER_EMAIL": "series"}
    mails = sorted(str(path.resolve()) for path in out.glob("*.patch"))[1:]
    git("am", "-q", "--whitespace=error", *mails, cwd=tree, env=environment)
    git("diff", "--exit-code", "--stat", "series", "received", cwd=tree)
    git("checkout", "-q", "series", cwd=tree)


def main():
    build, out = Path(sys.argv[1]), Path(sys.argv[2])
    manifest = (build / "linux.manifest").read_text().splitlines()
    files = {path: File(path, build) for path in sorted(line.split("  ", 1)[1] for line in manifest)}
    cover, patches = read_texts()
    assign(patches, files)
    out.mkdir(parents=True, exist_ok=True)
    who = make_commits(patches, files, out / "git")
    write_mail(cover, who, out / "git", out)
    check_mail(out / "git", out)
    print(f"series: {len(patches)} patches for {len(files)} files in {out}")


if __name__ == "__main__":
    try:
        main()
    except Stop as stop:
        sys.exit(f"series: {stop}")
    except subprocess.CalledProcessError as error:
        sys.exit(f"series: {' '.join(error.cmd[:2])} failed: {error.stdout}")
