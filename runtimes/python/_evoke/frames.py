# SPDX-License-Identifier: Apache-2.0
"""Frames version 1 over a stream socket, by plain read and write: docs/protocol/frames.md.

No `socket` module: importing it costs milliseconds of every cold start, and a descriptor is all
that is needed. What always holds:
  (1) one thread reads, the main one; any thread may log, so every write is done under `lock`;
  (2) `stream` is the stream log lines belong to, or None when there is none: then they go to
      descriptor 1, never into a stream that has ended;
  (3) a forked child never touches the socket of its parent (see forked()).
"""

import os
from _thread import RLock
from struct import Struct

READY, ASSIGN, OPEN, DATA, END, CREDIT, RESET, LOG = range(1, 9)
ERROR = 1
MAX_DATA = 65536
MAX_META = 1 << 20
WINDOW = 256 * 1024

_head = Struct(">IBBHI")
_from_host = (ASSIGN, OPEN, DATA, END, CREDIT, RESET)


class Closed(Exception):
    """The host has gone away."""


class Broken(Exception):
    """The host sent something that is no frame, or not now."""


def frame(kind, stream, payload=b"", flags=0):
    return _head.pack(len(payload), kind, flags, 0, stream) + payload


class Channel:
    def __init__(self, fd, log_line_bytes=32768):
        self.fd = fd
        self.lock = RLock()
        self.stream = 0
        self.log_line_bytes = log_line_bytes
        self._in = b""
        self._at = 0
        self._column = 0

    # --- reading ---

    def take(self):
        """The next frame: (type, stream, payload). Waits for it."""
        while True:
            have = len(self._in) - self._at
            if have >= 12:
                size, kind, flags, zero, stream = _head.unpack_from(self._in, self._at)
                if kind not in _from_host or flags or zero or (stream == 0) != (kind == ASSIGN):
                    raise Broken("frame head of type %d, flags %d, stream %d" % (kind, flags, stream))
                if size > (MAX_META if kind in (ASSIGN, OPEN) else MAX_DATA):
                    raise Broken("frame of type %d with %d bytes" % (kind, size))
                if have >= 12 + size:
                    start = self._at + 12
                    self._at = start + size
                    return kind, stream, self._in[start : self._at]
            more = os.read(self.fd, 131072)
            if not more:
                raise Closed
            self._in = self._in[self._at :] + more
            self._at = 0

    def event(self, stream):
        """The bytes of an invocation's event, up to the host's END."""
        parts, ungranted = [], 0
        while True:
            kind, on, payload = self.take()
            if kind == RESET or (kind == CREDIT and on < stream):
                continue  # we never stop halfway; and credit may come late, of the stream before
            if on != stream:
                raise Broken("frame of type %d on stream %d" % (kind, on))
            if kind == END:
                return parts[0] if len(parts) == 1 else b"".join(parts)
            if kind != DATA:
                raise Broken("frame of type %d inside an event" % kind)
            parts.append(payload)
            ungranted += len(payload)
            if ungranted >= WINDOW // 2:
                self.send(frame(CREDIT, stream, ungranted.to_bytes(4, "big")))
                ungranted = 0

    # --- writing ---

    def begin(self, stream):
        """From here on log lines belong to this stream (None: to nobody)."""
        with self.lock:
            self.stream, self._column = stream, 0

    def send(self, data):
        with self.lock:
            n = os.write(self.fd, data)
            while n < len(data):
                data = memoryview(data)[n:]
                n = os.write(self.fd, data)

    def answer(self, stream, body, end, flags=0):
        """Answer and END; log lines of other threads have no stream from here on."""
        size, sent, credit = len(body), 0, WINDOW
        while size - sent > MAX_DATA:
            while credit < MAX_DATA:
                credit += self._more_credit(stream)
            self.send(frame(DATA, stream, body[sent : sent + MAX_DATA]))
            sent += MAX_DATA
            credit -= MAX_DATA
        while credit < size - sent:
            credit += self._more_credit(stream)
        tail = frame(DATA, stream, body[sent:]) if size > sent else b""
        with self.lock:
            self.begin(None)
            self.send(tail + frame(END, stream, end, flags))

    def _more_credit(self, stream):
        while True:
            kind, on, payload = self.take()
            if kind == RESET or (kind == CREDIT and on < stream):
                continue
            if kind != CREDIT or on != stream or len(payload) != 4:
                raise Broken("frame of type %d on stream %d inside an answer" % (kind, on))
            return int.from_bytes(payload, "big")

    def log(self, text):
        """Bytes of the function's log, lines cut to log_line_bytes."""
        with self.lock:
            if self.stream is None:
                _write_all(1, text)
                return
            limit = self.log_line_bytes
            if len(text) + self._column <= limit and len(text) <= MAX_DATA:
                self.send(frame(LOG, self.stream, bytes(text)))
                end = text.rfind(b"\n")
                self._column = len(text) - end - 1 if end >= 0 else self._column + len(text)
                return
            for line in bytes(text).splitlines(True):
                self._log_line(line, limit)

    def _log_line(self, line, limit):
        ended = line.endswith(b"\n")
        if ended:
            line = line[:-1]
        while True:
            room = limit - self._column
            piece, line = line[:room], line[room:]
            whole = piece + b"\n" if line or ended else piece
            for at in range(0, len(whole), MAX_DATA):
                self.send(frame(LOG, self.stream, whole[at : at + MAX_DATA]))
            self._column = 0 if line or ended else self._column + len(piece)
            if not line:
                return

    def forked(self):
        """In a child: a new lock (ours may be held by a thread that is not here), no stream, and
        no socket, so that the host hears of its parent's end at once."""
        self.lock = RLock()
        self.stream = None
        try:
            os.close(self.fd)
        except OSError:
            pass
        self.fd = -1


def _write_all(fd, data):
    while data:
        try:
            n = os.write(fd, data)
        except OSError:
            return  # a log nobody reads any more
        data = data[n:]


def adopt(fd):
    """Move the socket out of the way of user code and of its children."""
    for high in (1000, 200):
        try:
            os.dup2(fd, high, inheritable=False)
        except OSError:
            continue
        os.close(fd)
        return high
    os.set_inheritable(fd, False)
    return fd
