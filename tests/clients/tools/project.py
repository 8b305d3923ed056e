# SPDX-License-Identifier: Apache-2.0
"""The projects of docs/tools.md, as files and commands: what the document says is what is run."""
import os
import pathlib
import re
import subprocess

from evoked import BUILD

HERE = pathlib.Path(__file__).parent
BIN = HERE / "node_modules" / ".bin"
DOCUMENT = HERE.parent.parent.parent / "docs" / "tools.md"

FILE = re.compile(r"^`([^`\n]+)`:\n\n```[a-z]*\n(.*?)^```$", re.M | re.S)
SCRIPT = re.compile(r"(?<!:\n\n)^```sh\n(.*?)^```$", re.M | re.S)
ENDPOINT = "http://127.0.0.1:8900"


def section(title):
    text = DOCUMENT.read_text()
    return re.search(rf"^## {re.escape(title)}$(.*?)(?=^## |\Z)", text, re.M | re.S).group(1)


def files_of(title, directory):
    for name, text in FILE.findall(section(title)):
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return directory


def script_of(title):
    """The lines of the section's last script; a line that sets variables stands before each of the others."""
    lines = SCRIPT.findall(section(title))[-1].strip().splitlines()
    setting = [x for x in lines if x.startswith(". ")]
    return ["\n".join([*setting, x]) for x in lines if x not in setting]


def run(e, directory, *scripts, env=None):
    """Each in a shell of its own; as the document has them, but for the port."""
    full = {"PATH": f"{BIN}:{BUILD}:{os.environ['PATH']}", "HOME": str(directory), "EVOKE_ACCESS_KEY": e.access_key, "EVOKE_SECRET_KEY": e.secret_key,
            "EVOKE_ENDPOINT": e.url, "NO_UPDATE_NOTIFIER": "1", "CI": "1", **(env or {})}
    for path in directory.glob("*.env"):
        path.write_text(path.read_text().replace(ENDPOINT, e.url))
    return [subprocess.run(["sh", "-c", text.replace(ENDPOINT, e.url)], cwd=directory, env=full, capture_output=True, text=True, timeout=250,
                           check=False, stdin=subprocess.DEVNULL) for text in scripts]
