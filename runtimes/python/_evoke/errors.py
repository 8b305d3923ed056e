# SPDX-License-Identifier: Apache-2.0
"""A raised exception as data: type, message, and the frames that are the user's.

Imported when something went wrong, not before. Sizes are bounded here, because a message may be as
large as the data that caused it.
"""

from .load import LoadError

MAX_MESSAGE = 8192
MAX_FRAMES = 50
MAX_SOURCE = 200

_ours = __file__.rpartition("/")[0]


class Report:
    """frames: (file, line, function, source text) from the outermost call inwards.

    ours: it is we who found something wrong, not the function's code.
    """

    def __init__(self, kind, message, frames=(), ours=False):
        if len(message) > MAX_MESSAGE:
            message = message[:MAX_MESSAGE] + "..."
        self.kind, self.message, self.frames, self.ours = kind, message, list(frames), ours

    def text(self):
        lines = ["Traceback (most recent call last):\n"] if self.frames else []
        for file, line, function, source in self.frames:
            lines.append('  File "%s", line %d, in %s\n' % (file, line, function))
            if source:
                lines.append("    %s\n" % source)
        lines.append("%s: %s\n" % (self.kind, self.message))
        return "".join(lines)


def of(exception):
    if isinstance(exception, LoadError):
        cause = exception.cause
        return Report(exception.kind, str(exception), _frames(cause) if cause else (), ours=True)
    try:
        message = str(exception)
    except Exception as e:
        message = "<the exception's own text failed: %s>" % type(e).__name__
    return Report(type(exception).__name__, message, _frames(exception))


def _frames(exception):
    frames, trace = [], exception.__traceback__
    while trace is not None:
        code = trace.tb_frame.f_code
        if not code.co_filename.startswith((_ours, "<frozen importlib")):
            frames.append((code.co_filename, trace.tb_lineno, code.co_name))
        trace = trace.tb_next
    if isinstance(exception, SyntaxError) and exception.filename:
        frames.append((exception.filename, exception.lineno or 0, "<module>"))
    if len(frames) > MAX_FRAMES:
        frames = frames[: MAX_FRAMES // 2] + frames[-(MAX_FRAMES // 2) :]
    files = {}
    return [(file, line, name, _source(files, file, line)) for file, line, name in frames]


def _source(files, file, line):
    if file not in files:
        try:
            with open(file, encoding="utf-8", errors="replace") as f:
                files[file] = f.read(4 << 20).split("\n")
        except (OSError, ValueError):
            files[file] = []
    lines = files[file]
    return lines[line - 1].strip()[:MAX_SOURCE] if 0 < line <= len(lines) else ""
