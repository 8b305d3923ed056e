# SPDX-License-Identifier: Apache-2.0
"""A program in a pseudo-terminal: what it shows on a screen of so many rows and columns, and keys to press.

    with Terminal([evoke, "logs", "-f", "hello"], env=...) as t:
        t.wait_for("ready")     # until the screen, or what scrolled off it, has that text; no sleeping
        t.press("ctrl-c")
        assert t.wait() == 130

The screen is that of pyte, a terminal emulator: it obeys escape sequences, so a test sees what a person would. t.raw is what was
written, byte by byte.
"""
import errno
import fcntl
import os
import re
import select
import signal
import struct
import subprocess
import termios
import time

import pyte

PATIENCE = float(os.environ.get("EVOKE_TEST_PATIENCE", "1"))
KEYS = {"ctrl-c": b"\x03", "ctrl-d": b"\x04", "ctrl-s": b"\x13", "ctrl-q": b"\x11", "enter": b"\r", "escape": b"\x1b",
        "up": b"\x1b[A", "down": b"\x1b[B"}


def take_terminal():
    """In the child, a session leader: standard input becomes its controlling terminal, so that Ctrl-C and hang-ups reach it."""
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


class Terminal:
    def __init__(self, argv, rows=24, columns=80, env=None, stdout=None, stderr=None, cwd=None, wrap=True):
        """stdout, stderr: elsewhere than the terminal (subprocess.PIPE). wrap False: longer lines than the program is told of fit."""
        self.master, slave = os.openpty()
        self.resize(rows, columns)
        columns = columns if wrap else 2000
        self.rows, self.columns = rows, columns
        self.raw = bytearray()
        self.fed = 0
        self.screen = pyte.HistoryScreen(columns, rows, history=100000, ratio=0.5)
        self.stream = pyte.ByteStream(self.screen)
        full = {"PATH": os.environ["PATH"], "TERM": "xterm-256color", "HOME": "/nonexistent", "TZ": "UTC", **(env or {})}
        full = {k: str(v) for k, v in full.items() if v is not None}
        self.process = subprocess.Popen([str(a) for a in argv], stdin=slave, stdout=stdout or slave, stderr=stderr or slave, env=full,
                                        cwd=cwd, start_new_session=True, preexec_fn=take_terminal, restore_signals=True)
        os.close(slave)

    def __enter__(self):
        return self

    def __exit__(self, *error):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        self.hang_up()

    # -- the terminal's side -------------------------------------------------------------------------

    def resize(self, rows, columns):
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def hang_up(self):
        """Close the terminal, as its window's button would."""
        if self.master >= 0:
            os.close(self.master)
        self.master = -1

    def press(self, *keys):
        for key in keys:
            os.write(self.master, KEYS.get(key) or key.encode())

    def read(self, timeout, size=65536):
        """Take what was written; b"" after timeout, None once nobody can write any more."""
        if not select.select([self.master], [], [], timeout)[0]:
            return b""
        try:
            part = os.read(self.master, size)
        except OSError as e:
            if e.errno != errno.EIO:
                raise
            return None
        self.raw += part
        return part

    # -- what is on it ---------------------------------------------------------------------------------

    def lines(self):
        """The screen and what scrolled off it, oldest first, without trailing blanks."""
        if self.fed < len(self.raw):
            self.stream.feed(bytes(self.raw[self.fed:]))
            self.fed = len(self.raw)
        gone = ["".join(row[x].data for x in range(self.columns)) for row in self.screen.history.top]
        rows = [line.rstrip() for line in [*gone, *self.screen.display]]
        while rows and not rows[-1]:
            rows.pop()
        return rows

    def text(self):
        return "\n".join(self.lines())

    def visible(self):
        """Only what is on the screen now."""
        self.lines()
        return "\n".join(line.rstrip() for line in self.screen.display).rstrip("\n")

    def wait_for(self, pattern, seconds=20, where=None):
        """Until text() (or where()) matches the pattern; the match."""
        end = time.monotonic() + seconds * PATIENCE
        while True:
            m = re.search(pattern, (where or self.text)())
            if m:
                return m
            left = end - time.monotonic()
            if left <= 0 or self.read(min(left, 1)) is None:
                m = re.search(pattern, (where or self.text)())
                if m:
                    return m
                raise AssertionError(f"no {pattern!r} on the terminal (exit code {self.process.poll()}):\n{self.text()}")

    def wait(self, seconds=30):
        """Until the program ends, reading on; its exit code (negative: the signal)."""
        end = time.monotonic() + seconds * PATIENCE
        while self.process.poll() is None and time.monotonic() < end:
            if self.master < 0 or self.read(0.05) is None:
                break
        code = self.process.wait(max(0.1, end - time.monotonic()))
        while self.master >= 0 and self.read(0):
            pass
        return code

    def signal(self, number=signal.SIGINT):
        self.process.send_signal(number)
