# SPDX-License-Identifier: Apache-2.0
"""Frames version 1 over a stream socket, by plain read and write: docs/protocol/frames.md.

No `socket` module: importing it costs milliseconds of every cold start, and a descriptor is all
that is needed. What always holds:
  (1) one thread reads at a time; any thread may log, so every write is done under `lock`;
  (2) a Log without a stream (before the first run, after a run's END) writes to descriptor 1,
      never into a stream that has ended;
  (3) a forked child never touches the socket of its parent (see forked()).
"""

import os
from _thread import RLock
from struct import Struct

READY, ASSIGN, OPEN, DATA, END, CREDIT, RESET, LOG, HEAD = range(1, 10)
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
    def __init__(self, fd):
        self.fd = fd
        self.lock = RLock()
        self.log_line_bytes = 32768
        self._in = b""
        self._at = 0
        self._out = []

    # --- reading ---

    def take(self, wait=True):
        """The next frame: (type, stream, payload). Waits for it, or is None."""
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
            if not wait:
                return None
            more = os.read(self.fd, 65536)  # malloc would map anew what is larger
            if not more:
                raise Closed
            self._in = self._in[self._at :] + more
            self._at = 0

    def event(self, stream):
        """The bytes of an invocation's event, up to the host's END. For one run at a time."""
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

    def more_credit(self, stream):
        """Bytes granted for an answer. For one run at a time."""
        while True:
            kind, on, payload = self.take()
            if kind == RESET or (kind == CREDIT and on < stream):
                continue
            if kind != CREDIT or on != stream or len(payload) != 4:
                raise Broken("frame of type %d on stream %d inside an answer" % (kind, on))
            return int.from_bytes(payload, "big")

    # --- writing ---

    def send(self, data):
        with self.lock:
            if self._out:
                self._out.append(data)
                data = b"".join(self._out)
                self._out.clear()
            n = os.write(self.fd, data)
            while n < len(data):
                data = memoryview(data)[n:]
                n = os.write(self.fd, data)

    def put(self, data):
        """To be sent with what comes next, or by flush()."""
        with self.lock:
            self._out.append(data)

    def flush(self):
        if self._out:
            self.send(b"")

    def answer(self, log, head, body, end, flags, more_credit, last):
        """HEAD, if there is one, answer and END, which goes out by last(); log lines have no stream from
        here on."""
        stream = log.stream
        if head:
            self.put(frame(HEAD, stream, head))
        size, sent, credit = len(body), 0, WINDOW
        while size - sent > MAX_DATA:
            while credit < MAX_DATA:
                credit += more_credit(stream)
            self.send(frame(DATA, stream, body[sent : sent + MAX_DATA]))
            sent += MAX_DATA
            credit -= MAX_DATA
        while credit < size - sent:
            credit += more_credit(stream)
        tail = frame(DATA, stream, body[sent:]) if size > sent else b""
        with self.lock:
            log.stream = None
            last(tail + frame(END, stream, end, flags))

    def forked(self):
        """In a child: a new lock (ours may be held by a thread that is not here), and no socket, so
        that the host hears of its parent's end at once."""
        self.lock = RLock()
        self._out = []
        try:
            os.close(self.fd)
        except OSError:
            pass
        self.fd = -1


class Log:
    """Bytes that functions print, as LOG frames of a stream, lines cut to log_line_bytes."""

    def __init__(self, channel, stream):
        self._channel = channel
        self.begin(stream)

    def begin(self, stream):
        """From here on lines belong to this stream (None: to nobody)."""
        with self._channel.lock:
            self.stream, self._column = stream, 0

    def write(self, text):
        channel = self._channel
        with channel.lock:
            if self.stream is None or channel.fd < 0:
                _write_all(1, text)
                return
            limit = channel.log_line_bytes
            if len(text) + self._column <= limit and len(text) <= MAX_DATA:
                channel.send(frame(LOG, self.stream, bytes(text)))
                end = text.rfind(b"\n")
                self._column = len(text) - end - 1 if end >= 0 else self._column + len(text)
                return
            for line in bytes(text).splitlines(True):
                self._line(line, limit)

    def _line(self, line, limit):
        ended = line.endswith(b"\n")
        if ended:
            line = line[:-1]
        while True:
            room = limit - self._column
            piece, line = line[:room], line[room:]
            whole = piece + b"\n" if line or ended else piece
            for at in range(0, len(whole), MAX_DATA):
                self._channel.send(frame(LOG, self.stream, whole[at : at + MAX_DATA]))
            self._column = 0 if line or ended else self._column + len(piece)
            if not line:
                return


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
