# SPDX-License-Identifier: Apache-2.0
"""What the function prints and logs becomes LOG frames of its invocation.

sys.stdout and sys.stderr are ordinary text files over a raw file that writes frames, so `print`,
`sys.stdout.buffer` and `fileno()` (1 and 2, for child processes) work as ever. A line leaves the
moment it is complete: a function killed at its deadline has said what it said.

One run at a time has one Output for all runs. When several run at once each has its own, and
sys.stdout is a switch between them (together.py).

`logging` is set up when the function imports it, not before: half of the functions never do.
"""

import io
import os
import sys
import time

from .frames import Log


class _Raw(io.RawIOBase):
    def __init__(self, log, fd):
        self._log = log
        self._fd = fd

    def writable(self):
        return True

    def fileno(self):
        return self._fd

    def isatty(self):
        return False

    def write(self, data):
        data = bytes(data)
        self._log.write(data)
        return len(data)


class Output:
    """Where the text of one run goes, or of one run after the other."""

    def __init__(self, channel, stream, request_id):
        self.log = Log(channel, stream)
        self.request_id = request_id
        self._files = {}

    def file(self, fd):
        """The text file that stands for descriptor 1 or 2; a new one if the function closed it."""
        file = self._files.get(fd)
        if file is None or file.closed:
            file = self._files[fd] = io.TextIOWrapper(
                io.BufferedWriter(_Raw(self.log, fd)),
                encoding="utf-8",
                errors="backslashreplace",
                line_buffering=True,
            )
        return file

    def install(self):
        sys.stdout = sys.__stdout__ = self.file(1)
        sys.stderr = sys.__stderr__ = self.file(2)

    def begin(self, stream, request_id):
        """Before each run of one after the other."""
        if self._files[1].closed or self._files[2].closed:
            self.install()
        self.request_id = request_id
        self.log.begin(stream)

    def flush(self):
        for file in list(self._files.values()):  # a thread may be opening the other
            try:
                file.flush()
            except ValueError:
                pass  # closed by the function

    def write(self, text):
        self.flush()
        self.log.write(text.encode("utf-8", "backslashreplace"))

    def line(self, level, message):
        """One line in the form both clouds use: time, request id, [LEVEL], text."""
        now = time.time()
        when = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(now))
        millis = int(now * 1000) % 1000
        return "%s.%03dZ %s [%s] %s\n" % (when, millis, self.request_id, level, message)


def hook_logging(current):
    """Once `logging` is there, its lines go to current(), the Output of whoever logs."""

    def set_up(logging):
        class Handler(logging.Handler):
            def emit(self, record):
                try:
                    text = record.getMessage()
                    if record.exc_info:
                        text += "\n" + logging.Formatter().formatException(record.exc_info)
                    output = current()
                    output.write(output.line(record.levelname, text))
                except Exception:
                    self.handleError(record)

        root = logging.getLogger()
        root.addHandler(Handler())
        root.setLevel(logging.INFO)

    when_imported("logging", "Handler", set_up)


def when_imported(name, mark, done):
    """done(module) now or as soon as it is imported; mark: an attribute by which we know that it is
    not a file of the function that has the same name."""
    if name in sys.modules:
        if hasattr(sys.modules[name], mark):
            done(sys.modules[name])
    else:
        sys.meta_path.insert(0, _WhenItComes(name, mark, done))


class _WhenItComes:
    """A finder that steps aside at once, but has the real loader call us when it is done."""

    def __init__(self, name, mark, done):
        self._name, self._mark, self._done = name, mark, done

    def find_spec(self, name, path=None, target=None):
        if name != self._name:
            return None
        sys.meta_path.remove(self)
        for finder in sys.meta_path:
            spec = finder.find_spec(name, path, target)
            if spec is not None:
                if spec.loader is not None and hasattr(spec.loader, "exec_module"):
                    spec.loader = _Loader(spec, self._mark, self._done)
                return spec
        return None


class _Loader:
    def __init__(self, spec, mark, done):
        self._spec, self._real, self._mark, self._done = spec, spec.loader, mark, done

    def __getattr__(self, name):
        return getattr(self._real, name)

    def create_module(self, spec):
        return self._real.create_module(spec)

    def exec_module(self, module):
        self._spec.loader = module.__loader__ = self._real
        self._real.exec_module(module)
        if hasattr(module, self._mark):
            self._done(module)


_watched = []  # the channel of this process; registering a hook cannot be undone


def watch_forks(channel):
    if not _watched:
        os.register_at_fork(after_in_child=_in_child)
    _watched[:] = [channel]


def forget_forks():
    """The channel is gone; a fork may be one of ours (zygote.py)."""
    _watched[:] = [None]


def _in_child():
    """What the parent had half written is the parent's, and frames are not ours."""
    if _watched[0] is None:
        return
    _watched[0].forked()
    sys.stdout = open(1, "w", buffering=1, encoding="utf-8", closefd=False)
    sys.stderr = open(2, "w", buffering=1, encoding="utf-8", closefd=False)
