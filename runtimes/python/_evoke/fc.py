# SPDX-License-Identifier: Apache-2.0
"""Function Compute: raw events, a context of attributes, errors pretty-printed."""

import os

from .functiongraph import to_bytes


class _Fields:
    """A plain record; missing values were filled in by whoever made it."""

    def __init__(self, **fields):
        self.__dict__.update(fields)

    def __repr__(self):
        return "%s(%s)" % (type(self).__name__, ", ".join(sorted(self.__dict__)))


class Credentials(_Fields):
    pass


class FunctionMeta(_Fields):
    pass


class ServiceMeta(_Fields):
    pass


class Tracing(_Fields):
    pass


class Context:
    """What the cloud's context offers."""

    def __init__(self, static, request_id, credentials, retry_count):
        function, service = static.get("function", {}), static.get("service", {})
        credentials = credentials or {}
        self.request_id = request_id
        self.credentials = Credentials(
            access_key_id=credentials.get("access_key", ""),
            access_key_secret=credentials.get("secret_key", ""),
            security_token=credentials.get("security_token", ""),
        )
        self.function = FunctionMeta(
            name=function.get("name", ""),
            handler=function.get("handler", ""),
            memory=function.get("memory", 0),
            timeout=function.get("timeout", 0),
            initializer=function.get("initializer", ""),
            initialization_timeout=function.get("initialization_timeout", 0),
        )
        self.service = ServiceMeta(
            name=service.get("name", ""),
            log_project=service.get("log_project", ""),
            log_store=service.get("log_store", ""),
            qualifier=service.get("qualifier", ""),
            version_id=service.get("version_id", ""),
        )
        self.region = static.get("region", "")
        self.account_id = static.get("account_id", "")
        self.retry_count = retry_count
        self.tracing = Tracing(span_context="", span_baggages={}, jaeger_endpoint="")

    @property
    def logger(self):
        import logging

        return logging.getLogger()


_variables = (
    ("access_key", ("ALIBABA_CLOUD_ACCESS_KEY_ID", "accessKeyID")),
    ("secret_key", ("ALIBABA_CLOUD_ACCESS_KEY_SECRET", "accessKeySecret")),
    ("security_token", ("ALIBABA_CLOUD_SECURITY_TOKEN", "securityToken")),
)


class Dialect:
    def __init__(self, assign):
        self._static = assign["context"]
        self._answer_max = assign["answer_max"]
        self._in_environment = None

    def context(self, request_id, timeout_ms=0, credentials=None, retry_count=0):
        if credentials and credentials != self._in_environment:
            for field, names in _variables:
                for name in names:
                    os.environ[name] = credentials.get(field, "")
            self._in_environment = credentials
        return Context(self._static, request_id, credentials, retry_count)

    def event(self, data):
        return data

    def answer(self, value):
        return to_bytes(value)

    def too_large(self):
        from .errors import Report

        return Report(
            "ResponseTooLarge",
            "response size exceeds maximum allowed size (%d bytes)" % self._answer_max,
        )

    def error(self, report, request_id):
        import json

        result = {"errorMessage": report.message, "errorType": report.kind}
        if report.frames:
            result["stackTrace"] = [
                ['File "%s"' % file, "line %d" % line, "in %s" % function, source]
                for file, line, function, source in report.frames
            ]
        return json.dumps(result, indent=4).encode()
