# SPDX-License-Identifier: Apache-2.0
"""FunctionGraph: parsed events, a context of methods, errors with a list of trace lines."""

import time

from .quickjson import dumps, loads


class ReturnTypeError(Exception):
    """The handler returned what cannot become an answer."""


class Context:
    """What the cloud's context offers. Values that have no meaning here are empty text."""

    def __init__(self, static, request_id, timeout_ms, credentials):
        self._static = static
        self._request_id = request_id
        self._timeout_ms = timeout_ms
        self._start = time.monotonic()
        self._credentials = credentials or {}

    def getRequestID(self):
        return self._request_id

    def getRemainingTimeInMilliSeconds(self):
        spent_ms = int((time.monotonic() - self._start) * 1000)
        return max(0, self._timeout_ms - spent_ms)

    def getRunningTimeInSeconds(self):
        return self._static.get("timeout_s", 0)

    def getFunctionName(self):
        return self._static.get("function", "")

    def getVersion(self):
        return self._static.get("version", "")

    def getMemorySize(self):
        return self._static.get("memory_mb", 0)

    def getCPUNumber(self):
        return self._static.get("cpu", 0)

    def getProjectID(self):
        return self._static.get("project_id", "")

    def getPackage(self):
        return self._static.get("package", "")

    def getUserData(self, key, default=None):
        return self._static.get("user_data", {}).get(key, default)

    def getAlias(self):
        return self._static.get("alias", "")

    def getToken(self):
        return ""

    def getAccessKey(self):
        return self._credentials.get("access_key", "")

    def getSecretKey(self):
        return self._credentials.get("secret_key", "")

    def getSecurityAccessKey(self):
        return self._credentials.get("access_key", "")

    def getSecuritySecretKey(self):
        return self._credentials.get("secret_key", "")

    def getSecurityToken(self):
        return self._credentials.get("security_token", "")

    def getLogger(self):
        import logging

        return logging.getLogger("functiongraph")

    def getWorkflowID(self):
        return ""

    def getWorkflowRunID(self):
        return ""

    def getWorkflowStateID(self):
        return ""


class Dialect:
    def __init__(self, assign):
        self._static = assign["context"]
        self._answer_max = assign["answer_max"]

    def context(self, request_id, timeout_ms=0, credentials=None, retry_count=0):
        return Context(self._static, request_id, timeout_ms, credentials)

    def event(self, data):
        return loads(data) if data else {}

    def answer(self, value):
        return to_bytes(value)

    def too_large(self):
        from .errors import Report

        return Report(
            "FunctionResponseTooLarge",
            "function response is larger than %d bytes" % self._answer_max,
        )

    def error(self, report, request_id):
        trace = []
        for file, line, function, source in report.frames:
            text = '  File "%s", line %d, in %s\n' % (file, line, function)
            trace.append(text + "    %s\n" % source if source else text)
        result = {"errorMessage": report.message, "errorType": report.kind}
        if trace:
            result["stackTrace"] = trace
        return dumps(result).encode()


def to_bytes(value):
    """None is empty, text and bytes are themselves, all else is JSON as json.dumps writes it."""
    if value is None:
        return b""
    if isinstance(value, (bytes, bytearray, memoryview)):
        return bytes(value)
    try:
        return (value if isinstance(value, str) else dumps(value)).encode()
    except (TypeError, ValueError, RecursionError) as e:
        raise ReturnTypeError(
            "the handler returned a value of type '%s' that cannot be an answer: %s"
            % (type(value).__name__, e)
        ) from None
