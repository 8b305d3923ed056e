# SPDX-License-Identifier: Apache-2.0
"""How much function code may take, and what it may say: counts at their limits, and words that try to be somebody else's."""
import base64
import json
import re

import pytest

from evoked import Evoked
from languages import LANGUAGES, deploy
from signing import Client
from test_escape import PROBE

# name: (program for probe.c, least, most): it stops within these bounds, with the errno the probe's word expects.
COUNTS = {
    "open descriptors": ("descriptors i5000", 1900, 2048),  # FunctionGraph's number, less what the language holds
    "processes": ("forks i3000", 64, 1024),
    "megabytes in /tmp": ("fill x" + b"/tmp/escape-fill".hex() + " i4096", 440, 512),
    "files in /tmp": ("files x" + b"/tmp".hex() + " i100000", 1000, 70000),  # they stay: last
}


@pytest.fixture(scope="module", params=["root", "user"])
def daemon(request):
    with Evoked(unprivileged=request.param == "user") as e:
        e.mode, e.seen = request.param, {}
        yield e


@pytest.fixture(params=LANGUAGES)
def lang(request):
    LANGUAGES[request.param].need()
    return LANGUAGES[request.param]


@pytest.fixture
def counted(daemon, lang):
    if lang.worker not in daemon.seen:
        client = Client(daemon)
        deploy(client, "counts", lang, {lang.filename: lang.probe, "probe.so": PROBE.read_bytes()}, memory_mb=4096)
        r = client.invoke("counts", json.dumps({"programs": {n: p for n, (p, _, _) in COUNTS.items()}}).encode())
        assert r.headers.get("X-Is-Func-Err") == "false", r.text
        daemon.seen[lang.worker] = r.json()["verdicts"]
        assert client.delete("counts").status_code == 204
    return daemon.seen[lang.worker]


@pytest.mark.parametrize("name", COUNTS)
def test_there_is_an_end_to(counted, name):
    said = re.match(r"done (\d+)", counted[name])
    assert said, counted[name]
    assert COUNTS[name][1] <= int(said.group(1)) <= COUNTS[name][2]


def test_memory_outside_the_heap_counts_where_limits_are_hard(daemon, lang):
    """A memfd is nobody's heap. As an ordinary user it counts nowhere, and THREAT-MODEL.md says so."""
    client, memfd = Client(daemon), "319 x" + b"escape".hex() + " i0 ; 285 r0 i0 i0 i314572800"  # memfd_create, fallocate 300 MB
    deploy(client, "memfd", lang, {lang.filename: lang.probe, "probe.so": PROBE.read_bytes()}, memory_mb=128)
    r = client.invoke("memfd", json.dumps({"programs": {"memfd": memfd}}).encode())
    verdict = r.json()["verdicts"]["memfd"] if r.headers["X-Is-Func-Err"] == "false" else r.json()["errorType"]
    hard = "memory hard" in daemon.log_text()
    assert verdict in ("signal 9", "MemoryLimitExceeded") if hard else verdict.startswith("done 0"), (verdict, r.text[:300])
    assert client.delete("memfd").status_code == 204


# ---- what is said ---------------------------------------------------------------------------------------------------------

FORGED = 'forged-5a1e\r\nX-Injected: yes\r\n\r\n2026-01-01T00:00:00Z level=err component=keeper msg="forged-5a1e"\n\x1b[2J\x1b]0;title\x07\x00'
PLATFORM = "2026-01-01T00:00:00Z Finish invoke request '00000000-0000-0000-0000-000000000000', duration: 0.001ms\n"

PYTHON_SAYS = '''
import json, os
words, platform = json.loads(%r)
print("loading " + words, flush=True)
def handler(event, context):
    print(platform + words, flush=True)
    os.write(1, words.encode())
    os.write(2, words.encode())
    if event == "raise":
        raise type("Odd\\r\\nX-Injected: yes", (Exception,), {})(words)
    return words if event == "return" else context.getRequestID()
'''
NODE_SAYS = '''
const [words, platform] = JSON.parse(%s);
const fs = require("fs");
console.log("loading " + words);
exports.handler = async (event, context) => {
  console.log(platform + words);
  fs.writeSync(1, words);
  fs.writeSync(2, words);
  if (event === "raise") {
    const e = new Error(words);
    e.name = "Odd\\r\\nX-Injected: yes";
    throw e;
  }
  return event === "return" ? words : context.getRequestID();
};
'''


@pytest.fixture
def speaker(daemon, lang):
    """Deployed under a name; afterwards the daemon's log has none of its words."""
    client, words = Client(daemon), json.dumps([FORGED, PLATFORM])
    source = PYTHON_SAYS % words if lang.worker == "python" else NODE_SAYS % json.dumps(words)
    deploy(client, "speaker", lang, {lang.filename: source}, environment={"A": FORGED.replace("\0", "")})
    yield client
    assert client.delete("speaker").status_code == 204
    daemon.read_log(0.1)
    assert "forged-5a1e" not in daemon.log_text()
    assert all(re.match(r"evoke: |\S+Z? ?level=|ts=|\d{4}-\d\d-\d\dT|time=", line) for line in daemon.log_text().splitlines()), daemon.log_text()


@pytest.mark.parametrize("event", ["return", "raise", "id"])
def test_words_stay_words(speaker, event):
    """Whatever is printed, raised or returned: no header, no summary, no line of the daemon's log comes from it."""
    r = speaker.invoke("speaker", json.dumps(event).encode())
    assert r.status_code == 200 and r.headers["X-Is-Func-Err"] == ("true" if event == "raise" else "false"), r.text
    assert "X-Injected" not in r.headers and "forged" not in json.dumps(dict(r.headers))
    assert set(json.loads(r.headers["X-Cff-Invoke-Summary"])) and "\n" not in r.headers["X-Cff-Invoke-Summary"]
    if event == "return":
        assert r.text == FORGED
    elif event == "raise":
        assert r.json()["errorMessage"] == FORGED and "X-Injected" in r.json()["errorType"]
    else:
        assert r.text.strip('"') == r.headers["X-Cff-Request-Id"] != "00000000-0000-0000-0000-000000000000"
    assert "forged-5a1e" in base64.b64decode(r.headers["X-Cff-Function-Log"]).decode()


def test_a_caller_does_not_choose_a_request_id(speaker):
    chosen = "11111111-1111-1111-1111-111111111111"
    r = speaker.invoke("speaker", b'"id"', headers={"x-cff-request-id": chosen, "x-request-id": chosen})
    assert r.text.strip('"') == r.headers["X-Cff-Request-Id"] != chosen


def test_the_log_a_caller_gets_has_an_end(daemon, lang):
    client = Client(daemon)
    body = {"python": "def handler(event, context):\n    for n in range(20000):\n        print('line', n, 'z' * 500)\n    return 1\n",
            "node": "exports.handler = async () => { for (let n = 0; n < 20000; n++) console.log('line', n, 'z'.repeat(500)); return 1; };"}
    deploy(client, "loud", lang, {lang.filename: body[lang.worker]})
    r = client.invoke("loud")
    log = base64.b64decode(r.headers["X-Cff-Function-Log"])
    assert r.status_code == 200 and 1024 < len(log) <= 4096 and b"line 19999 " in log and b"Finish invoke request" in log
    assert client.delete("loud").status_code == 204
