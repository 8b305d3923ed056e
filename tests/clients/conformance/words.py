# SPDX-License-Identifier: Apache-2.0
"""What ${...} means in a case, and how an answer is held against a pattern. README.md is the description of both."""
import base64
import io
import re
import time
import zipfile
from email.utils import formatdate

PROJECT = "0123456789abcdef0123456789abcdef"
ACCOUNT = "123456789"
REGION = "local-1"

SAMPLES = {
    "python-hello": ("index.py", "def handler(event, context):\n    return 'hello'\n\nmain_handler = handler\n"),
    "python-echo": ("index.py", "def handler(event, context):\n    print('a line')\n    return event\n\nmain_handler = handler\n"),
    "python-fail": ("index.py", "def handler(event, context):\n    raise ValueError('on purpose')\n\nmain_handler = handler\n"),
    "node-hello": ("index.js", "exports.handler = exports.main_handler = async () => 'hello';\n"),
}
WORD = re.compile(r"\$\{([^${}]*)\}")


def zip_of(name, data, stored=False):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED if stored else zipfile.ZIP_DEFLATED) as z:
        z.writestr(zipfile.ZipInfo(name, (1980, 1, 2, 0, 0, 0)), data)
    return out.getvalue()


def zip_of_bytes(size):
    """A package of exactly that size: one file, not compressed."""
    around = len(zip_of("index.py", b"", stored=True))
    return zip_of("index.py", b"#" * (size - around), stored=True)


def b64(data):
    return base64.b64encode(data).decode()


class Words:
    def __init__(self, file):
        self.kept = {"file": file, "project": PROJECT, "account": ACCOUNT, "region": REGION}

    def _word(self, match):
        word = match.group(1)
        if word in self.kept:
            return str(self.kept[word])
        if m := re.fullmatch(r"now([+-]\d+)?", word):
            return str(int(time.time()) + int(m.group(1) or 0))
        if word == "date":
            return formatdate(usegmt=True)
        if m := re.fullmatch(r"(.+)\*(\d+)", word, re.S):
            return m.group(1) * int(m.group(2))
        kind, _, rest = word.partition(":")
        if kind == "urn":
            return f"urn:fss:{REGION}:{PROJECT}:function:default:{rest}"
        if kind == "b64":
            return b64((SAMPLES[rest][1] if rest in SAMPLES else rest).encode())
        if kind == "zip":
            return b64(zip_of(*SAMPLES[rest]))
        if kind == "zip-bytes":
            return b64(zip_of_bytes(int(rest)))
        raise ValueError(f"nobody knows ${{{word}}}")

    def text(self, s):
        while WORD.search(s):  # innermost first: ${urn:${file}}
            s = WORD.sub(self._word, s, count=1)
        return s

    def value(self, v):
        if isinstance(v, dict):
            return {self.text(str(k)): self.value(x) for k, x in v.items()}
        if isinstance(v, list):
            return [self.value(x) for x in v]
        if isinstance(v, str):
            if m := re.fullmatch(r"\$\{int:(.*)\}", v):
                return int(self.text("${" + m.group(1) + "}"))
            return self.text(v)
        return v

    def keep(self, wanted, tree):
        for name, path in wanted.items():
            at = tree
            for step in str(path).split("."):
                at = at[int(step)] if isinstance(at, list) else at[step]
            self.kept[name] = at


MISSING = object()


def mismatch(want, have, at="body"):
    """None, or where and why `have` is not what the pattern says."""
    if want == "$absent":
        return None if have is MISSING else f"{at} is {have!r:.200}, and should not be there"
    if have is MISSING:
        return f"{at} is not there"
    if want == "$any":
        return None if have is not None else f"{at} is null"
    if isinstance(want, str) and want.startswith("~"):
        ok = isinstance(have, str) and re.fullmatch(want[1:], have, re.S)
        return None if ok else f"{at} is {have!r:.300}, which does not match {want[1:]}"
    if isinstance(want, dict):
        return _object(want, have, at)
    if isinstance(want, list):
        if not isinstance(have, list) or len(have) != len(want):
            return f"{at} is {have!r:.300}, not an array of {len(want)}"
        return next((m for i, w in enumerate(want) if (m := mismatch(w, have[i], f"{at}.{i}"))), None)
    same = type(want) is type(have) or (isinstance(want, (int, float)) and isinstance(have, (int, float))
                                        and not isinstance(want, bool) and not isinstance(have, bool))
    return None if same and want == have else f"{at} is {have!r:.300}, not {want!r:.300}"


def _object(want, have, at):
    special = [k for k in want if k.startswith("$")]
    if not special:
        if not isinstance(have, dict):
            return f"{at} is {have!r:.300}, not an object"
        return next((m for k, w in want.items() if (m := mismatch(w, have.get(k, MISSING), f"{at}.{k}"))), None)
    for k in special:
        v = want[k]
        if k == "$has" and not (isinstance(have, list) and any(mismatch(v, x) is None for x in have)):
            return f"{at} is {have!r:.600}, and has no {v!r:.200}"
        if k == "$len" and not (hasattr(have, "__len__") and len(have) == v):
            return f"{at} is {have!r:.300}, not of length {v}"
        if k == "$keys" and not (isinstance(have, dict) and sorted(have) == sorted(v)):
            return f"{at} has the members {sorted(have) if isinstance(have, dict) else have!r:.200}, not {sorted(v)}"
        if k == "$not" and mismatch(v, have, at) is None:
            return f"{at} is {have!r:.300}"
        if k not in ("$has", "$len", "$keys", "$not"):
            raise ValueError(f"nobody knows the pattern {k}")
    return None
