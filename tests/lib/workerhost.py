# SPDX-License-Identifier: Apache-2.0
"""The host's side of frames (docs/protocol/frames.md), for tests of workers without a daemon."""

import json
import os
import signal
import socket
import struct
import subprocess
from pathlib import Path
from urllib.parse import parse_qsl, unquote

PYTHON = os.environ.get("EVOKE_TEST_PYTHON", "/usr/bin/python3")  # 3.7 to 3.13 pass
RUNTIME = Path(__file__).parents[2] / "runtimes" / "python"
READY, ASSIGN, OPEN, DATA, END, CREDIT, RESET, LOG, HEAD = range(1, 10)
WINDOW = 256 * 1024
DEADLINE_S = 20
ENVIRONMENT = {"PATH": "/usr/bin:/bin", "HOME": "/tmp", "LANG": "C.UTF-8", "LEAKED": "yes"}


class Gone(Exception):
    """The worker closed its end."""


class Host:
    """One end of a channel: what a daemon would do, step by step."""

    def __init__(self, sock, root):
        self.root = root
        self.sock = sock
        self.sock.settimeout(DEADLINE_S)
        self.logs = {}
        self.stream = 0
        self.loaded = False  # it has said that its initializer begins

    def put(self, kind, stream, payload=b"", flags=0):
        self.sock.sendall(struct.pack(">IBBHI", len(payload), kind, flags, 0, stream) + payload)

    def _exactly(self, n):
        data = b""
        while len(data) < n:
            try:
                more = self.sock.recv(n - len(data))
            except ConnectionResetError:  # it closed with something of ours unread
                more = b""
            if not more:
                raise Gone
            data += more
        return data

    def take(self):
        """The next frame that is not LOG; log text is kept per stream."""
        while True:
            size, kind, flags, zero, stream = struct.unpack(">IBBHI", self._exactly(12))
            assert size <= 65536 and zero == 0
            payload = self._exactly(size)
            if kind != LOG:
                return kind, flags, stream, payload
            self.logs[stream] = self.logs.get(stream, b"") + payload

    def log_line(self):
        """The next frame, which is LOG."""
        size, kind, _, _, _ = struct.unpack(">IBBHI", self._exactly(12))
        assert kind == LOG
        return self._exactly(size)

    def ready(self):
        kind, flags, stream, payload = self.take()
        assert (kind, stream) == (READY, 0)
        return flags, payload

    def boot(self):
        assert self.ready() == (0, b'{"version":1}')

    def assign(self, dialect="functiongraph", booted=False, **over):
        if not booted:
            self.boot()
        doc = {
            "dialect": dialect, "instance_id": "i-1", "code_root": str(self.root / "code"),
            "cwd": str(self.root), "handler": "index.handler", "initializer": None, "env": {},
            "log_line_bytes": 1000, "answer_max": 6291456, "context": CONTEXT[dialect],
        }
        doc.update(over)
        self.put(ASSIGN, 0, json.dumps(doc).encode())
        answer = self.ready()
        self.loaded = answer == (0, b'{"loaded":true}')
        return self.ready() if self.loaded else answer

    def open(self, **more):
        self.stream += 1
        self.head = None
        self.put(OPEN, self.stream,
                 json.dumps({"request_id": "r-%d" % self.stream, "timeout_ms": 3000, **more}).encode())
        return self.stream

    def call(self, event=b"{}", **more):
        """(flags, answer bytes, END document). One call at a time."""
        self.open(**more)
        self.put_event(event)
        return self.answer()

    def request(self, method="GET", uri="/", body=b"", headers=(), **more):
        """An HTTP handler's answer: (status, [[name, value], ...], body)."""
        path, _, query = uri.partition("?")
        http = {"method": method, "path": unquote(path), "uri": uri, "client_ip": "10.1.2.3",
                "headers": [list(pair) for pair in headers],
                "queries": [list(pair) for pair in parse_qsl(query, keep_blank_values=True)]}
        flags, answer, _ = self.call(body, http=http, **more)
        assert flags == 0, answer
        return self.head["status"], self.head["headers"], answer

    def begin(self, event=b"{}", **more):
        """A small call whose answer is taken later, by answers(); its stream."""
        stream = self.open(**more)
        self.put(DATA, stream, event)
        self.put(END, stream)
        return stream

    def answers(self, n, heads=None):
        """The next n answers to end: [(stream, flags, body)], in the order in which they end; heads: filled
        with those of HTTP handlers, by stream."""
        bodies, ended = {}, []
        while len(ended) < n:
            kind, flags, stream, payload = self.take()
            if kind == DATA:
                bodies[stream] = bodies.get(stream, b"") + payload
                self.put(CREDIT, stream, len(payload).to_bytes(4, "big"))
            elif kind == HEAD and heads is not None:
                heads[stream] = json.loads(payload)
            else:
                assert kind == END
                ended.append((stream, flags, bodies.pop(stream, b"")))
        return ended

    def put_event(self, event):
        credit = WINDOW
        for at in range(0, len(event), 65536):
            piece = event[at:at + 65536]
            while credit < len(piece):
                kind, _, stream, payload = self.take()
                assert (kind, stream) == (CREDIT, self.stream)
                credit += int.from_bytes(payload, "big")
            self.put(DATA, self.stream, piece)
            credit -= len(piece)
        self.put(END, self.stream)

    def answer(self):
        body, ungranted, granted = b"", 0, WINDOW
        while True:
            kind, flags, stream, payload = self.take()
            assert stream == self.stream
            if kind == CREDIT:
                continue
            if kind == END:
                return flags, body, json.loads(payload or b"{}")
            if kind == HEAD:
                assert self.head is None and body == b"" and flags == 0 and len(payload) <= 16384
                self.head = json.loads(payload)
                continue
            assert kind == DATA and flags == 0
            body += payload
            ungranted += len(payload)
            assert len(body) <= granted, "more DATA than credit"
            if ungranted >= WINDOW // 2:
                self.put(CREDIT, stream, ungranted.to_bytes(4, "big"))
                granted += ungranted
                ungranted = 0

    def log(self, stream=None):
        return self.logs.get(self.stream if stream is None else stream, b"").decode()


class PythonHost(Host):
    """A Python worker of its own, exec'ed without a sandbox."""

    def __init__(self, root):
        ours, theirs = socket.socketpair()
        self.process = subprocess.Popen(
            ["bash", "-c",
             "exec 3<&%d %d<&- %s -E -s -u -B '%s'" % (theirs.fileno(), theirs.fileno(), PYTHON,
                                                       RUNTIME / "bootstrap.py")],
            pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=ENVIRONMENT)
        theirs.close()
        super().__init__(ours, root)
        self.stdout = self.process.stdout

    def is_running(self):
        return self.process.poll() is None

    def kill(self):
        self.sock.close()
        if self.process.poll() is None:
            self.process.kill()
        self.process.communicate()

    def end(self):
        """Close our end; (exit code, stdout, stderr)."""
        self.sock.close()
        out, err = self.process.communicate(timeout=DEADLINE_S)
        return self.process.returncode, out, err


class Zygote:
    """The zygote of runtimes/python, in which only the extension is replaced: see zygote_driver.py."""

    def __init__(self):
        self.sock, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.sock.settimeout(DEADLINE_S)
        self.process = subprocess.Popen(
            ["bash", "-c",
             "exec 3<&%d %d<&- %s -E -s -u -B '%s' '%s'" % (
                 theirs.fileno(), theirs.fileno(), PYTHON, Path(__file__).with_name("zygote_driver.py"),
                 RUNTIME)],
            pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL, env=ENVIRONMENT)
        theirs.close()
        assert self.sock.recv(64) == b"ready"

    def fork(self, channel, out, err):
        socket.send_fds(self.sock, [b"fork"], [channel, out, err])
        return int(self.sock.recv(64))

    def reap(self, pid):
        self.sock.send(b"reap%d" % pid)
        return os.waitstatus_to_exitcode(int(self.sock.recv(64)))

    def end(self):
        self.sock.close()
        assert self.process.wait(DEADLINE_S) == 0


class ForkedHost(Host):
    """A Python worker out of a zygote."""

    def __init__(self, root, zygote):
        ours, theirs = socket.socketpair()
        self.zygote, self.code = zygote, None
        (self.out, out), (self.err, err) = os.pipe(), os.pipe()
        self.pid = zygote.fork(theirs.fileno(), out, err)
        for fd in (out, err):
            os.close(fd)
        theirs.close()
        super().__init__(ours, root)
        self.stdout = os.fdopen(self.out, "rb")
        self.stderr = os.fdopen(self.err, "rb")

    def is_running(self):
        with open("/proc/%d/stat" % self.pid) as f:
            return f.read().rpartition(")")[2].split()[0] != "Z"

    def end(self):
        self.sock.close()
        out, err = self.stdout.read(), self.stderr.read()
        self.code = self.zygote.reap(self.pid)
        return self.code, out, err

    def kill(self):
        self.sock.close()
        if self.code is None:
            os.kill(self.pid, signal.SIGKILL)
            self.zygote.reap(self.pid)
        self.stdout.close()
        self.stderr.close()


def worker_host(root, request):
    """A worker in the way that the fixture's parameter names."""
    if request.param == "fork":
        return ForkedHost(root, request.getfixturevalue("zygote"))
    return PythonHost(root)


CONTEXT = {
    "functiongraph": {
        "project_id": "p1", "package": "default", "function": "hello", "version": "v1",
        "alias": "", "timeout_s": 3, "memory_mb": 256, "cpu": 400, "user_data": {"K": "V"}},
    "fc": {
        "region": "cn-local", "account_id": "123",
        "function": {"name": "fn", "handler": "index.handler", "memory": 128, "timeout": 3,
                     "initializer": "", "initialization_timeout": 3},
        "service": {"name": "svc", "log_project": "", "log_store": "", "qualifier": "LATEST",
                    "version_id": ""}},
    "scf": {
        "memory_limit_in_mb": 128, "time_limit_in_ms": 3000,
        "environment": '{"SCF_NAMESPACE":"default","K":"v"}', "environ": "SCF_NAMESPACE=default;K=v",
        "function_version": "$LATEST", "function_name": "hello", "namespace": "default",
        "tencentcloud_region": "ap-guangzhou", "tencentcloud_appid": "1250000000",
        "tencentcloud_uin": "1250000000"},
}
