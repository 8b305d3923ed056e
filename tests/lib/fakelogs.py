# SPDX-License-Identifier: Apache-2.0
"""A daemon that only has logs: `GET logs` of docs/admin-api.md over records a test makes up, which may go away and come back.

For what a real daemon does too rarely, too randomly or too slowly: gaps, restarts between two answers, a million lines at once.
Signatures are not checked.
"""
import base64
import http.server
import json
import threading
import time
import urllib.parse

FUNCTION = "functiongraph/local/local/default/hello"
FUNCTIONS = [dict(zip(("dialect", "account", "region", "space", "name"), FUNCTION.split("/")))]


def record(text, request="9d3f6a52-77b0-4f6e-8f0e-00c29f1c22d0", time_ms=1795341845123, function=FUNCTION, **more):
    r = {"time_ms": time_ms, "function": function, "version": "latest", "request_id": request, "instance": "i1", "trigger": "http"}
    if isinstance(text, bytes):
        r["base64"] = base64.b64encode(text).decode()
    elif text is not None:
        r["text"] = text
    return {**r, **more}


def end(outcome="ok", duration_ms=12, init_ms=0, memory_bytes=34 << 20, **more):
    return {"outcome": outcome, "status": "ok" if outcome == "ok" else "error", "duration_ms": duration_ms, "init_ms": init_ms,
            "cold": init_ms > 0, "memory_bytes": memory_bytes, "billed_ms": duration_ms, **more}


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, *_):
        pass

    def do_GET(self):
        url = urllib.parse.urlsplit(self.path)
        query = dict(urllib.parse.parse_qsl(url.query))
        if url.path == "/evoke/v1/functions":
            return self.answer(200, {"functions": FUNCTIONS})
        if url.path == f"/evoke/v1/functions/{FUNCTION}":
            return self.answer(200, FUNCTIONS[0])
        if url.path == "/evoke/v1/logs":
            return self.logs(query)
        return self.answer(404, {"error": {"code": "not_found", "message": "nothing here", "request_id": "r0"}})

    def logs(self, query):
        fake = self.server.fake
        fake.queries.append(query)
        if fake.refusal:
            return self.answer(*fake.refusal)
        records, cursor, more = fake.take(query)
        lost = [r["gap"] for r in records if "gap" in r]
        return self.answer(200, {"records": records, "cursor": str(cursor), "more": more,
                                 "dropped": {k: sum(g[k] for g in lost) for k in ("lines", "bytes")}})

    def answer(self, status, body):
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("X-Evoke-Version", "0.1.0")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)
        self.server.fake.answers += 1


class Server(http.server.ThreadingHTTPServer):
    allow_reuse_address = daemon_threads = True
    block_on_close = False

    def handle_error(self, *_):
        """Clients that go away are the point of it."""


class FakeLogs:
    ANSWER_TEXT = 1 << 20

    def __init__(self, records=()):
        self.records, self.queries, self.answers, self.refusal = list(records), [], 0, None
        self.changed = threading.Condition()
        self.server = None
        self.port = 0

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.stop()

    def start(self):
        self.server = Server(("127.0.0.1", self.port), Handler)
        self.server.fake = self
        self.stopping = False
        self.port = self.server.server_port
        self.url = f"http://127.0.0.1:{self.port}"
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()

    def stop(self):
        """Go away: those who wait get no answer."""
        if self.server:
            with self.changed:
                self.stopping = True
                self.changed.notify_all()
            self.server.shutdown()
            self.server.server_close()
        self.server = None

    def add(self, *records):
        with self.changed:
            self.records += records
            self.changed.notify_all()

    def take(self, query):
        """What fits, from the cursor on; with wait_ms not before there is something."""
        if "after" in query:
            at = int(query["after"])
        else:
            at = max(0, len(self.records) - int(query["last"])) if "last" in query else 0
        end_time = time.monotonic() + int(query.get("wait_ms", 0)) / 1000
        with self.changed:
            while len(self.records) <= at and not self.stopping and time.monotonic() < end_time:
                self.changed.wait(end_time - time.monotonic())
            if self.stopping:
                raise ConnectionAbortedError
            size, stop = 0, at
            while stop < len(self.records) and stop - at < int(query.get("limit", 1000)) and size < self.ANSWER_TEXT:
                size += len(self.records[stop].get("text", "x"))
                stop += 1
            return self.records[at:stop], stop, stop < len(self.records)

    def wait_asked(self, n, seconds=20):
        """Until n questions have come."""
        end_time = time.monotonic() + seconds
        while len(self.queries) < n:
            assert time.monotonic() < end_time, f"{len(self.queries)} questions"
            time.sleep(0.005)

    def env(self):
        return {"EVOKE_ENDPOINT": self.url, "EVOKE_ACCESS_KEY": "AK", "EVOKE_SECRET_KEY": "SK"}
