#!/usr/bin/env python3
# Usage: check_layers.py BUILD OBJECTS
"""Check that calls and includes of iommufd go down.

The list at the head of main.c is the order of the files: "name.c<tab>subject" on a line. What
a file uses of others is what the compiler left undefined in its object below OBJECTS, and what
it includes. The picture of the layers in the maintainers' page has all files of that list, or
the text under it has them, and no other; and an arrow for each pair of its boxes that a call
connects, and no other. What files call outside of iommufd, their source tells: the object has
nothing of what is configured away.
"""
import re
import subprocess
import sys
from pathlib import Path

FOLDER = "drivers/iommu/iommufd"
PAGE = "Documentation/driver-api/iommufd.rst"
# Structures that the files below work on, too
SHARED = {"context", "user_memory"}
# Beside all layers: the files of tests look everywhere.
TESTS = {"mock_dirty", "mock_iommu", "test_commands", "test_dirty"}
# The dashed boxes of the picture: which calls go there, and from which file they call others
OUTSIDE = {
    "bell": r"\biommu_doorbell_\w+\(",
    "core": r"\biommu_(?!doorbell_)\w+\(",
    "mm": r"\b(?:(?:un)?pin_user_page|file_pin_)\w*\(",
}
OUTSIDE_FILES = {"bell": "drivers/iommu/iommu-doorbell.c"}


def read_order(text):
    head = text[:text.index("*/")]
    return re.findall(r"^ \*\t(\w+)\.c\t+", head, re.M)


def read_symbols(objects):
    """Which file defines a symbol, and which symbols a file leaves undefined."""
    defined, undefined = {}, {}
    for path in sorted((objects / FOLDER).glob("*.o")):
        name = path.stem
        if not (path.parent / f".{path.name}.cmd").exists() or name == "iommufd" or "." in name:
            continue
        undefined[name] = set()
        lines = subprocess.run(["nm", str(path)], stdout=subprocess.PIPE, text=True,
                               check=True).stdout.splitlines()
        for words in map(str.split, lines):
            if words[0] == "U":
                undefined[name].add(words[1])
            elif len(words) == 3 and words[1] in "TDBR":
                defined[words[2]] = name
    return defined, undefined


def list_calls(objects):
    """{(from, to): symbols} of all pairs of files."""
    calls = {}
    defined, undefined = read_symbols(objects)
    for name, symbols in undefined.items():
        for symbol in sorted(symbols & defined.keys()):
            if defined[symbol] != name:
                calls.setdefault((name, defined[symbol]), []).append(symbol)
    return calls


def check_order(folder, order, calls):
    rank = {name: i for i, name in enumerate(order)}
    for path in sorted(folder.glob("*.c")):
        name = path.stem
        if name == "main" or name in TESTS or name.endswith("_kunit"):
            continue
        if name not in rank:
            print(f"{FOLDER}/main.c: the list of files lacks {path.name}")
            continue
        for include in re.findall(r'^#include "(\w+)\.h"', path.read_text(), re.M):
            if include not in SHARED and rank.get(include, len(order)) < rank[name]:
                print(f"{FOLDER}/{path.name}: includes {include}.h, which is above it in main.c's list")
    for name in order:
        if not (folder / f"{name}.c").exists():
            print(f"{FOLDER}/main.c: the list of files has {name}.c, which is not there")
    for (name, other), symbols in sorted(calls.items()):
        if name in rank and rank.get(other, len(order)) < rank[name]:
            print(f"{FOLDER}/{name}.c: calls up into {other}.c: {', '.join(symbols)}")


def list_outside_calls(linux, box_of):
    """{(box, dashed box)}"""
    sources = {linux / FOLDER / f"{name}.c": box for name, box in box_of.items()}
    sources |= {linux / path: box for box, path in OUTSIDE_FILES.items()}
    for path, box in sources.items():
        code = re.sub(r"/\*.*?\*/", "", path.read_text(), flags=re.S) if path.exists() else ""
        for outside, form in OUTSIDE.items():
            if box != outside and re.search(form, code):
                yield box, outside


def check_picture(linux, order, calls):
    """Files that stand beside the boxes in the text have no arrows."""
    page = (linux / PAGE).read_text()
    picture = page[page.index("digraph layers"):]
    picture = picture[:picture.index("\n   }")]
    box_of = {}
    for box, label in re.findall(r'(\w+)\s*\[label="([^"]*)"', picture):
        for name in re.findall(r"(\w+)\.c\b", label.replace("\\n", " ")):
            box_of[name] = box
    drawn = set(re.findall(r"(\w+) -> (\w+)", picture))
    dashed = set(re.findall(r"(\w+)\s*\[[^]]*style=dashed", picture))
    for box in sorted(dashed ^ OUTSIDE.keys()):
        print(f"{PAGE}: the dashed box {box} of the picture of the layers is not one of those looked for")
    # The box of what pins has a file of mm/ in it.
    box_of = {name: box for name, box in box_of.items() if box not in dashed}
    called = set(list_outside_calls(linux, box_of))
    for name, other in calls:
        boxes = box_of.get(name), box_of.get(other)
        if None not in boxes and boxes[0] != boxes[1]:
            called.add(boxes)
    for one, other in sorted(called - drawn):
        print(f"{PAGE}: the picture of the layers lacks {one} -> {other}")
    for one, other in sorted(drawn - called):
        print(f"{PAGE}: the picture of the layers has {one} -> {other}, which nobody calls")
    for name in order:
        if name not in box_of and f"``{name}.c``" not in page:
            print(f"{PAGE}: neither the picture of the layers nor the text has {name}.c")
    for name in sorted(box_of.keys() - {*order, "main"}):
        print(f"{PAGE}: the picture of the layers has {name}.c, and main.c's list has not")


def main():
    build, objects = Path(sys.argv[1]), Path(sys.argv[2])
    folder = build / "linux" / FOLDER
    order = read_order((folder / "main.c").read_text())
    calls = list_calls(objects)
    if not calls:
        print(f"{objects}/{FOLDER}: has no objects")
    check_order(folder, order, calls)
    check_picture(build / "linux", order, calls)


main()
