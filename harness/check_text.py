#!/usr/bin/env python3
# Usage: check_text.py BUILD
"""Check what is said about the code in our files.

- a function in a comment, name(), is one that the kernel has
- a file in a comment of ours, name.c or dir/name.h, is one that the kernel has
- a page of the documentation is all comment; the one on the inside names the handler of each call,
  and each program of tests
- each lock of iommufd has a place in the order of its locks
- an exported function, a function of a public header and a uAPI structure are described
- nothing is left to do
"""
import re
import subprocess
import sys
from pathlib import Path

COMMENT = re.compile(r"/\*.*?\*/", re.S)
PAGE = re.compile(r".+", re.S)
CALL = re.compile(r"\b([A-Za-z_]\w+)\(\)")
FILE = re.compile(r"(?<![\w./*<-])((?:[\w-]+/)*[\w-]+\.[ch])\b")
MAKES_LOCK = re.compile(r"\b(?:mutex_init|init_rwsem|(?:raw_)?spin_lock_init|DEFINE_(?:MUTEX|SPINLOCK)|DECLARE_RWSEM)\(")
# The folders of #include in programs, and of files that a comment may mean
BASES = ["", "include", "include/uapi", "drivers/iommu/iommufd", "tools/testing/selftests",
         "tools/testing/selftests/iommu", "tools/testing/selftests/iommu/lib"]
# Words of the language
NOT_FUNCTIONS = {"sizeof", "main"}
# Functions of the kernel that we only export
UNDESCRIBED = {"iommu_probe_device", "iommu_release_device"}
# Files whose locks are those of a test, or of nobody
BESIDE_ORDER = {"lock_order", "mock_iommu", "pinned_span_kunit", "test_commands"}
FOLDERS = ["arch/x86", "block", "drivers/base", "drivers/iommu", "drivers/pci", "drivers/s390/crypto",
           "drivers/vfio", "fs", "include", "init", "ipc", "kernel", "lib", "mm", "net/core", "samples", "security",
           "tools/include", "tools/lib", "tools/testing", "virt"]


def read_ours(build):
    """Path and text of our own files; of a patched file, only what is ours."""
    for line in (build / "linux.manifest").read_text().splitlines():
        path = line.split("  ", 1)[1]
        text = (build / "linux" / path).read_text()
        if (build / "source" / path).exists():
            old = set((build / "source" / path).read_text().splitlines())
            text = "\n".join("" if line in old else line for line in text.splitlines())
            # Pieces of a comment are comments, too.
            text = re.sub(r"(?m)^(\s*) \*(?!/)(.*)$", r"\1/*\2*/", text.replace("/*", "").replace("*/", ""))
        yield path, text


def line_of(text, position):
    return text.count("\n", 0, position) + 1


def known_names(build, names):
    """Those that the kernel's code uses or defines, system calls by their own name."""
    pattern = build / "check" / "names.txt"
    pattern.write_text("".join(f"{name}\nsys_{name}\n" for name in sorted(names)))
    grep = subprocess.run(
        ["grep", "-rhwF", "-f", str(pattern), "--include=*.[chS]", "--include=*.py", *FOLDERS],
        cwd=build / "linux", stdout=subprocess.PIPE, text=True, check=False, errors="replace")
    found = set(NOT_FUNCTIONS)
    for line in grep.stdout.splitlines():
        if line.lstrip().startswith("*"):
            continue
        code = re.sub(r"/\*.*?\*/|//.*", "", line)
        found |= names.intersection(re.findall(r"\b(?:sys_)?(\w+)\b(?=\s*\(|\s*=|;|,|\))", code))
    return found


def check_comments(build, files):
    calls, missing = {}, []
    for path, text in files.items():
        for comment in (PAGE if path.endswith(".rst") else COMMENT).finditer(text):
            for call in CALL.finditer(comment[0]):
                calls.setdefault(call[1], []).append((path, line_of(text, comment.start() + call.start())))
            for name in FILE.finditer(comment[0]):
                folder = (build / "linux" / path).parent
                bases = [folder, folder.parent] + [build / "linux" / base for base in BASES]
                if not any((base / name[1]).exists() for base in bases):
                    missing.append((path, line_of(text, comment.start() + name.start()), f"no file {name[1]}"))
    known = known_names(build, set(calls))
    missing += [(path, line, f"no function {name}()")
                for name, places in calls.items() if name not in known for path, line in places]
    return missing


def check_handlers(files):
    """Each row of the table of calls is one of the table that is for people, with the same handler."""
    page = "Documentation/driver-api/iommufd.rst"
    for call, handler in re.findall(r"COMMAND\((IOMMU_\w+),\s*(\w+)", files["drivers/iommu/iommufd/main.c"]):
        if call == "IOMMU_TEST_CMD":
            continue
        if not re.search(rf"\* - {call}\n\s+{handler}\(\)", files[page]):
            yield page, 1, f"does not say that {handler}() handles {call}"
    for path in files:
        test = re.fullmatch(r"tools/testing/selftests/((?:iommu|vfio)/\w+_test\.c)", path)
        if test and test[1] not in files[page]:
            yield page, 1, f"does not say what {test[1]} tests"


def check_locks(files):
    """A lock is named in the order, and made so that lockdep knows its place there."""
    folder = "drivers/iommu/iommufd"
    order = files[f"{folder}/lock_order.h"]
    for path, text in files.items():
        name = re.fullmatch(rf"{folder}/(\w+)\.[ch]", path)
        if not name or name[1] in BESIDE_ORDER:
            continue
        for struct in re.finditer(r"(?ms)^struct (\w+) \{\n(.*?)^\};", text):
            for lock in re.finditer(r"(?:struct mutex|struct rw_semaphore|(?:raw_)?spinlock_t) (\w+);", struct[2]):
                if f": {struct[1]}.{lock[1]}." not in order:
                    yield path, line_of(text, struct.start(2) + lock.start()), \
                        f"lock_order.h has no {struct[1]}.{lock[1]}"
        for made in MAKES_LOCK.finditer(text):
            yield path, line_of(text, made.start()), "makes a lock without a place in lock_order.h"


def check_described(build, files):
    """kernel-doc where it is due; scripts/kernel-doc judges its form."""
    everything = "\n".join((build / "linux" / path).read_text() for path in files)
    described = UNDESCRIBED | set(re.findall(r"/\*\*\n\s*\* (?:struct |enum |union )?(\w+)(?:\(\))? +- ", everything))
    for path, text in files.items():
        due = []
        if path.startswith(("drivers/", "mm/")) and path.endswith(".c"):
            due = re.finditer(r"EXPORT_SYMBOL\w*\((\w+)\)", text)
        elif path == "include/uapi/linux/iommufd.h":
            due = re.finditer(r"(?m)^(?:struct|enum) (\w+) \{", text)
        elif path.startswith("include/linux/"):
            due = re.finditer(r"(?m)^(?:struct|enum) (\w+) \{", text)
        for name in due:
            if name[1] not in described:
                yield path, line_of(text, name.start()), f"{name[1]} is not described"


def check_left_over(files):
    for path, text in files.items():
        for word in re.finditer(r"\b(TODO|FIXME|XXX|HACK)\b", text):
            yield path, line_of(text, word.start()), f"{word[1]} is left"


def main():
    build = Path(sys.argv[1]).resolve()
    (build / "check").mkdir(exist_ok=True)
    files = dict(read_ours(build))
    findings = check_comments(build, files)
    findings += check_handlers(files)
    findings += check_locks(files)
    findings += check_described(build, files)
    findings += check_left_over(files)
    for path, line, finding in sorted(findings):
        print(f"{path}:{line}: {finding}")


if __name__ == "__main__":
    main()
