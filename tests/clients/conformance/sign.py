# SPDX-License-Identifier: Apache-2.0
"""The clouds' request signatures by hand, from their public descriptions and apart from src/sign: every scheme signs a Request in
place, and may be told to do it wrongly."""
import base64
import datetime
import hashlib
import hmac
import json
import time
import urllib.parse
import uuid
from dataclasses import dataclass, field
from email.utils import formatdate

from signing import authorization as sdk_authorization
from signing import canonical_query


@dataclass
class Request:
    method: str
    target: str  # path and query, as sent
    headers: dict = field(default_factory=dict)  # names in lower case
    body: bytes = b""
    account: str = ""
    action: str = ""  # scf
    version: str = ""
    region: str = ""

    @property
    def path(self):
        return self.target.partition("?")[0]

    @property
    def query(self):
        return self.target.partition("?")[2]


@dataclass
class How:
    access: str
    secret: str
    offset: int = 0
    token: str = ""


def _now(how):
    return datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=how.offset)


def _mac(key, text, digest=hashlib.sha256):
    return hmac.new(key if isinstance(key, bytes) else key.encode(), text.encode(), digest)


def none(r, how):
    pass


def sdk(r, how):
    r.headers.setdefault("x-sdk-date", _now(how).strftime("%Y%m%dT%H%M%SZ"))
    if how.token:
        r.headers["x-security-token"] = how.token
    signed = {k: r.headers[k] for k in ("content-type", "host", "x-sdk-date", "x-security-token") if k in r.headers}
    r.headers["authorization"] = sdk_authorization(r.method, r.path, r.query, signed, r.body, how.access, how.secret)


def _hkdf(secret, salt, info):
    """RFC 5869, 32 bytes: one step of expansion."""
    key = hmac.new(salt.encode(), secret.encode(), hashlib.sha256).digest()
    return hmac.new(key, info.encode() + b"\x01", hashlib.sha256).hexdigest()


def v11(r, how):
    """The derived form: a key for one day, region and service."""
    stamp = _now(how).strftime("%Y%m%dT%H%M%SZ")
    r.headers["x-sdk-date"] = stamp
    info = f"{stamp[:8]}/local-1/functiongraph"
    names = sorted(k for k in r.headers if k in ("content-type", "host", "x-sdk-date"))
    path = "/".join(urllib.parse.quote(urllib.parse.unquote(p), safe="~") for p in r.path.split("/"))
    canonical = "\n".join([r.method, path + ("" if path.endswith("/") else "/"), canonical_query(r.query),
                           *[f"{k}:{r.headers[k].strip()}" for k in names], "", ";".join(names), hashlib.sha256(r.body).hexdigest()])
    text = f"V11-HMAC-SHA256\n{stamp}\n{info}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
    signature = _mac(_hkdf(how.secret, how.access, info), text).hexdigest()
    r.headers["authorization"] = f"V11-HMAC-SHA256 Credential={how.access}/{info}, SignedHeaders={';'.join(names)}, Signature={signature}"


def fc(r, how):
    r.headers.setdefault("date", formatdate(time.time() + how.offset, usegmt=True))
    r.headers.setdefault("x-fc-account-id", r.account)
    if how.token:
        r.headers["x-fc-security-token"] = how.token
    own = "".join(f"{k}:{r.headers[k]}\n" for k in sorted(r.headers) if k.startswith("x-fc-"))
    text = "\n".join([r.method, r.headers.get("content-md5", ""), r.headers.get("content-type", ""), r.headers["date"], own])
    text += urllib.parse.unquote(r.path)
    if "/proxy/" in r.path:
        pairs = urllib.parse.parse_qsl(r.query, keep_blank_values=True)
        text += "\n" + "\n".join(sorted(f"{k}={v}" if f"{k}=" in r.query else k for k, v in pairs))
    r.headers["authorization"] = f"FC {how.access}:{base64.b64encode(_mac(how.secret, text).digest()).decode()}"


def acs3(r, how):
    r.headers.update({"x-acs-version": "2023-03-30", "x-acs-date": _now(how).strftime("%Y-%m-%dT%H:%M:%SZ"),
                      "x-acs-content-sha256": hashlib.sha256(r.body).hexdigest()})
    r.headers.setdefault("x-acs-action", r.action or "Unknown")
    r.headers.setdefault("x-acs-signature-nonce", uuid.uuid4().hex)
    if how.token:
        r.headers["x-acs-security-token"] = how.token
    names = sorted(k for k in r.headers if k in ("host", "content-type") or k.startswith("x-acs-"))
    canonical = "\n".join([r.method, r.path, canonical_query(r.query), *[f"{k}:{r.headers[k].strip()}" for k in names], "",
                           ";".join(names), r.headers["x-acs-content-sha256"]])
    text = "ACS3-HMAC-SHA256\n" + hashlib.sha256(canonical.encode()).hexdigest()
    r.headers["authorization"] = (f"ACS3-HMAC-SHA256 Credential={how.access},SignedHeaders={';'.join(names)},"
                                  f"Signature={_mac(how.secret, text).hexdigest()}")


def tc3(r, how):
    now = _now(how)
    service = r.headers["host"].partition(".")[0]
    r.headers.setdefault("content-type", "application/json")
    r.headers.update({"x-tc-action": r.action, "x-tc-version": r.version, "x-tc-timestamp": str(int(now.timestamp())),
                      "x-tc-region": r.region})
    if how.token:
        r.headers["x-tc-token"] = how.token
    canonical = "\n".join([r.method, "/", r.query, f"content-type:{r.headers['content-type'].lower()}", f"host:{r.headers['host']}", "",
                           "content-type;host", hashlib.sha256(r.body).hexdigest()])
    day = now.strftime("%Y-%m-%d")
    text = "\n".join(["TC3-HMAC-SHA256", r.headers["x-tc-timestamp"], f"{day}/{service}/tc3_request",
                      hashlib.sha256(canonical.encode()).hexdigest()])
    key = _mac("TC3" + how.secret, day).digest()
    for step in (service, "tc3_request"):
        key = _mac(key, step).digest()
    r.headers["authorization"] = (f"TC3-HMAC-SHA256 Credential={how.access}/{day}/{service}/tc3_request, "
                                  f"SignedHeaders=content-type;host, Signature={_mac(key, text).hexdigest()}")


def flat(value, name=""):
    """Nested members as the older scheme sends them: Environment.Variables.0.Key."""
    if isinstance(value, (dict, list)):
        items = value.items() if isinstance(value, dict) else enumerate(value)
        return {k: v for key, x in items for k, v in flat(x, f"{name}.{key}" if name else str(key)).items()}
    return {name: str(value).lower() if isinstance(value, bool) else str(value)}


def _v1(r, how, method, digest):
    fields = {**flat(json.loads(r.body or b"{}")), "Action": r.action, "Version": r.version, "Region": r.region,
              "Timestamp": str(int(time.time()) + how.offset), "Nonce": str(uuid.uuid4().int % 65536), "SecretId": how.access,
              "SignatureMethod": method}
    if how.token:
        fields["Token"] = how.token
    plain = f"{r.method}{r.headers['host']}/?" + "&".join(f"{k}={fields[k]}" for k in sorted(fields))
    fields["Signature"] = base64.b64encode(_mac(how.secret, plain, digest).digest()).decode()
    r.headers["content-type"] = "application/x-www-form-urlencoded"
    form = urllib.parse.urlencode(fields)
    if r.method == "GET":
        r.target, r.body = "/?" + form, b""
    else:
        r.body = form.encode()


def v1_sha256(r, how):
    _v1(r, how, "HmacSHA256", hashlib.sha256)


def v1_sha1(r, how):
    _v1(r, how, "HmacSHA1", hashlib.sha1)


SCHEMES = {"none": none, "sdk": sdk, "v11": v11, "fc": fc, "acs3": acs3, "tc3": tc3, "v1-sha256": v1_sha256, "v1-sha1": v1_sha1}
