# SPDX-License-Identifier: Apache-2.0
"""What the function prints and logs becomes LOG frames of its invocation.

sys.stdout and sys.stderr are ordinary text files over a raw file that writes frames, so `print`,
`sys.stdout.buffer` and `fileno()` (1 and 2, for child processes) work as ever. A line leaves the
moment it is complete: a function killed at its deadline has said what it said.

`logging` is set up when the function imports it, not before: half of the functions never do.
"""

import io
import os
import sys
import time


class _Raw(io.RawIOBase):
    def __init__(self, channel, fd):
        self._channel = channel
        self._fd = fd

    def writable(self):
        return True

    def fileno(self):
        return self._fd

    def isatty(self):
        return False

    def write(self, data):
        data = bytes(data)
        self._channel.log(data)
        return len(data)


class Output:
    def __init__(self, channel):
        self._channel = channel
        self.request_id = ""
        self._ours = []
        self.refresh()

    def refresh(self):
        """Before each run: whoever closed a stream of ours in the last one gets a new one."""
        if self._ours and not self._ours[0].closed and not self._ours[1].closed:
            return
        self._ours = [self._open(1), self._open(2)]
        sys.stdout, sys.stderr = self._ours
        sys.__stdout__, sys.__stderr__ = self._ours

    def _open(self, fd):
        return io.TextIOWrapper(
            io.BufferedWriter(_Raw(self._channel, fd)),
            encoding="utf-8",
            errors="backslashreplace",
            line_buffering=True,
        )

    def flush(self):
        for stream in self._ours:
            try:
                stream.flush()
            except ValueError:
                pass  # closed by the function

    def write(self, text):
        self.flush()
        self._channel.log(text.encode("utf-8", "backslashreplace"))

    def line(self, level, message):
        """One line in the form both clouds use: time, request id, [LEVEL], text."""
        now = time.time()
        when = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(now))
        millis = int(now * 1000) % 1000
        return "%s.%03dZ %s [%s] %s\n" % (when, millis, self.request_id, level, message)

    def hook_logging(self):
        if "logging" in sys.modules:
            self._set_up(sys.modules["logging"])
        else:
            sys.meta_path.insert(0, _WhenLoggingComes(self._set_up))

    def _set_up(self, logging):
        output = self

        class Handler(logging.Handler):
            def emit(self, record):
                try:
                    text = record.getMessage()
                    if record.exc_info:
                        text += "\n" + logging.Formatter().formatException(record.exc_info)
                    output.write(output.line(record.levelname, text))
                except Exception:
                    self.handleError(record)

        root = logging.getLogger()
        root.addHandler(Handler())
        root.setLevel(logging.INFO)

    def forked(self):
        """In a child: what the parent had half written is the parent's, and frames are not ours."""
        self._ours = []
        sys.stdout = open(1, "w", buffering=1, encoding="utf-8", closefd=False)
        sys.stderr = open(2, "w", buffering=1, encoding="utf-8", closefd=False)


class _WhenLoggingComes:
    """A finder that steps aside at once, but has the real loader call us when it is done."""

    def __init__(self, done):
        self._done = done

    def find_spec(self, name, path=None, target=None):
        if name != "logging":
            return None
        sys.meta_path.remove(self)
        for finder in sys.meta_path:
            spec = finder.find_spec(name, path, target)
            if spec is not None:
                if spec.loader is not None and hasattr(spec.loader, "exec_module"):
                    spec.loader = _Loader(spec, self._done)
                return spec
        return None


class _Loader:
    def __init__(self, spec, done):
        self._spec, self._real, self._done = spec, spec.loader, done

    def __getattr__(self, name):
        return getattr(self._real, name)

    def create_module(self, spec):
        return self._real.create_module(spec)

    def exec_module(self, module):
        self._spec.loader = module.__loader__ = self._real
        self._real.exec_module(module)
        if hasattr(module, "Handler"):  # not a file of the function that is called logging.py
            self._done(module)


def watch_forks(channel, output):
    def in_child():
        channel.forked()
        output.forked()

    os.register_at_fork(after_in_child=in_child)
