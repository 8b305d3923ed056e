# SPDX-License-Identifier: Apache-2.0
"""A running `evoke proxy`: on a port of its own, ended by pid, nothing left behind."""
import os
import re
import signal
import socket
import subprocess

from evoked import BUILD, alive, children_of, deadline

LISTENING = re.compile(r"proxy on http://127\.0\.0\.1:(\d+) to ")


def environment(e, home, **more):
    """For a program that uses the clouds' names: nothing of the machine's own proxies and roots."""
    return {"PATH": os.environ["PATH"], "HOME": str(home), "EVOKE_ENDPOINT": e if isinstance(e, str) else e.url, **more}


def through(e, home, *argv, options=(), env=None, **kw):
    """`evoke proxy OPTIONS -- ARGV`; the CompletedProcess, text."""
    return subprocess.run([str(BUILD / "evoke"), "proxy", *options, "--", *map(str, argv)], env=environment(e, home, **(env or {})),
                          **{"capture_output": True, "text": True, "timeout": 60, "check": False, "stdin": subprocess.DEVNULL, **kw})


class Proxy:
    def __init__(self, e, home, *options, env=None):
        self.process = subprocess.Popen([str(BUILD / "evoke"), "proxy", "--port", "0", *options], env=environment(e, home, **(env or {})),
                                        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        self.said = ""
        self.port = int(self.wait_for(LISTENING).group(1))
        self.url = f"http://127.0.0.1:{self.port}"

    def wait_for(self, pattern):
        """Lines of its standard error until one fits: it ends, or it says so."""
        while True:
            m = re.search(pattern, self.said)
            if m:
                return m
            line = self.process.stderr.readline()
            assert line, f"it ended without {pattern!r}: {self.said}"
            self.said += line

    def connect(self):
        return socket.create_connection(("127.0.0.1", self.port), timeout=30)

    def connections(self):
        return len(children_of(self.process.pid))

    def await_connections(self, n):
        for _ in deadline(20):
            if self.connections() == n:
                return
        raise AssertionError(f"{self.connections()} processes of connections, not {n}")

    def __enter__(self):
        return self

    def __exit__(self, *error):
        before = [self.process.pid, *children_of(self.process.pid)]
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(20)
        self.process.stderr.close()
        if error[0] is None:
            assert code == 0, code
            left = [p for p in before if os.path.exists(f"/proc/{p}") and alive(p)]
            assert not left, f"processes left behind: {left}"


def read_all(s):
    out = b""
    while part := s.recv(65536):
        out += part
    return out


def say(s, text):
    """Send it; all that comes back until the other side closes."""
    s.sendall(text if isinstance(text, bytes) else text.encode())
    return read_all(s).decode("latin-1")
