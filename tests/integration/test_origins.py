# SPDX-License-Identifier: Apache-2.0
"""What a function's page can do to us in a browser (design: functions never share an origin with the console or the APIs), tried in
headless Chromium: nothing, whether it has an origin of its own, came by path, or rebinds its name to our address."""
import contextlib
import html
import json
import os
import re
import signal
import socket
import subprocess
import threading

import pytest

from evoked import Evoked
from signing import PROJECT, Client

# The page of an attacker: it asks for each address in each way and writes down what it could read.
PAGE = """<!doctype html><title>page</title><body><p id=said>the script did not run</p><script>
async function ask(url, options) {
  try {
    const r = await fetch(url, options);
    return {type: r.type, status: r.status, text: (await r.text()).slice(0, 200)};
  } catch (e) { return {failed: e.name}; }
}
(async () => {
  const said = {origin: self.origin};
  for (const url of URLS)
    for (const [how, options] of Object.entries({
        plain: {}, credentials: {credentials: 'include'}, blind: {mode: 'no-cors', credentials: 'include'},
        change: {method: 'POST', mode: 'no-cors', credentials: 'include', body: '{"func_name": "planted"}'}}))
      said[how + ' ' + url] = await ask(url, options);
  document.getElementById('said').textContent = JSON.stringify(said);
})();
</script>"""

CODE = """
PAGE = {page!r}

def handler(event, context):
    return {{'statusCode': 200, 'headers': {{'Content-Type': 'text/html'}}, 'body': PAGE}}
"""


def targets(port):
    """The console and the APIs, by each of our names."""
    paths = ("/", "/evoke/v1/status", f"/v2/{PROJECT}/fgs/functions", "/2016-08-15/services", "/metrics")
    return [f"http://{host}:{port}{path}" for host in ("console.localhost", "127.0.0.1", "localhost") for path in paths]


def said_by(page):
    text = re.search(r"<p id=\"?said\"?>(.*?)</p>", page, re.S)
    assert text, page
    return html.unescape(text[1])


@pytest.fixture(name="served", scope="module")
def fixture_served():
    with Evoked() as e:
        client = Client(e)
        page = PAGE.replace("URLS", json.dumps(targets(e.port)))
        assert client.create("page", CODE.format(page=page)).status_code == 200
        r = client.call("PUT", f"/evoke/v1/functions/functiongraph/{PROJECT}/local-1/default/page/triggers/web",
                        {"source": "apig", "config": {"group": "site", "path": "/page", "auth": "none"}})
        assert r.status_code == 201, r.text
        e.group = r.json()["address"]["host"].split(".")[0]
        yield e
        names = [f["func_name"] for f in client.fg("GET", "/functions").json()["functions"]]
        assert names == ["page"], names  # nothing was planted


@pytest.fixture(name="browse")
def fixture_browse(tmp_path):
    def browse(url, *options):
        """The document as it is when its scripts are done."""
        p = subprocess.Popen(["chromium", "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", f"--user-data-dir={tmp_path}",
                              "--virtual-time-budget=60000", *options, "--dump-dom", url], stdout=subprocess.PIPE,
                             stderr=subprocess.PIPE, text=True, start_new_session=True,
                             env={"PATH": "/usr/bin:/bin", "HOME": str(tmp_path)})
        try:
            out, err = p.communicate(timeout=60)
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(p.pid, signal.SIGKILL)  # it is many processes
        assert p.returncode == 0, err
        return out
    return browse


def test_a_page_with_an_origin_of_its_own_reads_nothing_of_ours(served, browse):
    said = json.loads(said_by(browse(f"http://{served.group}.apigw.localhost:{served.port}/page")))
    assert said.pop("origin") == f"http://{served.group}.apigw.localhost:{served.port}"
    assert len(said) == 4 * len(targets(served.port))
    for what, got in said.items():
        if what.startswith(("blind", "change")):  # sent, as any link would be; of the answer nothing is seen
            assert got == {"type": "opaque", "status": 0, "text": ""}, (what, got)
        else:
            assert got == {"failed": "TypeError"}, (what, got)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "console.localhost"])
def test_a_page_reached_by_path_runs_no_script(served, browse, host):
    """By path it would share our origin: it is sandboxed instead."""
    assert said_by(browse(f"http://{host}:{served.port}/apigw/{served.group}/page")) == "the script did not run"


class Rebinding:
    """evil.example: its own page first, then, as if its name pointed to us now, our port. It listens on another loopback address at
    our port, so that the browser sees one origin all along, and our daemon the Host it would see."""

    def __init__(self, port, page):
        self.port, self.page = port, page
        self.listener = socket.create_server(("127.0.0.2", port))
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            try:
                s, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.answer, args=(s,), daemon=True).start()

    def answer(self, s):
        with s:
            s.settimeout(30)
            request = b""
            while b"\r\n\r\n" not in request:
                more = s.recv(65536)
                if not more:
                    return
                request += more
            head, _, body = request.partition(b"\r\n\r\n")
            length = re.search(rb"(?i)\r\nContent-Length: *(\d+)", head)
            while length and len(body) < int(length[1]):
                body += s.recv(65536)
            if head.startswith(b"GET /trap "):
                s.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s"
                          % (len(self.page), self.page))
                return
            head = re.sub(rb"(?i)\r\nConnection:[^\r]*", b"", head) + b"\r\nConnection: close"
            with socket.create_connection(("127.0.0.1", self.port), 30) as ours:
                ours.sendall(head + b"\r\n\r\n" + body)
                while more := ours.recv(65536):
                    s.sendall(more)


def test_a_name_that_is_rebound_to_us_is_refused(served, browse):
    urls = ["/healthz", "/evoke/v1/status", f"/v2/{PROJECT}/fgs/functions", "/2016-08-15/services", f"/apigw/{served.group}/page"]
    trap = Rebinding(served.port, PAGE.replace("URLS", json.dumps(urls)).encode())
    try:
        said = json.loads(said_by(browse(f"http://evil.example:{served.port}/trap", "--host-resolver-rules=MAP evil.example 127.0.0.2")))
    finally:
        trap.listener.close()
    assert said.pop("origin") == f"http://evil.example:{served.port}"
    # It is the same origin to the browser, so that only we can say no; /healthz, open to everybody, shows that it came through. (Not
    # /metrics: where a key is asked for, a browser asks its user, and there is none.)
    assert said["plain /healthz"] == {"type": "basic", "status": 200, "text": "ok\n"}
    refused = {what: got for what, got in said.items() if not what.endswith("/healthz")}
    assert len(refused) == 16
    for what, got in refused.items():
        assert got["status"] == (404 if "/apigw/" in what else 421), (what, got)
