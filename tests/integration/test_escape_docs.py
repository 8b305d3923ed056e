# SPDX-License-Identifier: Apache-2.0
"""The auditor's page names checks that exist, and the threat model every check that an ordinary user's daemon does not pass."""
import re

import pytest

from escape_table import CHECKS
from evoked import ROOT
from fault_table import BY_NAME

pytestmark = pytest.mark.slow  # pages are read, nothing is run

PAGE = ROOT / "docs/sandbox.md"


def functions():
    text = "".join(p.read_text() for p in (ROOT / "tests/integration").glob("*.py"))
    return set(re.findall(r"^def (test_\w+)", text, re.M))


def rows(path):
    """Tables of a page: the cells of each row, heads and rules left out."""
    for line in path.read_text().splitlines():
        cells = [c.strip() for c in line.strip().strip("|").split("|")]
        if line.startswith("|") and not re.match(r"-+$", cells[0]):
            yield cells


def shown():
    """(name, row) for what stands in the last column of a table that ends with `shown by` or `goes red`."""
    head = None
    for cells in rows(PAGE):
        if cells[-1] in ("shown by", "goes red"):
            head = cells
        elif head and len(cells) == len(head):
            for name in re.findall(r"`([^`]+)`", cells[-1]):
                yield name, cells


def test_the_page_has_tables():
    assert len(list(shown())) > 100 and all(re.findall(r"`([^`]+)`", cells[-1]) for _, cells in shown())


@pytest.mark.parametrize("name", sorted({n for n, _ in shown()}))
def test_the_page_names_a_check(name):
    assert name in CHECKS or name in BY_NAME or name in functions() or (ROOT / name).is_file(), f"no check is called '{name}'"


@pytest.mark.parametrize("name", [n for n, c in CHECKS.items() if "done" in c.expected["root"] | c.expected["user"]])
def test_what_is_not_stopped_is_admitted(name):
    assert f"`{name}`" in (ROOT / "docs/THREAT-MODEL.md").read_text()


def test_files_that_the_page_names_are_there():
    for path in re.findall(r"`((?:src|tests)/[\w./]+)`", PAGE.read_text()):
        assert (ROOT / path).exists(), path
