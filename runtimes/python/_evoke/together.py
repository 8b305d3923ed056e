# SPDX-License-Identifier: Apache-2.0
"""Several runs at once in one process: only for functions whose concurrency is above 1.

A crew of threads, as many as there have been runs at once and one to read. Whoever has nothing to
run reads frames; once it holds whole events it wakes one other to read on, and runs the first of
them itself. Handing each event to another thread would cost two wake-ups per run.

What always holds:
  (1) at most one thread reads. A thread that runs a function leaves behind one that reads or one
      that is on its way (`waking`), so a run that blocks holds up nobody.
  (2) on its way means: it waits for the interpreter's lock, which it gets when the run blocks,
      ends, or has had its 5 ms. So short runs follow each other on one thread, undisturbed, and
      their answers are kept (channel.put) and sent with one write when no event is left.
  (3) what was kept is sent before a thread sleeps, reads, or runs a function with nobody on its
      way; and whoever wakes up sends it first.
  (4) a run has its own contextvars, copied from what loading and initialising left, and its own
      Output. Tasks of asyncio and threads started by `threading` belong to the run that started
      them; what they say after its end goes to the instance's output.
  (5) no handler runs in the main thread, ever: signal.signal() fails always, not sometimes.

Not followed: threads of _thread and of extensions (their text goes to the instance's output), and
the threads of a ThreadPoolExecutor, which belong to the run that made them start (asyncio.to_thread
brings its context along).
"""

import contextvars
import io
import os
import sys
import threading
from _thread import allocate_lock, stack_size, start_new_thread
from collections import deque

from . import output, quickjson
from .frames import CREDIT, DATA, END, OPEN, RESET, WINDOW, Broken, Closed, frame

STACK_BYTES = 1 << 20  # 8 MiB of address space each would count against RLIMIT_DATA

_current = contextvars.ContextVar("evoke_output")


class _Switch:
    """sys.stdout or sys.stderr: the file of the run that asks."""

    __class__ = property(lambda self: io.TextIOWrapper)

    def __init__(self, fd, nobodys):
        self._evoke = fd, nobodys

    def _file(self):
        fd, nobodys = self._evoke
        return _current.get(nobodys).file(fd)

    def write(self, text):
        return self._file().write(text)

    def __getattr__(self, name):
        return getattr(self._file(), name)


def share_output(nobodys):
    """nobodys: the Output of loading, later of threads that belong to no run."""
    sys.stdout = sys.__stdout__ = _Switch(1, nobodys)
    sys.stderr = sys.__stderr__ = _Switch(2, nobodys)
    output.hook_logging(lambda: _current.get(nobodys))
    start = threading.Thread.start

    def inheriting(thread):
        mine = _current.get(None)
        if mine is not None:
            bootstrap = thread._bootstrap

            def in_thread():
                del thread._bootstrap
                _current.set(mine)
                bootstrap()

            thread._bootstrap = in_thread
        start(thread)

    threading.Thread.start = inheriting


class _GivenUp(Exception):
    """The host wants no answer any more."""


class _Run:
    """One stream, from OPEN to our END."""

    def __init__(self, doc):
        self.doc = doc
        self.parts = []
        self.ungranted = 0
        self.credit = 0
        self.waits = None  # a lock, while it waits for credit
        self.given_up = False

    def wake(self):
        waits, self.waits = self.waits, None
        if waits:
            waits.release()


class Crew:
    def __init__(self, worker):
        self._worker = worker
        self._channel = worker.channel
        self._context = contextvars.copy_context()
        self._lock = allocate_lock()  # guards what follows, and credit
        self._runs = {}  # stream -> run, all that are open
        self._ready = deque()  # (stream, run) whose event is whole
        self._sleeping = []  # locks; to be released
        self._size = 0
        self._reading = False
        self._waking = False
        self._last = 0  # the reader's: the newest stream

    def serve(self):
        """Never returns: the main thread has nothing to do any more."""
        with self._lock:
            self._see_to_it()
        forever = allocate_lock()
        forever.acquire()
        while True:
            forever.acquire()

    def _see_to_it(self):
        """That somebody is on its way if there is something to do: (1). With the lock held."""
        if self._waking or (self._reading and not self._ready):
            return
        self._waking = True
        if self._sleeping:
            self._sleeping.pop().release()
            return
        before = stack_size(STACK_BYTES)
        try:
            start_new_thread(self._member, ())
            self._size += 1
        except RuntimeError as e:  # a limit of the process: those who are there will come round
            self._waking = False
            if self._size == 0:
                raise Broken("no thread can be started: %s" % e) from None
        finally:
            stack_size(before)

    def _member(self):
        try:
            bed = allocate_lock()
            bed.acquire()
            self._woken()
            while True:
                run = self._next(bed)
                if run is None:
                    self._read()
                else:
                    self._context.copy().run(self._run, *run)
        except Closed:
            os._exit(0)
        except BaseException as e:
            from .worker import broken

            broken(e)

    def _woken(self):
        with self._lock:
            self._waking = False
        self._channel.flush()

    def _next(self, bed):
        """What to run; None: read. Sleeps while there is neither."""
        while True:
            with self._lock:
                if self._ready:
                    run = self._ready.popleft()
                    self._see_to_it()
                    alone = not self._waking
                    break
                if not self._reading:
                    self._reading = True
                    return None
            self._channel.flush()
            with self._lock:
                if self._ready or not self._reading:
                    continue
                self._sleeping.append(bed)
            bed.acquire()
            self._woken()
        if alone:
            self._channel.flush()
        return run

    # --- the reader ---

    def _read(self):
        """Until there is something to run and nothing more to take."""
        ready = []
        while True:
            got = self._channel.take(wait=False)
            if got is None:
                if ready:
                    break
                self._channel.flush()
                got = self._channel.take()
            self._frame(ready, *got)
        with self._lock:
            self._ready.extend(ready)
            self._reading = False

    def _frame(self, ready, kind, stream, payload):
        if kind == OPEN:
            with self._lock:
                if stream <= self._last or len(self._runs) >= self._worker.concurrency:
                    raise Broken("OPEN of stream %d with %d open" % (stream, len(self._runs)))
                self._last = stream
                self._runs[stream] = _Run(quickjson.loads(payload))
            return
        run = self._runs.get(stream)
        if run is None:
            if stream <= self._last:
                return  # crossed our END on its way, or was given up
            raise Broken("frame of type %d on stream %d" % (kind, stream))
        if kind == RESET:
            self._give_up(stream, run)
        elif kind == CREDIT and len(payload) == 4:
            with self._lock:
                run.credit += int.from_bytes(payload, "big")
                run.wake()
        elif run.parts is None:
            raise Broken("frame of type %d after the event of stream %d" % (kind, stream))
        elif kind == DATA:
            run.parts.append(payload)
            run.ungranted += len(payload)
            if run.ungranted >= WINDOW // 2:
                self._channel.send(frame(CREDIT, stream, run.ungranted.to_bytes(4, "big")))
                run.ungranted = 0
        elif kind == END:
            data, run.parts = b"".join(run.parts), None
            ready.append((stream, run, data))
        else:
            raise Broken("frame of type %d on stream %d" % (kind, stream))

    def _give_up(self, stream, run):
        """Nobody waits for it. If it runs, it runs on; if not, it never will."""
        with self._lock:
            run.given_up = True
            run.wake()
            if run.parts is not None:
                del self._runs[stream]

    # --- a run ---

    def _run(self, stream, run, data):
        out = output.Output(self._channel, stream, run.doc["request_id"])
        _current.set(out)
        body, end, flags = b"", b"", 0
        if not run.given_up:
            body, end, flags = self._worker.call(run.doc, data, out)

        def more_credit(_):
            return self._more_credit(run)

        def last(ending):
            with self._lock:  # before the host may open the next
                del self._runs[stream]
            self._channel.put(ending)

        try:
            if run.given_up:
                raise _GivenUp
            self._channel.answer(out.log, body, end, flags, more_credit, last)
        except _GivenUp:
            self._channel.answer(out.log, b"", end, 0, more_credit, last)

    def _more_credit(self, run):
        while True:
            with self._lock:
                if run.given_up:
                    raise _GivenUp
                if run.credit:
                    credit, run.credit = run.credit, 0
                    return credit
                waits = run.waits = allocate_lock()
                waits.acquire()
            self._channel.flush()
            waits.acquire()
