# SPDX-License-Identifier: Apache-2.0
"""A collector of traces: OTLP/HTTP in JSON, read strictly with OpenTelemetry's own messages."""
import http.server
import json
import threading

from google.protobuf import json_format
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

HEX = ("traceId", "spanId", "parentSpanId")


def strict(body):
    """OTLP's JSON is proto3 JSON but for ids, which are hex (specs/otlp, "JSON Protobuf Encoding")."""
    import base64

    def ids(value):
        if isinstance(value, dict):
            return {k: base64.b64encode(bytes.fromhex(v)).decode() if k in HEX else ids(v) for k, v in value.items()}
        return [ids(v) for v in value] if isinstance(value, list) else value

    return json_format.ParseDict(ids(json.loads(body)), ExportTraceServiceRequest())


class Collector:
    """answers: (status, headers) for the requests that come, in order; then 200. None: never answers."""

    def __init__(self, answers=()):
        self.answers, self.requests, self.spans = list(answers), [], []
        self.resources = []
        self.changed = threading.Condition()
        self.release = threading.Event()
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                outer.take(self, body)

            def log_message(self, *args):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def take(self, request, body):
        with self.changed:
            answer = self.answers.pop(0) if self.answers else (200, {})
            self.requests.append((request.path, dict(request.headers), body))
            if answer and answer[0] == 200:
                message = strict(body)
                for resource in message.resource_spans:
                    self.resources.append(attributes(resource.resource))
                    for scope in resource.scope_spans:
                        self.spans += scope.spans
            self.changed.notify_all()
        if answer is None:
            self.release.wait(60)
            request.close_connection = True
            return
        request.send_response(answer[0])
        for name, value in answer[1].items():
            request.send_header(name, value)
        request.send_header("Content-Length", "2")
        request.end_headers()
        request.wfile.write(b"{}")

    def wait(self, wanted, seconds=20):
        with self.changed:
            assert self.changed.wait_for(lambda: wanted(self), seconds), (len(self.requests), [s.name for s in self.spans])

    def close(self):
        self.release.set()
        self.server.shutdown()
        self.server.server_close()


def attributes(thing):
    return {a.key: getattr(a.value, a.value.WhichOneof("value")) for a in thing.attributes}
