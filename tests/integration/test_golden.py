# SPDX-License-Identifier: Apache-2.0
"""What commands print, word by word, in a pipe and on a terminal of 80 columns and 24 rows. See tests/lib/golden.py."""
import os
import re
import subprocess

import pytest
from golden import same
from terminal import Terminal

MANIFEST = """functions:
  greeting:
    runtime: Python3.9
    handler: index.handler
    description: says hello to whoever asks, in a sentence too long for a terminal of eighty columns
    environment: {GREETING: hi}
  broken:
    runtime: Python3.9
    handler: index.missing
"""
CODE = '''
def handler(event, context):
    print("a line of the log, with \\x1b[31mcolour\\x1b[0m")
    if event.get("fail"):
        raise KeyError("name")
    return {"hello": event.get("name", "nobody")}
'''

# What differs from run to run, and so the width of its column.
MASKS = [
    (r"\b[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\b", "<id>"),
    (r"\b[0-9a-f]{8}-[0-9a-f-]{10,}…", "<id>"),
    (r"\b[0-9a-f]{64,128}\b", "<hash>"),
    (r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d+)?Z?)?", "<time>"),
    (r"\b\d\d:\d\d:\d\d\.\d{3} [0-9a-f]{8}\b", "<clock> <id>"),
    (r"(code\.size +)\d+", r"\1<n>"),
    (r"(?<!\[)\b(now|\d+(\.\d+)? ?(ms|us|MB|MiB|KiB|s|m)( ago)?)(?!\w)", "<n>"),
    (r"\b(demand|spare|stock|zygote|slot)\b", "<how>"),
    (r"  (idle|frozen|busy)  ", "  <idle>  "),
    (r"Handler 'missing'[^…\n]*…", "<cut>…"),
    (r"The next is tried [^;]*;", "The next is tried <n>;"),
    (r"in a row, the next .*", "in a row, the next <n>"),
    (r" {2,}", "  "),
]


@pytest.fixture
def daemon(tmp_path, evoke):
    (tmp_path / "evoke.yaml").write_text(MANIFEST)
    (tmp_path / "index.py").write_text(CODE)
    evoke.folder = tmp_path
    return evoke


def environment(e):
    return {"PATH": os.environ["PATH"], "HOME": "/nonexistent", "TZ": "UTC", "EVOKE_ENDPOINT": e.url, "EVOKE_ACCESS_KEY": e.access_key,
            "EVOKE_SECRET_KEY": e.secret_key, "EVOKE_DATA": str(e.data_dir)}


def shown(text):
    return re.sub(r"[ \t]+$", "", text, flags=re.M)


CASES = [  # in order: each sees what those before did
    ("list-empty", ["list"]),
    ("deploy-first", ["deploy", "."]),
    ("deploy-again", ["deploy", "."]),
    ("list", ["list"]),
    ("get", ["get", "greeting"]),
    ("invoke", ["invoke", "greeting", "--event", '{"name":"you"}']),
    ("invoke-fails", ["invoke", "greeting", "--event", '{"fail":true}']),
    ("invoke-broken", ["invoke", "broken"]),
    ("why", ["why", "greeting"]),
    ("why-broken", ["why", "broken"]),
    ("logs-of-greeting", ["logs", "greeting"]),
    ("delete", ["delete", "greeting", "--yes"]),
    ("get-unknown", ["get", "greting"]),
    ("unknown-command", ["lgos"]),
    ("unknown-option", ["list", "--outptu", "json"]),
]


@pytest.mark.parametrize("where", ["pipe", "terminal"])
def test_what_commands_print(daemon, where):
    wrong = []
    for name, words in CASES:
        argv = [daemon.program, *words]
        if where == "pipe":
            p = subprocess.run(argv, env=environment(daemon), capture_output=True, text=True, timeout=60, check=False, cwd=daemon.folder)
            text = f"{p.stdout}\n---- stderr ----\n{p.stderr}\n---- exit code {p.returncode}\n"
        else:
            with Terminal(argv, env=environment(daemon), cwd=daemon.folder, wrap=False) as t:
                code = t.wait()
                text = f"{t.text()}\n---- exit code {code}\n"
        try:
            same(f"{name}-{where}", shown(text), [*MASKS, (re.escape(str(daemon.folder)), "<folder>")])
        except AssertionError as e:
            wrong.append(str(e))
    assert not wrong, "\n".join(wrong)
