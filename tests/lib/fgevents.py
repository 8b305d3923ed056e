# SPDX-License-Identifier: Apache-2.0
"""FunctionGraph functions whose events a test hears of without asking evoke: each call writes what it was given, byte by byte,
into a FIFO that the test has put beside its code.

    ear = Ear(cloud, "told")               makes the function
    call = ear.hear()                      the next call: {"id": request id, "event": it}, and "keys" of its role if it has one
    ear = Ear(cloud, "bad", then="raise ValueError('as asked')")
"""
import json
import os
import secrets
import select

from evoked import deadline

SOURCE = '''
import json, os

FIFO = os.path.join(os.path.dirname(os.path.abspath(__file__)), "ear")

def handler(event, context):
    keys = [context.getSecurityAccessKey(), context.getSecuritySecretKey(), context.getSecurityToken()]
    said = json.dumps({{"id": context.getRequestID(), "event": event, **({{"keys": keys}} if keys[0] else {{}})}}).encode() + b"\\n"
    out = os.open(FIFO, os.O_WRONLY)
    os.write(out, said)
    os.close(out)
    {then}
# {mark}
'''


class Ear:
    def __init__(self, cloud, name, then="return event", concurrency=None, **over):
        self.cloud, self.name = cloud, name
        mark = secrets.token_hex(8)  # so that its code is like no other's
        cloud.create(name, SOURCE.format(then=then, mark=mark), **over)
        if concurrency is not None:
            cloud.limit(name, concurrency)
        code = [d for d in (cloud.daemon.data_dir / "cache/code").iterdir()
                if (d / "index.py").is_file() and mark in (d / "index.py").read_text()]
        path = code[0] / "ear"
        os.mkfifo(path)
        os.chmod(path, 0o666)
        self.fd = os.open(path, os.O_RDWR | os.O_NONBLOCK)
        self.rest, self.calls = b"", []

    @property
    def urn(self):
        return self.cloud.urn(self.name)

    def _read(self):
        while True:
            try:
                data = os.read(self.fd, 1 << 16)
            except BlockingIOError:
                return
            *whole, self.rest = (self.rest + data).split(b"\n")
            self.calls += [json.loads(line) for line in whole]

    def hear(self, seconds=30):
        for left in deadline(seconds):
            self._read()
            if self.calls:
                return self.calls.pop(0)
            select.select([self.fd], [], [], left)
        raise AssertionError(f"{self.name} was not called\n" + self.cloud.daemon.log_text()[-4000:])

    def silent(self):
        """Nothing is there that was not heard."""
        self._read()
        return not self.calls

    def close(self):
        os.close(self.fd)
