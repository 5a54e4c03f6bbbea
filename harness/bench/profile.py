#!/usr/bin/env python3
# Usage: profile.py LOG SYSTEM_MAP
"""Say which functions of the kernel executed the instructions of each row.

LOG is what the benchmark printed, with LOG.window.NUMBER from the plugin of profile.c.
For each row: instructions for one unit, then those of each function with how often it was
called for one unit, down to a thousandth of the whole.
"""
import bisect
import re
import sys
from collections import Counter

KERNEL = 0xffffffff80000000


class Symbols:
    """The functions of a kernel by address"""

    def __init__(self, path):
        with open(path, encoding='ascii') as lines:
            symbols = [line.split()[:3] for line in lines]
        functions = sorted((int(address, 16), name) for address, kind, name in symbols
                           if kind in 'tTwW' or name == '_end')
        self.addresses = [address for address, _ in functions]
        self.names = [name for _, name in functions]

    def find(self, address):
        """Name of the function, and whether it begins there"""
        index = bisect.bisect_right(self.addresses, address) - 1
        if address < KERNEL or index < 0:
            return '(program)', False
        if self.names[index] == '_end':
            return '(module)', False
        return self.names[index], self.addresses[index] == address


def read_window(path, symbols):
    """Instructions and calls of each function"""
    instructions, calls = Counter(), Counter()
    with open(path, encoding='ascii') as lines:
        for line in lines:
            address, count = line.split()
            name, is_first = symbols.find(int(address, 16))
            instructions[name] += int(count)
            if is_first:
                calls[name] = int(count)
    return instructions, calls


def show_row(row, units, instructions, calls):
    total = sum(instructions.values())
    print(f'{row}: {total / units:.2f}')
    shown = [item for item in instructions.most_common() if item[1] * 1000 >= total]
    for name, count in shown:
        called = f'{calls[name] / units:.3f}' if calls[name] else ''
        print(f'{count / units:12.2f} {called:>10}  {name}')
    rest = total - sum(count for _, count in shown)
    print(f'{rest / units:12.2f} {"":10}  (others)\n')


def main():
    log, symbols = sys.argv[1], Symbols(sys.argv[2])
    with open(log, encoding='utf-8', errors='replace') as file:
        text = file.read().replace('\r', '')
    for row, number, units in re.findall(r'^window (\S+) (\d+) (\d+)$', text, re.M):
        show_row(row, int(units), *read_window(f'{log}.window.{number}', symbols))


if __name__ == '__main__':
    main()
