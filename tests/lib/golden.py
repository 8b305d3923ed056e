# SPDX-License-Identifier: Apache-2.0
"""Outputs as they should be, word by word, in tests/integration/golden/NAME.txt.

What differs from run to run is masked: times, ids, durations, ports. After a wanted change, look at what differs and write them anew:
    EVOKE_GOLDEN=write pytest tests/integration/test_golden.py; git diff tests/integration/golden
"""
import difflib
import os
import pathlib
import re

FOLDER = pathlib.Path(__file__).resolve().parent.parent / "integration/golden"

MASKS = [
    (r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b", "<id>"),
    (r"\b[0-9a-f]{64}\b", "<sha256>"),
    (r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", "<time>"),
    (r"\b\d\d:\d\d:\d\d\.\d{3}\b", "<clock>"),
    (r"127\.0\.0\.1:\d+", "<address>"),
]


def mask(text, masks=()):
    for pattern, name in [*masks, *MASKS]:
        text = re.sub(pattern, name, text)
    return text


def same(name, text, masks=()):
    """text, masked (masks None: not at all), is what golden/NAME.txt says, where control characters are written as \\x1b."""
    path = FOLDER / f"{name}.txt"
    got = (text if masks is None else mask(text, masks)).rstrip("\n") + "\n"
    got = re.sub(r"[\x00-\x09\x0b-\x1f\x7f\u202a-\u202e\u2066-\u2069]", lambda m: ascii(m.group())[1:-1], got)
    if os.environ.get("EVOKE_GOLDEN") == "write":
        FOLDER.mkdir(exist_ok=True)
        path.write_text(got)
    want = path.read_text() if path.exists() else ""
    difference = "".join(difflib.unified_diff(want.splitlines(True), got.splitlines(True), str(path), "got"))
    assert not difference, f"golden/{name}.txt differs (EVOKE_GOLDEN=write, if this is wanted):\n{difference}"
