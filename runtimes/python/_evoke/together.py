# SPDX-License-Identifier: Apache-2.0
"""Several runs at once in one process: only for functions whose concurrency is above 1.

A crew of threads. One of them is the holder: it reads frames and runs what has come in whole, itself,
one after the other; handing each event to another thread would cost two wake-ups per run. Another
is the watch: it looks every TICK_S whether the holder is still in the same run, and if so takes its
place; the overtaken one answers when it is done, and then sleeps. Once a run has been overtaken the
function is one that waits, and for the next EAGER runs the watch is woken as each begins: it gets the
interpreter's lock, and the place, when the run first waits for anything.

What always holds:
  (1) there is one holder, and one watch if the process may have as many threads. Nobody else reads.
  (2) a run that blocks holds up nobody for longer than two ticks.
  (3) answers of runs that follow each other are kept (channel.put) and sent with one write: by the
      holder before it reads, by a thread that was overtaken, and first of all by one that overtakes.
  (4) a run has its own contextvars, copied from what loading and initialising left, and its own
      Output. Tasks of asyncio, threads started by `threading` and work given to a ThreadPoolExecutor
      belong to the run they come from; what they say after its end goes to the instance's output.
  (5) no handler runs in the main thread, ever: signal.signal() fails always, not sometimes.

Not followed: threads of _thread and of extensions. Their text goes to the instance's output.
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
TICK_S = 0.001
QUIET_TICKS = 50  # without a run; then the watch sleeps until it is rung for
EAGER = 64

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
    _follow_threads()
    output.when_imported("concurrent.futures.thread", "ThreadPoolExecutor", _follow_executors)


def _follow_threads():
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


def _follow_executors(module):
    """Its threads outlive the run that made them start."""
    submit = module.ThreadPoolExecutor.submit

    def inheriting(executor, function, *args, **named):
        mine = _current.get(None)
        if mine is None:
            return submit(executor, function, *args, **named)
        return submit(executor, _within, mine, function, args, named)

    module.ThreadPoolExecutor.submit = inheriting


def _within(mine, function, args, named):
    token = _current.set(mine)
    try:
        return function(*args, **named)
    finally:
        _current.reset(token)


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
        self._runs = {}  # stream -> run, all that are open
        self._last = 0  # the newest stream
        self._ready = deque()  # (stream, run, event) that came in whole
        self._lock = allocate_lock()  # guards the state of runs, and what follows
        self._holder = None  # the bed of the thread that is it: a lock to sleep on
        self._run_number = 0  # grows; the holder's
        self._running = False  # the holder is in a run
        self._sleeping = []  # beds
        self._watched = False  # there is a watch
        self._bell = allocate_lock()  # what it waits for
        self._bell.acquire()
        self._rung = self._dozing = False
        self._eager = 0

    def serve(self):
        """Never returns: the main thread has nothing to do any more."""
        with self._lock:
            self._running = True  # so that the first watch takes over, from nobody
            self._appoint()
            if not self._watched:
                raise Broken("no thread can be started")
        forever = allocate_lock()
        forever.acquire()
        while True:
            forever.acquire()

    def _appoint(self):
        """A new watch, if there can be one. With the lock held, as the two below."""
        self._watched = True
        if self._sleeping:
            self._sleeping.pop().release()
            return
        before = stack_size(STACK_BYTES)
        try:
            start_new_thread(self._member, ())
        except RuntimeError:  # a limit of the process: the next that is done with its run will be it
            self._watched = False
        finally:
            stack_size(before)

    def _ring(self):
        if not self._rung:
            self._rung = True
            self._bell.release()

    def _enter(self):
        """The holder is about to run something."""
        self._run_number += 1
        self._running = True
        if self._eager:
            self._eager -= 1
            self._ring()
        elif self._dozing:
            self._ring()

    def _member(self):
        try:
            bed = allocate_lock()
            bed.acquire()
            while True:  # a thread begins as the watch
                self._watch(bed)
                self._channel.flush()
                self._hold(bed)
                self._channel.flush()
                with self._lock:
                    if not self._watched:
                        self._watched = True
                        continue
                    self._sleeping.append(bed)
                bed.acquire()
        except Closed:
            os._exit(0)
        except BaseException as e:
            from .worker import broken

            broken(e)

    def _watch(self, bed):
        """Until the holder has to be replaced; then we are it."""
        seen, quiet = 0, 0
        while True:
            rung = self._bell.acquire(timeout=-1 if self._dozing else TICK_S)
            with self._lock:
                if rung:
                    self._rung = self._dozing = False
                    quiet = 0
                if not self._running:
                    quiet += 1
                    self._dozing = quiet > QUIET_TICKS
                    continue
                quiet = 0
                if self._run_number == seen or (rung and self._eager):
                    self._eager = EAGER
                    self._holder, self._running = bed, False
                    self._appoint()
                    return
                seen = self._run_number

    def _hold(self, bed):
        """Read and run until we are overtaken."""
        while True:
            with self._lock:
                if self._holder is not bed:
                    return
                self._running = False
                run = None
                if self._ready:
                    run = self._ready.popleft()
                    self._enter()
            if run is None:
                self._read()
            else:
                self._context.copy().run(self._run, *run)

    # --- the holder reads ---

    def _read(self):
        """Until there is something to run and nothing more to take."""
        while True:
            got = self._channel.take(wait=False)
            if got is None:
                if self._ready:
                    return
                self._channel.flush()
                got = self._channel.take()
            self._frame(*got)

    def _frame(self, kind, stream, payload):
        if kind == OPEN:
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
            self._ready.append((stream, run, data))
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
        answer = b"", b"", b"", 0
        if not run.given_up:
            answer = self._worker.call(run.doc, data, out)

        def more_credit(_):
            return self._more_credit(run)

        def last(ending):
            del self._runs[stream]  # before the host may open the next
            self._channel.put(ending)

        try:
            if run.given_up:
                raise _GivenUp
            self._channel.answer(out.log, *answer, more_credit, last)
        except _GivenUp:
            self._channel.answer(out.log, b"", b"", answer[2], 0, more_credit, last)

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
                self._eager = EAGER
                self._ring()  # we are about to block
            waits.acquire()
