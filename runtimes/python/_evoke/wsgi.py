# SPDX-License-Identifier: Apache-2.0
"""Function Compute's HTTP handlers are WSGI applications (PEP 3333): handler(environ, start_response).

Imported when the first request comes. The answer is kept until it is whole, because it has to be an
error result if the application fails on its way; so nothing has been sent before the end, but who has
given bytes can no more change its mind about status and headers, as the PEP says.
"""

import io
import os

from .quickjson import dumps

MAX_HEAD = 16384
_one_piece = (str, bytes, bytearray, dict)


class NotWsgi(Exception):
    """The handler does not behave as a WSGI application."""


class _Answer:
    def __init__(self, limit):
        self.status = None
        self.headers = []
        self.parts = []
        self.size = 0
        self.limit = limit

    def start(self, status, headers, exc_info=None):
        if exc_info:
            try:
                if self.parts:
                    raise exc_info[1].with_traceback(exc_info[2])
            finally:
                exc_info = None  # no circle through the frame
        elif self.status is not None:
            raise AssertionError("start_response() was called before, and this is no error: no exc_info")
        if not isinstance(status, str) or not status[:3].isdigit() or status[3:4].strip():
            raise NotWsgi("a status is text like '200 OK', not %.100r" % (status,))
        self.headers = [[_wire(name), _wire(value)] for name, value in headers]
        self.status = int(status[:3])
        return self.write

    def write(self, data):
        if self.status is None:
            raise NotWsgi("the body began before start_response() was called")
        if not isinstance(data, (bytes, bytearray, memoryview)):
            raise NotWsgi(
                "a WSGI application gives an iterable of bytes, not of '%s'" % type(data).__name__
            )
        if data:
            self.parts.append(bytes(data))
            self.size += len(data)

    def take(self, result):
        if result is None or isinstance(result, _one_piece) or not hasattr(result, "__iter__"):
            raise NotWsgi(
                "a WSGI application returns an iterable of bytes, not a value of type '%s'"
                % type(result).__name__
            )
        for data in result:
            self.write(data)
            if self.size > self.limit:
                return  # told by our caller
        if self.status is None:
            raise NotWsgi("start_response() was not called")


def _wire(text):
    """PEP 3333's text stands for bytes; what those mean as UTF-8."""
    if not isinstance(text, str):
        raise NotWsgi("names and values of headers are text, not '%s'" % type(text).__name__)
    try:
        return text.encode("latin-1").decode("utf-8")
    except UnicodeError:
        return text


def _native(text):
    """The reverse: text of the wire as PEP 3333 has it."""
    return text if text.isascii() else text.encode("utf-8", "surrogatepass").decode("latin-1")


def _headers(pairs):
    """HTTP_COOKIE and its like, repetitions joined."""
    named = {}
    for name, value in pairs:
        key = "HTTP_" + name.upper().replace("-", "_")
        value = _native(value)
        named[key] = named[key] + "," + value if key in named else value
    named.pop("HTTP_CONTENT_LENGTH", None)
    named["CONTENT_TYPE"] = named.pop("HTTP_CONTENT_TYPE", "application/octet-stream")
    return named


def environ_of(http, data, context, errors, threads):
    environ = dict(os.environ)
    environ.update(_headers(http["headers"]))
    environ.update(
        {
            "REQUEST_METHOD": http["method"],
            "SCRIPT_NAME": "",
            "PATH_INFO": _native(http["path"]),
            "QUERY_STRING": _native(http["uri"].partition("?")[2]),
            "CONTENT_LENGTH": str(len(data)),
            "REMOTE_ADDR": http["client_ip"],
            "SERVER_NAME": "FCRUNTIME",
            "SERVER_PORT": "9000",
            "SERVER_PROTOCOL": "HTTP/1.1",
            "SERVER_SOFTWARE": "FCRUNTIME/1.0",
            "HTTP": "on",
            "wsgi.version": (1, 0),
            "wsgi.url_scheme": "http",
            "wsgi.input": io.BytesIO(data),
            "wsgi.errors": errors,
            "wsgi.multithread": threads,
            "wsgi.multiprocess": False,
            "wsgi.run_once": False,
            "fc.request_uri": http["uri"],
            "fc.context": context,
        }
    )
    return environ


def call(handler, environ, limit):
    """(HEAD document, body); the body may be larger than the limit, by one piece."""
    answer = _Answer(limit)
    result = handler(environ, answer.start)
    try:
        answer.take(result)
    finally:
        close = getattr(result, "close", None)
        if close is not None:
            close()
    head = dumps({"status": answer.status, "headers": answer.headers}).encode()
    if len(head) > MAX_HEAD:
        raise NotWsgi("the headers of the answer are larger than %d bytes" % MAX_HEAD)
    return head, answer.parts[0] if len(answer.parts) == 1 else b"".join(answer.parts)
