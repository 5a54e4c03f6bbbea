#!/usr/bin/env python3
# Usage: table.py OUT COLUMNS
"""Make a table of what the benchmark printed on each kernel.

COLUMNS is columns.list. OUT/logs/NAME.log is the report of a column, and NAME.time.log what
it measured in real time. Written are OUT/bench.csv, bench.md, and bench.dat for the picture;
the table goes to stdout.

A column that was not run, and a row that a column says it has not, stay empty. A row that a
report lacks and another has, a report without an end, and a clock that does not count
instructions are errors.
"""
import csv
import os
import re
import sys
from collections import namedtuple

# Name, names of the columns to compare with, title
Column = namedtuple('Column', 'name against title')
# What a row counts, what it does in words, and its value in each column by name
Row = namedtuple('Row', 'unit text values')


def fail(message):
    sys.exit(f'table: {message}')


def read_columns(path):
    with open(path, encoding='ascii') as lines:
        for line in lines:
            if not line.startswith('#'):
                name, _, _, against, title = line.split(maxsplit=4)
                yield Column(name, against.split(','), title.strip())


def check_report(path, text, counts_instructions):
    if not re.search(r'^end$', text, re.M):
        fail(f'{path} has no end')
    unit = re.search(r'^# one instruction is ([\d.]+)$', text, re.M)
    if counts_instructions and not (unit and 0.99 < float(unit[1]) < 1.01):
        fail(f'{path}: its clock does not count instructions')


def read_report(path, counts_instructions):
    """Name, unit, value or None, and text of each row; a text ends in a word of the name"""
    with open(path, encoding='utf-8', errors='replace') as file:
        text = file.read().replace('\r', '')
    check_report(path, text, counts_instructions)
    for name, unit, value, words in re.findall(r'^row (\S+) (\S+) (\S+) (.*)$', text, re.M):
        yield name, unit, None if value == '-' else float(value), words.replace('_', ' ')


def read_column(out, column, rows):
    """Add what there is of a column to rows, and return the names, or None for nothing"""
    names = None
    for suffix in 'log', 'time.log':
        path = f'{out}/logs/{column.name}.{suffix}'
        if not os.path.exists(path):
            continue
        names = names or []
        for name, unit, value, text in read_report(path, suffix == 'log'):
            rows.setdefault(name, Row(unit, text, {})).values[column.name] = value
            names.append(name)
    return names


def read_rows(out, columns):
    rows = {}
    there = {column.name: read_column(out, column, rows) for column in columns}
    if not rows:
        fail('no report has a row')
    for column, names in there.items():
        missing = [name for name in rows if names is not None and name not in names]
        if missing:
            fail(f'{column} has no row {", ".join(missing)}')
    return rows


def ratio(row, column):
    """To the best of those that the column is compared with, or None"""
    value = row.values.get(column.name)
    peers = [row.values.get(name) for name in column.against]
    peers = [peer for peer in peers if peer is not None]
    if value is None or not peers:
        return None
    best = max(peers) if row.unit == 'times' else min(peers)
    return value / best if best > 0 else None


def compared(columns):
    return [column for column in columns if column.against != ['-']]


def write_csv(path, rows, columns):
    with open(path, 'w', newline='', encoding='utf-8') as file:
        writer = csv.writer(file, lineterminator='\n')
        writer.writerow(['row', 'unit', 'text'] + [column.name for column in columns] +
                        [f'{column.name}_ratio' for column in compared(columns)])
        for name, row in rows.items():
            ratios = [ratio(row, column) for column in compared(columns)]
            writer.writerow([name, row.unit, row.text] +
                            [row.values.get(column.name) for column in columns] +
                            ['' if value is None else f'{value:.4f}' for value in ratios])


def show_value(value):
    if value is None:
        return ''
    return f'{value:.0f}' if value >= 1000 else f'{value:.3g}' if value >= 10 else f'{value:.2f}'


def make_table(rows, columns):
    """Lines of cells, the first one is the heading"""
    yield (['row', 'per'] + [column.title for column in columns] +
           [f'ratio: {column.title}' for column in compared(columns)])
    for name, row in rows.items():
        ratios = [ratio(row, column) for column in compared(columns)]
        yield ([name, row.unit] + [show_value(row.values.get(column.name)) for column in columns] +
               ['' if value is None else f'{value:.3f}' for value in ratios])


def write_markdown(path, rows, columns):
    heading, *lines = make_table(rows, columns)
    with open(path, 'w', encoding='utf-8') as file:
        print('| work |', ' | '.join(heading[1:]), '|', file=file)
        print('|---|---|' + '---:|' * (len(heading) - 2), file=file)
        for row, line in zip(rows.values(), lines):
            print('|', ' | '.join([row.text] + line[1:]), '|', file=file)


def print_table(rows, columns):
    lines = list(make_table(rows, columns))
    widths = [max(map(len, cells)) for cells in zip(*lines)]
    for line in lines:
        cells = [cell.ljust(width) if index < 2 else cell.rjust(width)
                 for index, (cell, width) in enumerate(zip(line, widths))]
        print('  '.join(cells).rstrip())


def write_data(path, rows, columns):
    """For the picture: instructions for a page only, from the last row to the first one"""
    with open(path, 'w', encoding='utf-8') as file:
        print('row', *(f'"{column.title}"' for column in columns), file=file)
        for row in reversed(rows.values()):
            if row.unit == 'page':
                values = [row.values.get(column.name) for column in columns]
                print(f'"{row.text}"', *('NaN' if value is None else value for value in values), file=file)


def main():
    out, columns = sys.argv[1], list(read_columns(sys.argv[2]))
    rows = read_rows(out, columns)
    write_csv(f'{out}/bench.csv', rows, columns)
    write_markdown(f'{out}/bench.md', rows, columns)
    write_data(f'{out}/bench.dat', rows, columns)
    print_table(rows, columns)


if __name__ == '__main__':
    main()
