# SPDX-License-Identifier: Apache-2.0
"""The life of a worker: READY, ASSIGN, load, READY, then one invocation after the other.

  boot()    descriptor 3 is moved away, READY says that we run. No user code has been seen.
  assign()  environment, working directory, sys.path; the handler is loaded, the initializer run.
  run()     one OPEN .. END: decode the event, call, encode the answer. Or several of them at once:
            then together.py takes over from here.

Three ways out of user code: it returns, it raises (an error result; the instance lives on), or the
process ends: sys.exit() and os._exit() mean what they say, and the host words it.
"""

import os
import sys

from . import frames, quickjson
from .frames import ASSIGN, ERROR, OPEN, READY, frame
from .output import Output, hook_logging, watch_forks

EXIT_INIT_FAILED, EXIT_PROTOCOL = 1, 70
MAX_CONCURRENCY = 1000
OUT_OF_MEMORY = b'{"errorMessage": "out of memory", "errorType": "MemoryError"}'
KEPT_VARIABLES = ("PATH", "LANG", "HOME")
HOOKS = ("pre_stop", "pre_freeze")


class Worker:
    def __init__(self, fd):
        self.channel = frames.Channel(fd)
        self.output = None
        self.dialect = None
        self.handler = None
        self.hooks = {}
        self.code_root = ""
        self.search = []
        self.answer_max = 0
        self.concurrency = 1
        self.pid = os.getpid()
        self.usage = _usage_reader()
        self.cpu_us = 0  # of this process, as the run before ended
        self.before_loading = None  # the zygote's

    def boot(self):
        """The caller may do things between this and live()."""
        self.channel.send(frame(READY, 0, b'{"version":1}'))

    def assign(self):
        kind, _, payload = self.channel.take()
        if kind != ASSIGN:
            raise frames.Broken("frame of type %d before ASSIGN" % kind)
        doc = quickjson.loads(payload)
        self.channel.log_line_bytes = max(1, doc["log_line_bytes"])
        self.answer_max = doc["answer_max"]
        self.concurrency = doc.get("concurrency", 1)
        if not 1 <= self.concurrency <= MAX_CONCURRENCY:
            raise frames.Broken("concurrency %r" % self.concurrency)
        self.hooks = {name: doc.get(name) for name in HOOKS}
        self.code_root = doc["code_root"]
        self.search = search(doc)
        self.output = Output(self.channel, 0, doc["instance_id"])
        watch_forks(self.channel)
        self.dialect = _dialect(doc)
        _settle(doc)
        if self.before_loading:
            self.before_loading()
        if self.concurrency == 1:
            self.output.install()
            hook_logging(lambda: self.output)
        else:
            from . import together

            together.share_output(self.output)

        failed = self._load(doc)
        self.output.flush()
        if failed is not None:
            self.channel.send(frame(READY, 0, failed, ERROR))
            _leave(EXIT_INIT_FAILED)
        self.output.log.begin(None)
        self.cpu_us = self.usage()[1]
        self.channel.send(frame(READY, 0, b"{}"))

    def _load(self, doc):
        """None, or the error result."""
        from . import load

        try:
            # First, since modules may read the environment.
            context = self.dialect.context(doc["instance_id"], 0, doc.get("credentials"))
            self.handler = load.handler(self.code_root, doc["handler"])
            if doc.get("initializer"):
                initializer = load.handler(self.code_root, doc["initializer"], "initializer")
                self.channel.send(frame(READY, 0, b'{"loaded":true}'))
                initializer(context)
            return None
        except SystemExit as e:
            self._exit(e, self.output)
        except BaseException as e:
            return self._error(e, frames.MAX_DATA, self.output)
        finally:
            self._only_parent()

    def run(self):
        kind, stream, payload = self.channel.take()
        if kind in (frames.RESET, frames.CREDIT):
            return  # late, of the stream before
        if kind != OPEN:
            raise frames.Broken("frame of type %d where OPEN was expected" % kind)
        doc = quickjson.loads(payload)
        data = self.channel.event(stream)
        self.output.begin(stream, doc["request_id"])
        answer = self.call(doc, data, self.output)
        self.channel.answer(self.output.log, *answer, self.channel.more_credit, self.channel.send)

    def call(self, doc, data, output):
        """One run of the function, or of a hook: (HEAD document, body, END document, flags)."""
        head, flags = b"", 0
        try:
            context = self.dialect.context(
                doc["request_id"],
                doc.get("timeout_ms", 0),
                doc.get("credentials"),
                doc.get("retry_count", 0),
            )
            if "traceparent" in doc:
                fields = context if isinstance(context, dict) else vars(context)
                fields["traceparent"] = doc["traceparent"]
                fields["tracestate"] = doc.get("tracestate", "")
            hook = doc.get("hook")
            if "http" in doc:
                head, body = self._http(doc["http"], data, context)
            elif hook is None:
                body = self.dialect.answer(self.handler(self.dialect.event(data), context))
            else:
                body = self._hook(hook, context)
            if len(body) > self.answer_max:
                body = self._report(self.dialect.too_large(), self.answer_max, output)
                head, flags = b"", ERROR
        except SystemExit as e:
            self._exit(e, output)
        except BaseException as e:
            body, flags = self._error(e, self.answer_max, output), ERROR
        finally:
            self._only_parent()
        output.flush()
        return head, body, self._summary(), flags

    def _http(self, http, data, context):
        from . import wsgi

        environ = wsgi.environ_of(http, data, context, sys.stderr, self.concurrency > 1)
        return wsgi.call(self.handler, environ, self.answer_max)

    def _summary(self):
        peak_bytes, cpu_us = self.usage()
        if self.concurrency > 1:  # whose time it was nobody knows
            return b'{"peak_bytes":%d}' % peak_bytes
        before, self.cpu_us = self.cpu_us, cpu_us
        return b'{"peak_bytes":%d,"cpu_us":%d}' % (peak_bytes, cpu_us - before)

    def _hook(self, name, context):
        from . import load

        if self.hooks.get(name):  # found when it is needed: a wrong name costs nobody a start
            load.handler(self.code_root, self.hooks[name], name)(context)
        return b""

    def _error(self, exception, limit, output):
        if isinstance(exception, MemoryError):
            _release(exception)
        try:
            from . import errors

            report = errors.of(exception)
        except (MemoryError, RecursionError):
            return OUT_OF_MEMORY
        return self._report(report, limit, output)

    def _report(self, report, limit, output):
        try:
            output.write(report.text())
            body = self.dialect.error(report, output.request_id)
            if len(body) > limit:
                report.frames = []
                body = self.dialect.error(report, output.request_id)
            return body
        except (MemoryError, RecursionError):
            return OUT_OF_MEMORY

    def _exit(self, exit_, output):
        """sys.exit(): end as the interpreter would have."""
        code = exit_.code
        if code is None:
            code = 0
        elif not isinstance(code, int):
            output.write("%s\n" % (code,))
            code = 1
        output.flush()
        self.channel.flush()  # answers of others
        _leave(code & 0xFF)

    def _only_parent(self):
        """A forked child that returned from the handler ends here, not in our loop."""
        if os.getpid() != self.pid:
            try:
                sys.stdout.flush()
                sys.stderr.flush()
            finally:
                _leave(0)


def _release(exception):
    """What the failed calls hold may be all the memory there is, and we need some to report them."""
    trace = exception.__traceback__
    while trace is not None:
        try:
            trace.tb_frame.clear()
        except RuntimeError:
            pass  # still running: it is ours
        trace = trace.tb_next


def _leave(code):
    os._exit(code)  # no atexit, no waiting for the function's threads


def _dialect(doc):
    if doc["dialect"] == "functiongraph":
        from .functiongraph import Dialect
    elif doc["dialect"] == "fc":
        from .fc import Dialect
    elif doc["dialect"] == "scf":
        from .scf import Dialect
    else:
        raise frames.Broken("dialect '%s' is not known" % doc["dialect"])
    return Dialect(doc)


def search(doc):
    """What comes first in sys.path: the code, what PYTHONPATH of the function says, its layers."""
    paths = [doc["code_root"]]
    for path in doc["env"].get("PYTHONPATH", "").split(":") + doc.get("search", []):
        if path and path not in paths:
            paths.append(path)
    return paths


def _settle(doc):
    kept = {name: os.environ[name] for name in KEPT_VARIABLES if name in os.environ}
    os.environ.clear()
    os.environ.update(kept)
    os.environ.update(doc["env"])
    if "TZ" in doc["env"]:
        import time

        time.tzset()
    os.chdir(doc["cwd"])
    sys.path[:0] = search(doc)
    sys.argv = [doc["handler"]]
    sys.modules["__main__"] = type(sys)("__main__")


def _status_peak():
    """VmHWM: of this program only, but a file to read."""
    with open("/proc/self/status", "rb") as f:
        for line in f:
            if line.startswith(b"VmHWM:"):
                return int(line.split()[1]) * 1024
    return 0


def _usage_reader():
    """How this process learns its own peak memory and its CPU time: (bytes, microseconds).

    getrusage() is cheap, but its maximum survives exec: it counts whoever started us, too. It is right as
    long as we have been larger than that, which we usually are from the start.
    """
    try:
        from resource import RUSAGE_SELF, getrusage
    except ImportError:  # not built in; the host measures memory by its own means
        from time import process_time_ns

        return lambda: (0, process_time_ns() // 1000)

    def usage():
        used = getrusage(RUSAGE_SELF)
        return used.ru_maxrss * 1024, round((used.ru_utime + used.ru_stime) * 1e6)

    try:
        if usage()[0] > _status_peak():
            return lambda: (_status_peak(), usage()[1])
    except (OSError, ValueError):
        pass
    return usage


def live(worker):
    """From the first READY to the end of the process."""
    try:
        worker.assign()
        if worker.concurrency > 1:
            from .together import Crew

            Crew(worker).serve()
        while True:
            worker.run()
    except frames.Closed:
        _leave(0)
    except BaseException as e:
        broken(e)


def broken(e):
    """One line to the operator, and out."""
    text = "%s: %s" % (type(e).__name__, e)
    try:
        os.write(2, b"evoke worker: " + text.encode("utf-8", "replace")[:500] + b"\n")
    finally:
        _leave(EXIT_PROTOCOL)


def main(fd):
    try:
        worker = Worker(frames.adopt(fd))
        worker.boot()
    except BaseException as e:
        broken(e)
    live(worker)
