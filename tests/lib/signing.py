# SPDX-License-Identifier: Apache-2.0
"""SDK-HMAC-SHA256 by hand, for requests no SDK would send. Written from the public description, apart from src/sign."""
import datetime
import hashlib
import hmac
import json
import urllib.parse

import requests

PROJECT = "0123456789abcdef0123456789abcdef"


def stamp(when=None):
    when = when or datetime.datetime.now(datetime.timezone.utc)
    return when.strftime("%Y%m%dT%H%M%SZ")


def canonical_query(query):
    pairs = sorted(urllib.parse.parse_qsl(query, keep_blank_values=True))
    return "&".join(f"{urllib.parse.quote(k, safe='~')}={urllib.parse.quote(v, safe='~')}" for k, v in pairs)


def authorization(method, path, query, headers, body, access, secret):
    """headers: lower-case names, all of them signed."""
    quoted = "/".join(urllib.parse.quote(urllib.parse.unquote(p), safe="~") for p in path.split("/"))
    quoted += "" if quoted.endswith("/") else "/"
    names = ";".join(sorted(headers))
    canonical = "\n".join([method, quoted, canonical_query(query), *[f"{k}:{headers[k].strip()}" for k in sorted(headers)],
                           "", names, hashlib.sha256(body).hexdigest()])
    text = f"SDK-HMAC-SHA256\n{headers['x-sdk-date']}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
    signature = hmac.new(secret.encode(), text.encode(), hashlib.sha256).hexdigest()
    return f"SDK-HMAC-SHA256 Access={access}, SignedHeaders={names}, Signature={signature}"


def urn(name, tail=""):
    return f"urn:fss:local-1:{PROJECT}:function:default:{name}{tail}"


class Client:
    """Signed calls of FunctionGraph's API against one daemon; body is bytes, or anything for JSON."""

    def __init__(self, evoke, access=None, secret=None):
        self.evoke = evoke
        self.access, self.secret = access or evoke.access_key, secret or evoke.secret_key
        self.session = requests.Session()

    def headers(self, method, path, query, body, extra=(), date=None):
        headers = {"host": f"127.0.0.1:{self.evoke.port}", "x-sdk-date": date or stamp(),
                   "content-type": "application/json", **dict(extra)}
        headers["Authorization"] = authorization(method, path, query, headers, body, self.access, self.secret)
        return headers

    def call(self, method, path, body=b"", query="", headers=(), date=None):
        if not isinstance(body, bytes):
            body = json.dumps(body).encode()
        signed = self.headers(method, path, query, body, headers, date)
        url = self.evoke.url + path + ("?" + query if query else "")
        return self.session.request(method, url, data=body, headers=signed, timeout=60)

    # -- the operations tests need --------------------------------------------------------------------

    def fg(self, method, path, body=b"", **kw):
        return self.call(method, f"/v2/{PROJECT}/fgs{path}", body, **kw)

    def create(self, name, source=None, zip_bytes=None, **fields):
        import base64
        code = {"code_type": "inline", "code_filename": "index.py",
                "func_code": {"file": base64.b64encode((source or "").encode()).decode()}}
        if zip_bytes is not None:
            code = {"code_type": "zip", "code_filename": "index.zip",
                    "func_code": {"file": base64.b64encode(zip_bytes).decode()}}
        body = {"func_name": name, "package": "default", "runtime": "Python3.9", "timeout": 30,
                "handler": "index.handler", "memory_size": 128, **code, **fields}
        return self.fg("POST", "/functions", {k: v for k, v in body.items() if v is not None})

    def invoke(self, name, event=b"{}", v1=False, **kw):
        headers = {"x-cff-log-type": "tail", "x-cff-request-version": "v1" if v1 else "v0", **kw.pop("headers", {})}
        return self.fg("POST", f"/functions/{urn(name)}/invocations", event, headers=headers, **kw)

    def delete(self, name):
        return self.fg("DELETE", f"/functions/{urn(name)}")
