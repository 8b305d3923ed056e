# SPDX-License-Identifier: Apache-2.0
"""Producers that remember what was acknowledged, and functions whose effects are seen without asking evoke.

Who judges that no event is lost may not ask the one who is judged. So a producer keeps its own record of acknowledgements, in
the memory of the test, and a function writes the number of each event it is called with into a FIFO that the test has put beside
its code: a write of a few bytes, whole or not at all, which is in the test's hands however soon the writer is killed.

    sink = Sink(daemon, "f")                    the function, and its FIFO
    p = Producers(daemon, Admin("f"), sink)     who invokes it
    p.run(lambda: p.sent >= 1000)               one loop: sends, hears answers, empties the FIFO
    p.settle()                                  until each acknowledged event has had its effect
    p.lost(), p.duplicates()
"""
import collections
import fcntl
import hashlib
import hmac
import os
import secrets
import select
import socket
import time

from evoked import deadline
from signing import PROJECT, Client, stamp, urn

PIPE = 1 << 20

# {"n": number, "do": "fail" | "hang" | "die", "ms": how long}. The effect comes first: whatever happens then, it was called.
# A file "do" beside the code says it for every event, for as long as it is there.
SOURCE = '''
import os, time

here = os.path.dirname(os.path.abspath(__file__))
sink = os.open(os.path.join(here, "sink"), os.O_WRONLY)

def handler(event, context):
    os.write(sink, b"%d\\n" % event["n"])
    do = event.get("do")
    if os.path.exists(os.path.join(here, "do")):
        with open(os.path.join(here, "do")) as f:
            do = f.read()
    if "ms" in event:
        time.sleep(event["ms"] / 1000)
    if do == "fail":
        raise ValueError("as asked")
    if do == "hang":
        time.sleep(1000)
    if do == "die":
        os._exit(3)
    return event["n"]
'''


class Sink:
    """Makes the function. effects: how often each number came."""

    def __init__(self, evoke, name, source=SOURCE, **fields):
        self.evoke, self.name = evoke, name
        self.mark = secrets.token_hex(8)  # so that its code is like no other's
        r = Client(evoke).create(name, source + f"# {self.mark}\n", **fields)
        assert r.status_code == 200, r.text
        found = [d for d in (evoke.data_dir / "cache/code").iterdir()
                 if (d / "index.py").is_file() and self.mark in (d / "index.py").read_text()]
        self.path = found[0] / "sink"
        os.mkfifo(self.path)
        os.chmod(self.path, 0o666)
        self.fd = os.open(self.path, os.O_RDWR | os.O_NONBLOCK)
        fcntl.fcntl(self.fd, fcntl.F_SETPIPE_SZ, PIPE)
        self.effects, self.rest, self.order = collections.Counter(), b"", []

    def take(self):
        """What the FIFO holds; how many effects that were."""
        n = 0
        while True:
            try:
                data = os.read(self.fd, PIPE)
            except BlockingIOError:
                return n
            *whole, self.rest = (self.rest + data).split(b"\n")
            numbers = [int(x) for x in whole]
            self.effects.update(numbers)
            self.order += numbers
            n += len(numbers)

    def wait(self, wanted, seconds=30):
        """Until wanted(effects)."""
        for left in deadline(seconds):
            self.take()
            if wanted(self.effects):
                return
            select.select([self.fd], [], [], min(left, 0.5))
        raise AssertionError(f"{self.name}: {sum(self.effects.values())} effects of {len(self.effects)} events:\n"
                             + self.evoke.log_text()[-4000:])

    def do(self, what):
        """From now on each event is met so; None: well."""
        path = self.path.parent / "do"
        if what is None:
            path.unlink()
            return
        path.with_suffix(".new").write_text(what)
        path.with_suffix(".new").chmod(0o644)
        path.with_suffix(".new").rename(path)

    def close(self):
        os.close(self.fd)


# ---- how an event is handed over ----

class Signed:
    """A POST whose head differs in date and digest only. fit: the status that acknowledges."""

    def __init__(self, path, query, fit):
        self.path, self.query, self.fit = path, query, fit

    def bind(self, evoke):
        """Everything that stays the same until the daemon has another port."""
        import urllib.parse
        self.evoke = evoke
        self.host = f"127.0.0.1:{evoke.port}"
        quoted = "/".join(urllib.parse.quote(p, safe="~") for p in self.path.split("/"))
        self.before = f"POST\n{quoted}/\n{self.query}\ncontent-type:application/json\nhost:{self.host}\nx-sdk-date:"
        self.target = self.path + ("?" + self.query if self.query else "")
        self.secret = evoke.secret_key.encode()

    def request(self, n, body):
        date = stamp()
        names = "content-type;host;x-sdk-date"
        text = f"{self.before}{date}\n\n{names}\n{hashlib.sha256(body).hexdigest()}"
        text = f"SDK-HMAC-SHA256\n{date}\n{hashlib.sha256(text.encode()).hexdigest()}"
        signature = hmac.new(self.secret, text.encode(), hashlib.sha256).hexdigest()
        return (f"POST {self.target} HTTP/1.1\r\nHost: {self.host}\r\nContent-Type: application/json\r\nX-Sdk-Date: {date}\r\n"
                f"{self.extra(n)}Authorization: SDK-HMAC-SHA256 Access={self.evoke.access_key}, SignedHeaders={names}, "
                f"Signature={signature}\r\nContent-Length: {len(body)}\r\n\r\n").encode() + body

    def extra(self, n):
        return ""


class FunctionGraph(Signed):
    """Its asynchronous invocation. It has no id to repeat: what was not answered may have been accepted."""
    repeats = False

    def __init__(self, name):
        super().__init__(f"/v2/{PROJECT}/fgs/functions/{urn(name)}/invocations-async", "", 202)


class Admin(Signed):
    """Our own, with an id of the producer's: it is repeated until it is answered."""
    repeats = True

    def __init__(self, name, prefix=""):
        super().__init__(f"/evoke/v1/functions/functiongraph/{PROJECT}/local-1/default/{name}/invoke", "async=true", 202)
        self.prefix = prefix or secrets.token_hex(4)

    def extra(self, n):
        return f"X-Evoke-Event-Id: {self.prefix}-{n}\r\n"


class Waiting(Signed):
    """Synchronous: acknowledged when it has run."""
    repeats = False

    def __init__(self, name):
        super().__init__(f"/v2/{PROJECT}/fgs/functions/{urn(name)}/invocations", "", 200)


# ---- producers ----

class Connection:
    def __init__(self):
        self.socket, self.n, self.got = None, None, b""


class Producers:
    """Connections that each send one event, wait for the answer, send the next; all together `rate` a second, where set.

    acked, unknown (sent, never answered), refused ({status: how many}): sets of numbers. body(n) -> bytes."""

    def __init__(self, evoke, how, sink, connections=16, rate=None, body=lambda n: b'{"n":%d}' % n):
        self.evoke, self.how, self.sink, self.rate, self.body = evoke, how, sink, rate, body
        self.connections = [Connection() for _ in range(connections)]
        self.by_fd, self.again = {}, collections.deque()
        self.sent, self.acked, self.unknown, self.refused, self.latency = 0, set(), set(), collections.Counter(), []
        self.said = []  # the first refusals, whole
        self.epoll = select.epoll()
        self.epoll.register(sink.fd, select.EPOLLIN)
        self.started = time.monotonic()
        self.paused = 0.0  # while nothing was to be sent
        how.bind(evoke)

    # -- one connection

    def _open(self, c):
        c.socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
        c.socket.settimeout(20)
        try:
            c.socket.connect(("127.0.0.1", self.evoke.port))
        except OSError:
            c.socket.close()
            c.socket = None
            return False
        c.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        c.got = b""
        self.by_fd[c.socket.fileno()] = c
        self.epoll.register(c.socket.fileno(), select.EPOLLIN | select.EPOLLHUP)
        return True

    def _gone(self, c):
        """Whatever was under way on it has an outcome that nobody knows."""
        if c.socket:
            self.epoll.unregister(c.socket.fileno())
            del self.by_fd[c.socket.fileno()]
            c.socket.close()
            c.socket = None
        if c.n is not None:
            (self.again.append if self.how.repeats else self.unknown.add)(c.n)
            c.n = None

    def _send(self, c):
        if not c.socket and not self._open(c):
            return False
        if self.again:
            c.n = self.again.popleft()
        else:
            c.n = self.sent
            self.sent += 1
        c.at = time.monotonic()
        try:
            c.socket.sendall(self.how.request(c.n, self.body(c.n)))
        except OSError:
            self._gone(c)
        return True

    def _hear(self, c):
        try:
            data = c.socket.recv(65536)
        except OSError:
            data = b""
        if not data:
            self._gone(c)
            return
        c.got += data
        head, end, rest = c.got.partition(b"\r\n\r\n")
        if not end:
            return
        fields = dict(line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:])
        if len(rest) < int(fields.get(b"content-length", b"0")):
            return
        status = int(head.split(b" ", 2)[1])
        if status == self.how.fit:
            self.acked.add(c.n)
            self.latency.append(time.monotonic() - c.at)
        else:
            self.refused[status] += 1
            if len(self.said) < 5:
                self.said.append(c.got.decode("utf-8", "replace"))
        c.n, c.got = None, b""
        if fields.get(b"connection") == b"close":
            self._gone(c)

    # -- the loop

    def due(self):
        """How many may be sent by now."""
        if not self.rate:
            return len(self.connections)
        return int((time.monotonic() - self.started) * self.rate) - self.sent + len(self.again)

    def skip(self):
        """What was not sent while the daemon was away is not made up for."""
        if self.rate:
            self.started = time.monotonic() - self.sent / self.rate

    def step(self, timeout=0.01, send=True):
        if send:
            n = self.due()
            for c in self.connections:
                if n <= 0:
                    break
                if c.n is None:
                    n -= self._send(c)
        for fd, _ in self.epoll.poll(timeout):
            if fd == self.sink.fd:
                self.sink.take()
            elif fd in self.by_fd:
                self._hear(self.by_fd[fd])

    def run(self, until, seconds=60, send=True):
        for _ in deadline(seconds):
            if until():
                return
            self.step(send=send)
        raise AssertionError(f"{self}\n{self.said}\n" + self.evoke.log_text()[-4000:])

    def answers(self, seconds=30):
        """Until nothing is under way any more; what is to be repeated, is."""
        def done():
            return not self.again and all(c.n is None for c in self.connections)

        for _ in deadline(seconds):
            if done():
                return
            while self.again and any(c.n is None for c in self.connections):
                if not self._send(next(c for c in self.connections if c.n is None)):
                    break
            self.step(send=False)
        raise AssertionError(f"no answer: {self}\n" + self.evoke.log_text()[-4000:])

    def settle(self, seconds=120):
        """Until each acknowledged event has had its effect, or nothing has come for ten seconds."""
        self.answers()
        last, heard = time.monotonic(), sum(self.sink.effects.values())
        for _ in deadline(seconds):
            if not self.lost():
                return
            self.step(0.2, send=False)
            now = sum(self.sink.effects.values())
            if now != heard:
                last, heard = time.monotonic(), now
            if time.monotonic() - last > 10:
                return

    # -- judgement

    def lost(self):
        return self.acked - self.sink.effects.keys()

    def duplicates(self):
        return sum(n - 1 for n in self.sink.effects.values())

    def strange(self):
        """Effects of events that nobody has sent."""
        return {n for n in self.sink.effects if n >= self.sent or n < 0}

    def __str__(self):
        return (f"{self.sent} sent, {len(self.acked)} acknowledged, {len(self.unknown)} unknown, {dict(self.refused)} refused, "
                f"{len(self.again)} to repeat; {len(self.sink.effects)} had an effect, {len(self.lost())} lost, "
                f"{self.duplicates()} twice")

    def close(self):
        for c in self.connections:
            if c.socket:
                c.socket.close()
        self.epoll.close()
        self.sink.close()
