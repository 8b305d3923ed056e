#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Check that what the documents name exists: files and folders in `backquotes` or links, make targets, commands.

Prints each dead name with its place and exits 1 if there is one.
"""
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent

LINK = re.compile(r"\]\(([^)#\s]+)(?:#[^)]*)?\)")
NAMED = re.compile(r"`((?:src/[a-z]+/|tests|tools|docs|examples|runtimes|bench|packaging)[A-Za-z0-9_./-]*)`")
MAKE = re.compile(r"`make ([a-z-]+)`")


def main():
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.M))
    files = subprocess.run(["git", "ls-files", "--cached", "--others", "--exclude-standard", "*.md"], cwd=ROOT,
                           text=True, capture_output=True, check=True).stdout.split()
    bad = 0
    for name in files:
        path = ROOT / name
        for number, line in enumerate(path.read_text().splitlines(), 1):
            names = [(path.parent / m, m) for m in LINK.findall(line) if "://" not in m and not m.startswith("mailto:")]
            names += [(ROOT / m, m) for m in NAMED.findall(line)]
            for target, shown in names:
                if not target.exists():
                    print(f"{name}:{number}: '{shown}' does not exist")
                    bad += 1
            for target in MAKE.findall(line):
                if target not in targets:
                    print(f"{name}:{number}: there is no 'make {target}'")
                    bad += 1
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
