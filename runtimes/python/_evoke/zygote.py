# SPDX-License-Identifier: Apache-2.0
"""A zygote: an interpreter that has done everything once, and is then forked instead of started.

  preload()   modules that functions import
  rehearse()  the whole life of a worker on a dummy function, again and again: after a fork the first
              touch of a page costs microseconds, so what will be written is written before
  main()      forks for the launcher (_zygote.c); a child is a worker from its READY on

What a function sees is what it would see after exec: a child puts back or renews whatever a fork
inherits. Two differences are left, both known: the modules of PRELOADED are in sys.modules already
(not those of which the code has one of its own, see hide()), and all children of a zygote have the
same secret in their hashes of text.

The zygote never sees code of a function, and it has one thread.
"""

import gc
import os
import sys

from . import frames, output, quickjson, worker
from .frames import ASSIGN, DATA, END, OPEN, frame

EXIT_NO_EXTENSION = 69  # of sysexits(3), EX_UNAVAILABLE: the launcher need not try again
EVENT, FAILING = b'{"list": [1, 2.5, null, "x"], "name": {"a": "b"}}', b'{"fail": true}'
FULL = 20, "evoke_dummy", (EVENT, EVENT, FAILING)
# Each page a spare writes is its own from then on, needed or not: only what every function does.
IN_SPARE = 1, "evoke_small", (EVENT,)
# On demand ASSIGN follows at once; one who has heard nothing for so long is a spare and has time.
SPARE_AFTER_MS = 20

PRELOADED = (
    "base64",
    "collections",
    "contextlib",
    "copy",
    "datetime",
    "decimal",
    "functools",
    "hashlib",
    "hmac",
    "http.client",
    "io",
    "json",
    "logging",
    "math",
    "random",
    "re",
    "resource",  # the worker's own
    "select",
    "socket",
    "ssl",
    "string",
    "struct",
    "subprocess",
    "tempfile",
    "threading",
    "time",
    "traceback",
    "typing",
    "urllib.parse",
    "urllib.request",
    "uuid",
    "zlib",
)
OURS = ("errors", "fc", "functiongraph", "load", "scf", "together", "wsgi")
DIALECTS = "fc", "functiongraph", "scf"


def preload():
    """The top-level names that are there now and would not be after exec."""
    before = set(sys.modules)
    for name in OURS:
        __import__(__package__ + "." + name)
    for name in PRELOADED:
        try:
            __import__(name)
        except ImportError:
            pass  # an interpreter built without it
    return {name.partition(".")[0] for name in set(sys.modules) - before} - {__package__}


def hide(names, paths):
    """The code and its layers come first in sys.path: what they have a file for is not preloaded."""
    taken = set()
    for path in paths:
        try:
            taken.update({entry.partition(".")[0] for entry in os.listdir(path)} & names)
        except OSError:
            pass
    for name in [n for n in sys.modules if n.partition(".")[0] in taken]:
        del sys.modules[name]


# --- the rehearsal ---


def rehearse(directory, times, function, events):
    import logging
    import socket

    before = _State(logging)
    for n in range(times):
        ours, theirs = socket.socketpair()
        assign = _assign(directory, function, DIALECTS[n % len(DIALECTS)])
        try:
            _one_life(ours, worker.Worker(theirs.detach()), assign, events)
        finally:
            output.forget_forks()
            before.restore(logging)
            ours.close()


def _one_life(host, it, assign, events):
    """Both ends in one thread: nothing here is larger than a socket's buffer."""
    try:
        it.boot()
        host.send(frame(ASSIGN, 0, assign))
        it.assign()
        for stream, event in enumerate(events, 1):
            meta = b'{"request_id":"00000000-0000-0000-0000-%012d","timeout_ms":3000}' % stream
            host.send(frame(OPEN, stream, meta) + frame(DATA, stream, event) + frame(END, stream))
            it.run()
        host.recv(65536)
    finally:
        os.close(it.channel.fd)


def _assign(directory, function, dialect):
    return quickjson.dumps(
        {
            "dialect": dialect,
            "instance_id": "rehearsal",
            "runtime": "",
            "code_root": directory,
            "cwd": "/",
            "handler": function + ".handler",
            "initializer": function + ".init",
            "env": {"REHEARSAL": "1"},
            "log_line_bytes": 32768,
            "answer_max": 1 << 20,
            "context": {"function": {}} if dialect == "fc" else {"function": "rehearsal"},
        }
    ).encode()


class _State:
    """What assigning a function changes in the interpreter.

    Of tables only the length is kept, and what came later is taken off their ends: in a spare even to
    look at each name would write to the page it is on (its reference count).
    """

    def __init__(self, logging):
        self.environ = dict(os.environ)
        self.path, self.finders = list(sys.path), list(sys.meta_path)
        self.argv, self.main = sys.argv, sys.modules["__main__"]
        self.files = sys.stdout, sys.stderr, sys.__stdout__, sys.__stderr__
        tables = sys.modules, sys.path_importer_cache, logging.root.manager.loggerDict
        self.tables = [(table, len(table)) for table in tables]
        self.handlers, self.level = list(logging.root.handlers), logging.root.level

    def restore(self, logging):
        os.environ.clear()
        os.environ.update(self.environ)
        sys.path[:], sys.meta_path[:] = self.path, self.finders
        sys.argv, sys.modules["__main__"] = self.argv, self.main
        sys.stdout, sys.stderr, sys.__stdout__, sys.__stderr__ = self.files
        for table, length in self.tables:
            while len(table) > length:
                table.popitem()
        logging.root.handlers[:] = self.handlers
        logging.root.setLevel(self.level)


# --- the zygote and its children ---


def main(here):
    try:
        from . import _zygote
    except ImportError as e:
        os.write(2, ("evoke zygote: %s; every instance is started anew\n" % e).encode())
        os._exit(EXIT_NO_EXTENSION)
    directory = here + "/rehearsal"
    try:
        _zygote.open()
        preloaded = preload()
        rehearse(directory, *FULL)
        if "_ssl" in sys.modules:
            sys.modules["_ssl"].RAND_bytes(16)  # makes the generators once, for all: 700 KiB
        gc.collect()
        gc.freeze()
        _zygote.ready()
        while _zygote.wait():
            if _zygote.fork():
                child(preloaded, directory)
    except OSError as e:
        worker.broken(e)
    os._exit(0)


def child(preloaded, directory):
    """Never returns. We are in the slot, unprivileged."""
    try:
        for name in ("zygote", "_zygote"):
            del sys.modules[__package__ + "." + name]
            delattr(sys.modules[__package__], name)
        _renew()
        it = worker.Worker(frames.adopt(3))
        it.before_loading = lambda: hide(preloaded, it.search)
        it.boot()
        if not _readable(it.channel.fd, SPARE_AFTER_MS):
            rehearse(directory, *IN_SPARE)
    except BaseException as e:
        worker.broken(e)
    worker.live(it)


def _renew():
    """`random` has seen to itself in a fork hook; OpenSSL sees a fork by getpid(), which may be the
    same in two slots."""
    if "_ssl" in sys.modules:
        sys.modules["_ssl"].RAND_add(os.urandom(32), 32.0)
    main_thread = sys.modules["threading"].main_thread()
    if hasattr(main_thread, "_set_native_id"):
        main_thread._set_native_id()  # some versions forget it in their fork hook
    if hasattr(sys, "orig_argv"):
        sys.orig_argv = [arg.replace("zygote.py", "bootstrap.py") for arg in sys.orig_argv]


def _readable(fd, timeout_ms):
    import select

    waiting = select.poll()
    waiting.register(fd, select.POLLIN)
    return bool(waiting.poll(timeout_ms))
