#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Check that what a scope frees has begun by then.

`cleanup_with(buf_done) struct buf b;` and a `return` before buf_init() frees what lay on the stack. Compilers do not
see it, since the clean-up takes an address. So: `= {0}`, or nothing returns before the variable is first named. Prints
each breach with its line and exits 1 if there is one.
"""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
OWNED = re.compile(r"cleanup_with\(\w+_done\) struct \w+ (\w+);")


def breaches(lines):
    """(line of the variable, line of the return), from 1."""
    for at, line in enumerate(lines):
        m = OWNED.search(line)
        if not m:
            continue
        named = re.compile(rf"\b{m.group(1)}\b")
        for later in range(at + 1, len(lines)):
            if lines[later] == "}" or named.search(lines[later]):
                break
            if re.search(r"\breturn\b", lines[later]):
                yield at + 1, later + 1
                break


def main():
    bad = 0
    for path in sorted((ROOT / "src").rglob("*.c")):
        for at, leaves in breaches(path.read_text().split("\n")):
            print(f"{path.relative_to(ROOT)}:{at}: freed at the return of line {leaves} without having begun; '= {{0}}' mends it")
            bad = 1
    return bad


if __name__ == "__main__":
    sys.exit(main())
