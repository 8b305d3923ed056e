# SPDX-License-Identifier: Apache-2.0
"""What the table of commands is printed as: docs/cli.md, the manual, help on a terminal and elsewhere."""
import os
import pathlib
import re
import shutil
import subprocess

import pytest
from evoked import BUILD
from terminal import Terminal

pytestmark = pytest.mark.slow  # a constant table, printed

ROOT = pathlib.Path(__file__).resolve().parents[2]
EVOKE = BUILD / "evoke"
BARE = {"PATH": os.environ["PATH"], "HOME": "/nonexistent"}


def evoke(*args, **kw):
    return subprocess.run([EVOKE, *args], capture_output=True, text=True, env=BARE, timeout=30, check=False, **kw)


def commands():
    return re.findall(r"^## evoke (.+)$", evoke("docs", "markdown").stdout, re.MULTILINE)


def test_the_page_of_commands_is_current():
    assert (ROOT / "docs/cli.md").read_text() == evoke("docs", "markdown").stdout, "run `make docs` and commit docs/cli.md"


def test_the_manual_has_a_page_for_each_command_and_no_roff_mistake(tmp_path):
    assert evoke("docs", "man", str(tmp_path / "man1")).returncode == 0
    pages = sorted((tmp_path / "man1").iterdir())
    wanted = {"evoke.1"} | {f"evoke-{c.replace(' ', '-')}.1" for c in commands()}
    assert {p.name for p in pages} == wanted and len(wanted) > 15
    checked = 0
    for tool in (["groff", "-ww", "-man", "-Tutf8", "-z"], ["mandoc", "-Tlint", "-Wwarning"]):
        if not shutil.which(tool[0]):
            continue
        checked += 1
        for page in pages:
            r = subprocess.run([*tool, page], capture_output=True, text=True, check=False)
            said = "\n".join(line for line in (r.stdout + r.stderr).splitlines() if "missing date" not in line)
            assert said == "", f"{tool[0]} {page.name}: {said}"
    if not checked:
        pytest.skip("neither groff nor mandoc is installed")


def test_every_command_has_help_in_three_ways():
    for name in commands():
        long = evoke("help", *name.split())
        assert long.returncode == 0 and long.stderr == "" and long.stdout.startswith(f"usage: evoke {name}")
        assert evoke(*name.split(), "--help").stdout == evoke(*name.split(), "-h").stdout == long.stdout
    p = evoke()
    assert p.returncode == 2 and p.stdout == "" and p.stderr.startswith("usage: evoke COMMAND")
    assert evoke("--help").stdout == evoke("help").stdout == evoke("-h").stdout == p.stderr


@pytest.mark.parametrize("words,said", [
    (["lsit"], "there is no command 'lsit'\n  next: did you mean `evoke list`?"),
    (["frobnicate"], "there is no command 'frobnicate'\n  next: `evoke help`"),
    (["key", "ad"], "there is no command 'key ad'\n  next: did you mean `evoke key add`?"),
    (["help", "invok"], "did you mean `evoke invoke`?"),
    (["invoke"], "invoke: NAME is missing"),
    (["list", "a"], "list: takes no words, and there is 'a'"),
    (["get", "a", "b"], "get: one word too many: 'b'"),
    (["list", "--dialec=fc"], "list: unknown option '--dialec'; did you mean '--dialect'?"),
    (["list", "--output", "xml"], "list: --output is table, json or yaml, not 'xml'"),
    (["top", "-n", "0"], "top: --count: 0 is outside 1 to"),
    (["top", "-n"], "top: --count needs a value (N)"),
    (["delete", "-yy", "a"], "delete: --yes is given twice"),
    (["completion", "tcsh"], "'tcsh' is not bash, zsh or fish"),
])
def test_a_slip_is_named_with_what_was_meant(words, said):
    p = evoke(*words)
    assert p.returncode == 2 and p.stdout == "" and said in p.stderr and p.stderr.startswith("evoke: ")


def test_a_family_lists_its_commands():
    p = evoke("key")
    assert p.returncode == 2 and "key add" in p.stderr and "key remove" in p.stderr
    assert evoke("key", "--help").stdout == evoke("help", "key").stdout == p.stderr


@pytest.mark.parametrize("env,coloured", [({}, True), ({"NO_COLOR": "1"}, False), ({"TERM": "dumb"}, False), ({"NO_COLOR": ""}, True)])
def test_colours_only_where_they_are_wanted(env, coloured):
    with Terminal([EVOKE, "list", "--endpoint", "http://127.0.0.1:1"],
                  env={"EVOKE_ACCESS_KEY": "a", "EVOKE_SECRET_KEY": "b", **env}) as t:
        assert t.wait() == 7
        assert (b"\x1b[" in t.raw) == coloured
        assert "evoke: no daemon at http://127.0.0.1:1" in t.text()
    assert "\x1b" not in evoke("list", "--endpoint", "http://127.0.0.1:1").stderr


def test_every_help_fits_a_terminal_of_24_lines():
    for name in commands():
        if name == "serve":
            continue
        with Terminal([EVOKE, "help", *name.split()]) as t:
            assert t.wait() == 0
            assert t.text() == t.visible() and "usage: evoke" in t.visible(), name


def test_output_that_cannot_be_written_is_no_success(tmp_path):
    with open("/dev/full", "w") as full:
        p = subprocess.run([EVOKE, "docs", "markdown"], stdout=full, stderr=subprocess.PIPE, text=True, env=BARE, check=False)
    assert p.returncode == 70 and p.stderr
    read, write = os.pipe()
    os.close(read)
    p = subprocess.run([EVOKE, "docs", "markdown"], stdout=write, stderr=subprocess.PIPE, text=True, env=BARE, check=False)
    os.close(write)
    assert p.returncode == 141 and p.stderr == ""
