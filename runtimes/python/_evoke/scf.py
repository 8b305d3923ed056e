# SPDX-License-Identifier: Apache-2.0
"""SCF: parsed events, a context that is a dict, JSON answers, errors with a number.

Whatever a handler returns becomes JSON, a text too: it has quotes around it.
"""

import os

from . import quickjson
from .functiongraph import ReturnTypeError
from .load import LoadError

USER_CODE = 430, "user code exception caught"
NOT_JSON = "InvalidParameterValue"
TOO_LARGE = "ResponseTooLarge"
# Where it is we who say what is wrong.
STATUS = {
    NOT_JSON: 400,
    TOO_LARGE: 407,
    "HandlerNotFound": 437,
    "ImportModuleError": 443,
    "SyntaxError": 443,
}
TEXTS, NUMBERS = ("environment", "environ"), ("memory_limit_in_mb", "time_limit_in_ms")
NAMES = ("function_version", "function_name", "namespace")
CLOUD = ("tencentcloud_region", "tencentcloud_appid", "tencentcloud_uin")

_variables = (
    ("access_key", "TENCENTCLOUD_SECRETID"),
    ("secret_key", "TENCENTCLOUD_SECRETKEY"),
    ("security_token", "TENCENTCLOUD_SESSIONTOKEN"),
)


class Dialect:
    def __init__(self, assign):
        fixed = assign["context"]
        self._static = {name: fixed.get(name, 0) for name in NUMBERS}
        self._static["request_id"] = ""
        for name in TEXTS + NAMES + CLOUD:
            self._static[name] = fixed.get(name, "")
        self._in_environment = None

    def context(self, request_id, timeout_ms=0, credentials=None, retry_count=0):
        if credentials and credentials != self._in_environment:
            for field, name in _variables:
                os.environ[name] = credentials.get(field, "")
            self._in_environment = credentials
        context = dict(self._static)
        context["request_id"] = request_id
        return context

    def event(self, data):
        try:
            return quickjson.loads(data) if data else {}
        except ValueError as e:
            raise LoadError(NOT_JSON, "the event is not JSON: %s" % e) from None

    def answer(self, value):
        try:
            return quickjson.dumps(value, ascii=False, default=_default).encode()
        except (TypeError, ValueError, RecursionError) as e:
            raise ReturnTypeError(
                "the handler returned a value of type '%s' that cannot be an answer: %s"
                % (type(value).__name__, e)
            ) from None

    def too_large(self):
        from .errors import Report

        return Report(TOO_LARGE, "body size is too long", ours=True)

    def error(self, report, request_id):
        status, message = USER_CODE
        if report.ours:
            status, message = STATUS.get(report.kind, 443), report.message
        result = {"errorCode": -1, "errorMessage": message, "requestId": request_id}
        if report.frames or not report.ours:
            result["stackTrace"] = report.text().rstrip("\n")
        result["statusCode"] = status
        return quickjson.dumps(result, ascii=False).encode("utf-8", "backslashreplace")


def _default(value):
    """Decimal is the one type the cloud writes that json does not; as text."""
    if type(value).__name__ == "Decimal":
        return str(value)
    raise TypeError("Object of type %s is not JSON serializable" % type(value).__name__)
