# SPDX-License-Identifier: Apache-2.0
"""Buckets, through the clouds' own storage SDKs, unmodified: boto3 (S3), oss2 (OSS), cos-python-sdk-v5 (COS), esdk-obs-python (OBS).

And code that functions take out of them, in all dialects; what no SDK sends, by hand.
"""
import base64
import hashlib
import hmac
import io
import json
import os
import socket
import subprocess
import uuid
import zipfile
from email.utils import formatdate
from urllib.parse import quote

import boto3
import fc2
import oss2
import pytest
import requests
from boto3.s3.transfer import TransferConfig
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials
from botocore.exceptions import ClientError
from obs import CompleteMultipartUploadRequest, CompletePart, ObsClient
from qcloud_cos import CosConfig, CosS3Client

from evoked import BUILD, ROOT, deadline
from fgcloud import raw_call

KEY = "dir/ü +x.txt"
APPID = "1253970226"
PROJECT = "0123456789abcdef0123456789abcdef"
CODE = "def handler(event, context):\n    return 'out of a bucket'\n"


def zip_of(**files):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as z:
        for name, text in files.items():
            z.writestr(zipfile.ZipInfo(name.replace("_", "."), (1980, 1, 2, 0, 0, 0)), text)
    return out.getvalue()


ZIP = zip_of(index_py=CODE)


def s3_of(e, version="s3v4", access_key=None, secret_key=None):
    return boto3.client("s3", endpoint_url=e.url, aws_access_key_id=access_key or e.access_key,
                        aws_secret_access_key=secret_key or e.secret_key, region_name="us-east-1",
                        config=Config(signature_version=version, s3={"addressing_style": "path"}, retries={"max_attempts": 1}))


@pytest.fixture
def s3(evoke_shared):
    return s3_of(evoke_shared)


@pytest.fixture
def bucket(s3):
    name = "b-" + uuid.uuid4().hex[:12]
    s3.create_bucket(Bucket=name)
    return name


def refused(call, status, code):
    with pytest.raises(ClientError) as caught:
        call()
    x = caught.value.response
    assert (x["ResponseMetadata"]["HTTPStatusCode"], x["Error"]["Code"]) == (status, code), x


def raw(e, method, path, body=b"", headers=None, secret=None, query="", sha=None):
    """One request with an S3 signature over exactly this."""
    url = e.url + path + ("?" + query if query else "")
    r = AWSRequest(method, url, data=body, headers={**(headers or {}), **({"X-Amz-Content-SHA256": sha} if sha else {})})
    S3SigV4Auth(Credentials(e.access_key, secret or e.secret_key), "s3", "us-east-1").add_auth(r)
    return requests.request(method, url, data=body, headers=dict(r.headers.items()), timeout=30)


# ---- the SDKs ----


@pytest.mark.parametrize("version", ["s3v4", "s3"])
def test_s3_in_both_signatures(evoke_shared, version):
    c, b = s3_of(evoke_shared, version), "life-" + version
    c.create_bucket(Bucket=b)
    assert b in [x["Name"] for x in c.list_buckets()["Buckets"]]
    etag = c.put_object(Bucket=b, Key=KEY, Body=b"hello", Metadata={"x": "1"}, ContentType="text/plain")["ETag"]
    assert etag == f'"{hashlib.md5(b"hello").hexdigest()}"'
    got = c.get_object(Bucket=b, Key=KEY)
    assert (got["Body"].read(), got["Metadata"], got["ContentType"]) == (b"hello", {"x": "1"}, "text/plain")
    assert c.head_object(Bucket=b, Key=KEY)["ContentLength"] == 5
    for wanted, part in (("bytes=1-2", b"el"), ("bytes=-2", b"lo"), ("bytes=3-", b"lo"), ("bytes=0-99", b"hello")):
        assert c.get_object(Bucket=b, Key=KEY, Range=wanted)["Body"].read() == part
    refused(lambda: c.get_object(Bucket=b, Key=KEY, Range="bytes=5-6"), 416, "InvalidRange")
    url = c.generate_presigned_url("get_object", Params={"Bucket": b, "Key": KEY}, ExpiresIn=60)
    page = requests.get(url, timeout=10)
    assert (page.text, page.headers["Content-Security-Policy"]) == ("hello", "sandbox"), "no page of ours, though under our name"
    big = os.urandom(12 << 20)
    c.upload_fileobj(io.BytesIO(big), b, "big", Config=TransferConfig(multipart_threshold=5 << 20, multipart_chunksize=5 << 20))
    assert c.head_object(Bucket=b, Key="big")["ETag"].endswith('-3"')
    assert c.get_object(Bucket=b, Key="big")["Body"].read() == big
    middle = (5 << 20) - 10
    assert c.get_object(Bucket=b, Key="big", Range=f"bytes={middle}-{middle + 19}")["Body"].read() == big[middle:middle + 20]
    refused(lambda: c.delete_bucket(Bucket=b), 409, "BucketNotEmpty")
    assert [x["Key"] for x in c.delete_objects(Bucket=b, Delete={"Objects": [{"Key": "big"}, {"Key": KEY}]})["Deleted"]] == ["big", KEY]
    refused(lambda: c.get_object(Bucket=b, Key=KEY), 404, "NoSuchKey")
    c.delete_bucket(Bucket=b)
    refused(lambda: c.list_objects_v2(Bucket=b), 404, "NoSuchBucket")


@pytest.mark.parametrize("version", ["v1", "v4"])
def test_oss_in_both_signatures(evoke_shared, version):
    e = evoke_shared
    auth = oss2.Auth(e.access_key, e.secret_key) if version == "v1" else oss2.AuthV4(e.access_key, e.secret_key)
    b = oss2.Bucket(auth, e.url, "oss-" + version, region="cn-hangzhou")
    assert b.create_bucket().status == b.create_bucket().status == 200, "again by its owner"
    assert "oss-" + version in [x.name for x in oss2.Service(auth, e.url, region="cn-hangzhou").list_buckets().buckets]
    b.put_object(KEY, b"hello", headers={"x-oss-meta-a": "b"})
    assert b.get_object(KEY).read() == b"hello" and b.get_object(KEY, byte_range=(1, 2)).read() == b"el"
    assert b.head_object(KEY).headers["x-oss-meta-a"] == "b" and b.get_object_meta(KEY).content_length == 5
    assert [o.key for o in b.list_objects().object_list] == [o.key for o in b.list_objects_v2().object_list] == [KEY]
    assert b.list_objects(delimiter="/").prefix_list == ["dir/"]
    assert requests.get(b.sign_url("GET", KEY, 60, slash_safe=True), timeout=10).text == "hello"
    upload = b.init_multipart_upload("parts").upload_id
    assert [u.key for u in b.list_multipart_uploads().upload_list] == ["parts"]
    parts = [oss2.models.PartInfo(i, b.upload_part("parts", upload, i, bytes([i]) * 102400).etag) for i in (1, 2, 3)]
    assert [p.part_number for p in b.list_parts("parts", upload).parts] == [1, 2, 3]
    b.complete_multipart_upload("parts", upload, parts)
    assert b.get_object("parts").read() == b"".join(bytes([i]) * 102400 for i in (1, 2, 3))
    assert b.get_bucket_info().name == "oss-" + version
    b.batch_delete_objects(["parts", KEY])
    assert b.delete_bucket().status == 204


def test_cos_by_the_clouds_names(evoke_shared):
    """The requests come by a proxy, Host and all: as the serverless plugin's do."""
    e = evoke_shared
    c = CosS3Client(CosConfig(Region="ap-guangzhou", SecretId=e.access_key, SecretKey=e.secret_key, Scheme="http", Proxies={"http": e.url}))
    b = "cos-" + APPID
    c.create_bucket(Bucket=b)
    assert b in [x["Name"] for x in c.list_buckets()["Buckets"]["Bucket"]] and c.bucket_exists(Bucket=b)
    c.put_object(Bucket=b, Key=KEY, Body=b"hello", Metadata={"x-cos-meta-q": "1"})
    assert c.get_object(Bucket=b, Key=KEY)["Body"].get_raw_stream().read() == b"hello"
    assert c.head_object(Bucket=b, Key=KEY)["x-cos-meta-q"] == "1"
    assert [x["Key"] for x in c.list_objects(Bucket=b, Prefix="dir/")["Contents"]] == [KEY]
    assert requests.get(c.get_presigned_url(Bucket=b, Key=KEY, Method="GET"), proxies={"http": e.url}, timeout=10).text == "hello"
    c.delete_object(Bucket=b, Key=KEY)
    c.delete_bucket(Bucket=b)


@pytest.mark.parametrize("signature", ["obs", "v2", "v4"])
def test_obs_in_its_signatures(evoke_shared, signature):
    e, b = evoke_shared, "obs-" + signature
    c = ObsClient(access_key_id=e.access_key, secret_access_key=e.secret_key, server=e.url, path_style=True, signature=signature,
                  is_signature_negotiation=False)

    def ok(r):
        assert r.status < 300, (r.status, r.errorCode, r.errorMessage)
        return r.body
    ok(c.createBucket(b, location="local-1"))
    assert b in [x.name for x in ok(c.listBuckets()).buckets]
    ok(c.putContent(b, KEY, "hello", metadata={"a": "b"}))
    assert ok(c.getObject(b, KEY, loadStreamInMemory=True)).buffer == b"hello"
    assert ok(c.getObjectMetadata(b, KEY)).contentLength == 5
    assert [x.key for x in ok(c.listObjects(b)).contents] == [KEY]
    ok(c.headBucket(b))
    ok(c.getBucketLocation(b))  # of S3's answer this SDK reads nothing
    if signature != "v4":
        url = c.createSignedUrl("GET", b, KEY, expires=60).signedUrl
        assert requests.get(url, timeout=10).text == "hello"
    upload = ok(c.initiateMultipartUpload(b, "parts")).uploadId
    parts = [CompletePart(partNum=i, etag=ok(c.uploadPart(b, "parts", i, upload, b"q" * 102400)).etag) for i in (1, 2)]
    ok(c.completeMultipartUpload(b, "parts", upload, CompleteMultipartUploadRequest(parts)))
    for key in (KEY, "parts"):
        ok(c.deleteObject(b, key))
    ok(c.deleteBucket(b))


def test_obs_by_a_buckets_own_name(evoke_shared, monkeypatch):
    """With path_style the SDK takes S3's signature whatever it is told; OBS's own needs the bucket in the host's name."""
    e, ask = evoke_shared, socket.getaddrinfo
    monkeypatch.setattr(socket, "getaddrinfo", lambda host, *rest, **more: ask(
        "127.0.0.1" if str(host).endswith("objects.localhost") else host, *rest, **more))
    c = ObsClient(access_key_id=e.access_key, secret_access_key=e.secret_key, server=f"http://objects.localhost:{e.port}", signature="obs",
                  is_signature_negotiation=False)
    assert c.signature == "obs"

    def ok(r):
        assert r.status < 300, (r.status, r.errorCode, r.errorMessage)
        return r.body
    ok(c.createBucket("own-name", location="north-9"))
    assert ok(c.getBucketLocation("own-name")).location == "north-9"
    assert "own-name" in [x.name for x in ok(c.listBuckets()).buckets]
    ok(c.putContent("own-name", KEY, "hello", metadata={"a": "b"}))
    assert ok(c.getObject("own-name", KEY, loadStreamInMemory=True)).buffer == b"hello"
    assert [x.key for x in ok(c.listObjects("own-name")).contents] == [KEY]
    wrong = ObsClient(access_key_id=e.access_key, secret_access_key="wrong", server=f"http://objects.localhost:{e.port}", signature="obs",
                      is_signature_negotiation=False)
    assert wrong.getObject("own-name", KEY).status == 403
    ok(c.deleteObject("own-name", KEY))
    ok(c.deleteBucket("own-name"))


# ---- listing ----


def test_lists_page_by_page(s3, bucket):
    keys = sorted([f"a/{i:02}" for i in range(12)] + ["a", "b/x/1", "b/y", "c", "ü/1"], key=lambda k: k.encode())
    for k in keys:
        s3.put_object(Bucket=bucket, Key=k, Body=b"")
    for size in (1, 2, 5, 1000):
        pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, PaginationConfig={"PageSize": size})
        assert [x["Key"] for p in pages for x in p.get("Contents", [])] == keys
        rows = []
        for p in s3.get_paginator("list_objects").paginate(Bucket=bucket, Delimiter="/", PaginationConfig={"PageSize": size}):
            assert len(p.get("Contents", [])) + len(p.get("CommonPrefixes", [])) <= size
            rows += [x["Key"] for x in p.get("Contents", [])] + [x["Prefix"] for x in p.get("CommonPrefixes", [])]
        assert sorted(rows) == sorted(["a", "a/", "b/", "c", "ü/"]), size
    assert [x["Key"] for x in s3.list_objects_v2(Bucket=bucket, StartAfter="b/y")["Contents"]] == ["c", "ü/1"]
    assert [x["Prefix"] for x in s3.list_objects_v2(Bucket=bucket, Prefix="b/", Delimiter="/")["CommonPrefixes"]] == ["b/x/"]
    assert s3.list_objects_v2(Bucket=bucket, MaxKeys=0)["KeyCount"] == 0
    refused(lambda: s3.list_objects_v2(Bucket=bucket, ContinuationToken="???"), 400, "InvalidArgument")


# ---- limits, and what no SDK sends ----


def test_names_at_their_limits(s3, evoke_shared, bucket):
    longest = "ü" * 512
    s3.put_object(Bucket=bucket, Key=longest, Body=b"1")
    assert s3.list_objects_v2(Bucket=bucket)["Contents"][0]["Key"] == longest
    refused(lambda: s3.put_object(Bucket=bucket, Key=longest + "x", Body=b"1"), 400, "KeyTooLongError")
    for name, fine in (("x" * 63, True), ("x" * 64, False), ("abc", True), ("ab", False), ("Big", False), ("a..b", False),
                       ("-ab", False), ("ab-", False), ("1.2.3.4", False), ("a_b", False)):
        r = raw(evoke_shared, "PUT", "/" + name)
        assert (r.status_code == 200) == fine, (name, r.text)
        if fine:
            assert raw(evoke_shared, "DELETE", "/" + name).status_code == 204
    s3.put_object(Bucket=bucket, Key="m", Body=b"", Metadata={"a": "x" * 7000})
    refused(lambda: s3.put_object(Bucket=bucket, Key="m", Body=b"", Metadata={"a": "x" * 8300}), 400, "MetadataTooLarge")


@pytest.mark.parametrize("path", ["/../../etc/passwd", "/%2e%2e/%2e%2e/etc/passwd", "//x", "/%00", "/%ff%fe"])
def test_paths_are_names_and_nothing_else(evoke_shared, bucket, path):
    r = raw(evoke_shared, "PUT", f"/{bucket}{path}", b"x")
    assert r.status_code in (200, 400, 403), r.text
    blobs = {p.name for p in (evoke_shared.data_dir / "blobs").iterdir()}
    assert all(len(n) == 64 for n in blobs if not n.startswith(".")), "bytes are named by their digest alone"


def test_bodies_are_what_their_headers_say(evoke_shared, bucket):
    put = lambda **kw: raw(evoke_shared, "PUT", f"/{bucket}/k", b"hello", **kw)
    assert put(headers={"Content-MD5": base64.b64encode(hashlib.md5(b"hello").digest()).decode()}).status_code == 200
    assert "BadDigest" in put(headers={"Content-MD5": base64.b64encode(hashlib.md5(b"x").digest()).decode()}).text
    assert put(headers={"Content-MD5": "nonsense"}).status_code == 400
    url = f"{evoke_shared.url}/{bucket}/k"
    r = AWSRequest("PUT", url, data=b"hello")
    S3SigV4Auth(Credentials(evoke_shared.access_key, evoke_shared.secret_key), "s3", "us-east-1").add_auth(r)
    changed = requests.put(url, data=b"jello", headers=dict(r.headers.items()), timeout=10)
    assert (changed.status_code, "XAmzContentSHA256Mismatch" in changed.text or "SignatureDoesNotMatch" in changed.text) == (400, True)


def signed_pieces(e, path, pieces, spoil=None):
    """A body in signed pieces, as the Java SDK sends it over plain HTTP. spoil: a function over the bytes of the body."""
    import datetime
    now = datetime.datetime.now(datetime.timezone.utc).strftime("%Y%m%dT%H%M%SZ")
    scope = f"{now[:8]}/us-east-1/s3/aws4_request"
    form, length = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD", str(sum(map(len, pieces)))
    host = f"{e.host}:{e.port}"
    names = "host;x-amz-content-sha256;x-amz-date;x-amz-decoded-content-length"
    canonical = f"PUT\n{path}\n\nhost:{host}\nx-amz-content-sha256:{form}\nx-amz-date:{now}\n" \
                f"x-amz-decoded-content-length:{length}\n\n{names}\n{form}"
    key = ("AWS4" + e.secret_key).encode()
    for part in scope.split("/"):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    sign = lambda text: hmac.new(key, text.encode(), hashlib.sha256).hexdigest()
    before = first = sign(f"AWS4-HMAC-SHA256\n{now}\n{scope}\n{hashlib.sha256(canonical.encode()).hexdigest()}")
    body = b""
    for piece in [*pieces, b""]:
        before = sign(f"AWS4-HMAC-SHA256-PAYLOAD\n{now}\n{scope}\n{before}\n{hashlib.sha256(b'').hexdigest()}\n"
                      f"{hashlib.sha256(piece).hexdigest()}")
        body += b"%x;chunk-signature=%s\r\n%s\r\n" % (len(piece), before.encode(), piece)
    body = spoil(body) if spoil else body
    return requests.put(e.url + path, data=body, timeout=10, headers={
        "x-amz-content-sha256": form, "x-amz-date": now, "x-amz-decoded-content-length": length, "Content-Encoding": "aws-chunked",
        "Authorization": f"AWS4-HMAC-SHA256 Credential={e.access_key}/{scope}, SignedHeaders={names}, Signature={first}"})


def test_a_body_in_signed_pieces(evoke_shared, s3, bucket):
    pieces = [os.urandom(100000), b"middle", os.urandom(70000)]
    r = signed_pieces(evoke_shared, f"/{bucket}/pieces", pieces)
    assert r.status_code == 200, r.text
    got = s3.get_object(Bucket=bucket, Key="pieces")
    assert got["Body"].read() == b"".join(pieces) and "ContentEncoding" not in got
    for spoil, status in ((lambda b: b.replace(b"middle", b"muddle"), 403), (lambda b: b[:-40], 400), (lambda b: b"zz" + b, 400),
                          (lambda b: b"ffffffffff;chunk-signature=" + b, 400)):
        r = signed_pieces(evoke_shared, f"/{bucket}/spoilt", pieces, spoil)
        assert r.status_code == status, r.text
    refused(lambda: s3.head_object(Bucket=bucket, Key="spoilt"), 404, "404")


BOMB = '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa">' + "".join(
    f'<!ENTITY {chr(98 + i)} "{"&" + chr(97 + i) + ";" * 1}">' for i in range(8)) + "]><CompleteMultipartUpload>&i;</CompleteMultipartUpload>"


@pytest.mark.parametrize("xml", [BOMB, "", "<a", "<a></b>", "<CompleteMultipartUpload/>", "<a>" * 50, "<a>&unknown;</a>", "x" * 100,
                                 "<CompleteMultipartUpload><Part><PartNumber>0</PartNumber><ETag>x</ETag></Part></CompleteMultipartUpload>",
                                 "<CompleteMultipartUpload><Part><PartNumber>10001</PartNumber><ETag>x</ETag></Part></CompleteMultipartUpload>"],
                         ids=lambda x: x[:20])
def test_documents_that_are_none(evoke_shared, s3, bucket, xml):
    upload = s3.create_multipart_upload(Bucket=bucket, Key="k")["UploadId"]
    r = raw(evoke_shared, "POST", f"/{bucket}/k", xml.encode(), query=f"uploadId={upload}")
    assert (r.status_code, "MalformedXML" in r.text) == (400, True), r.text
    s3.abort_multipart_upload(Bucket=bucket, Key="k", UploadId=upload)


def test_parts_in_their_order_and_of_their_size(s3, bucket):
    begin = lambda: s3.create_multipart_upload(Bucket=bucket, Key="k")["UploadId"]
    put = lambda u, n, body: {"PartNumber": n, "ETag": s3.upload_part(Bucket=bucket, Key="k", UploadId=u, PartNumber=n, Body=body)["ETag"]}
    done = lambda u, *parts: s3.complete_multipart_upload(Bucket=bucket, Key="k", UploadId=u, MultipartUpload={"Parts": list(parts)})
    u = begin()
    one, two, last = put(u, 1, b"x" * 102400), put(u, 2, b"y" * 102399), put(u, 10000, b"z")
    for number in (0, 10001):
        refused(lambda n=number: put(u, n, b"x"), 400, "InvalidArgument")
    refused(lambda: done(u, last, one), 400, "InvalidPart")
    refused(lambda: done(u, {**one, "ETag": last["ETag"]}), 400, "InvalidPart")
    refused(lambda: done(u, one, {"PartNumber": 3, "ETag": one["ETag"]}), 400, "InvalidPart")
    refused(lambda: done(u, one, two, last), 400, "EntityTooSmall")
    done(u, one, last)
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"x" * 102400 + b"z"
    refused(lambda: done(u, one), 404, "NoSuchUpload")
    u = begin()
    put(u, 1, b"x")
    s3.abort_multipart_upload(Bucket=bucket, Key="k", UploadId=u)
    refused(lambda: put(u, 2, b"x"), 404, "NoSuchUpload")
    refused(lambda: s3.abort_multipart_upload(Bucket=bucket, Key="k", UploadId=u), 404, "NoSuchUpload")
    assert "Uploads" not in s3.list_multipart_uploads(Bucket=bucket), "aborted uploads leave nothing"


def test_who_may_not(evoke_shared, s3, bucket):
    e = evoke_shared
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    refused(lambda: s3_of(e, secret_key="wrong").get_object(Bucket=bucket, Key="k"), 403, "SignatureDoesNotMatch")
    refused(lambda: s3_of(e, access_key="nobody").get_object(Bucket=bucket, Key="k"), 403, "InvalidAccessKeyId")
    r = requests.get(e.url + "/k", headers={"Host": bucket + ".objects.localhost"}, timeout=10)
    assert (r.status_code, "AccessDenied" in r.text) == (403, True)
    r = requests.get(f"{e.url}/{bucket}/k", headers={"Host": "evil.example", "Authorization": "OSS a:b"}, timeout=10)
    assert r.status_code == 421, "a stranger's name"
    for header in ("AWS4-HMAC-SHA256 x", "OSS x", "OBS :", "q-sign-algorithm=sha1", "OSS4-HMAC-SHA256 Credential=a/b", "AWS a:b"):
        r = requests.get(f"{e.url}/{bucket}/k", headers={"Authorization": header}, timeout=10)
        assert r.status_code in (400, 403) and "<Code>" in r.text, (header, r.text)
    url = s3.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": "k"}, ExpiresIn=60)
    assert requests.get(url.replace("/k?", "/other?"), timeout=10).status_code == 403, "a URL is good for one object"
    assert requests.put(url, data=b"x", timeout=10).status_code == 403, "and for one method"


def test_a_signed_url_ends(evoke_shared, bucket):
    auth = oss2.Auth(evoke_shared.access_key, evoke_shared.secret_key)
    b = oss2.Bucket(auth, evoke_shared.url, bucket)
    b.put_object("k", b"x")
    assert requests.get(b.sign_url("GET", "k", 60), timeout=10).status_code == 200
    r = requests.get(b.sign_url("GET", "k", -1), timeout=10)
    assert (r.status_code, "expired" in r.text) == (403, True), r.text


def test_not_built_is_said_so(evoke_shared, s3, bucket):
    for method, query in (("GET", "acl"), ("PUT", "versioning"), ("GET", "tagging"), ("DELETE", "lifecycle")):
        assert raw(evoke_shared, method, f"/{bucket}", query=query).status_code == 501
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    refused(lambda: s3.copy_object(Bucket=bucket, Key="k2", CopySource=f"{bucket}/k"), 501, "NotImplemented")


def test_limits_of_all_objects(evoke_factory):
    e = evoke_factory("--objects-max", "2", "--objects-size", "1")
    s3 = s3_of(e)
    s3.create_bucket(Bucket="few")
    for k in "ab":
        s3.put_object(Bucket="few", Key=k, Body=b"x")
    refused(lambda: s3.put_object(Bucket="few", Key="c", Body=b"x"), 403, "QuotaExceeded")
    s3.put_object(Bucket="few", Key="b", Body=b"instead")
    s3.delete_object(Bucket="few", Key="a")
    s3.put_object(Bucket="few", Key="c", Body=b"x")


def test_objects_outlive_the_daemon(evoke_factory):
    e = evoke_factory()
    s3_of(e).create_bucket(Bucket="stays")
    s3_of(e).put_object(Bucket="stays", Key=KEY, Body=b"hello")
    e.stop()
    e.start()
    assert s3_of(e).get_object(Bucket="stays", Key=KEY)["Body"].read() == b"hello"
    refused(lambda: s3_of(e).delete_bucket(Bucket="stays"), 409, "BucketNotEmpty")


@pytest.mark.skipif(os.geteuid() != 0, reason="needs to mount a small file system")
def test_a_full_disk_takes_no_object_and_loses_none(evoke_factory, open_path):
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=48m,mode=755", "none", str(open_path)], check=True)
    e = None
    try:
        e = evoke_factory(data_dir=open_path)
        e.allow("No space left on device", "disk", "space")
        s3, large = s3_of(e), b"l" * (4 << 20)
        s3.create_bucket(Bucket="full")
        s3.put_object(Bucket="full", Key="before", Body=b"was there")
        upload = s3.create_multipart_upload(Bucket="full", Key="parts")["UploadId"]
        with open(open_path / "filler", "wb", buffering=0) as f:
            for size in (1 << 20, 4096, 1):
                try:
                    while True:
                        f.write(b"x" * size)
                except OSError:
                    pass
        for call in (lambda: s3.put_object(Bucket="full", Key="during", Body=large),
                     lambda: s3.put_object(Bucket="full", Key="before", Body=large),
                     lambda: s3.upload_part(Bucket="full", Key="parts", UploadId=upload, PartNumber=1, Body=large)):
            with pytest.raises(ClientError) as x:
                call()
            assert x.value.response["ResponseMetadata"]["HTTPStatusCode"] >= 500, x.value
        assert s3.get_object(Bucket="full", Key="before")["Body"].read() == b"was there"
        (open_path / "filler").unlink()
        for _ in deadline(40):
            if e.get("/readyz").status_code == 200:
                break
        assert [o["Key"] for o in s3.list_objects_v2(Bucket="full")["Contents"]] == ["before"]
        assert "Parts" not in s3.list_parts(Bucket="full", Key="parts", UploadId=upload)
        s3.put_object(Bucket="full", Key="during", Body=large)
        assert s3.get_object(Bucket="full", Key="during")["Body"].read() == large
        e.stop()
    finally:
        if e:
            e.kill()
        subprocess.run(["umount", "-l", str(open_path)], check=True)


# ---- code out of buckets ----


def create_fg(e, name, url, code_type="obs", **more):
    return raw_call(e, "POST", f"/v2/{PROJECT}/fgs/functions", json.dumps({
        "func_name": name, "package": "default", "runtime": "Python3.9", "handler": "index.handler", "memory_size": 128, "timeout": 5,
        "code_type": code_type, "code_url": url, **more}))


def urn(name):
    return f"urn:fss:local-1:{PROJECT}:function:default:{name}"


def test_functiongraph_takes_code_from_obs(evoke_shared, s3, bucket):
    e = evoke_shared
    s3.put_object(Bucket=bucket, Key="deep/code.zip", Body=ZIP)
    r = create_fg(e, "obs1", f"https://{bucket}.obs.cn-north-4.myhuaweicloud.com/deep/code.zip")
    assert r.status_code == 200, r.text
    made = r.json()
    assert (made["code_size"], made["digest"], made["code_type"]) == (len(ZIP), hashlib.sha512(ZIP).hexdigest(), "obs")
    r = raw_call(e, "POST", f"/v2/{PROJECT}/fgs/functions/{urn('obs1')}/invocations", "{}")
    assert "out of a bucket" in r.text
    link = raw_call(e, "GET", f"/v2/{PROJECT}/fgs/functions/{urn('obs1')}/code", "").json()["func_code"]["link"]
    assert requests.get(link, timeout=10).content == ZIP
    assert requests.get(link.replace("code.zip", "other.zip"), timeout=10).status_code == 403
    assert requests.get(link[:-1] + ("0" if link[-1] != "0" else "1"), timeout=10).status_code == 403
    for url, status in ((f"{e.url}/{bucket}/deep/none.zip", 404), (f"{e.url}/no-such-bucket/x.zip", 404), ("ftp://x/y", 400),
                        ("https://x", 400), (f"https://{bucket}.cos.ap-guangzhou.myqcloud.com/deep/code.zip", 400)):
        r = create_fg(e, "obs2", url)
        assert (r.status_code, r.json()["error_code"]) == (status, "FSS.1010"), r.text
    s3.put_object(Bucket=bucket, Key="text", Body=b"no zip")
    assert create_fg(e, "obs2", f"{e.url}/{bucket}/text").json()["error_code"] == "FSS.1011"
    raw_call(e, "DELETE", f"/v2/{PROJECT}/fgs/functions/{urn('obs1')}", "")


def test_function_compute_takes_code_from_oss(evoke_shared, s3, bucket):
    e = evoke_shared
    fc = fc2.Client(endpoint=e.url, accessKeyID=e.access_key, accessKeySecret=e.secret_key)
    s3.put_object(Bucket=bucket, Key="code.zip", Body=ZIP)
    fc.create_service("oss")
    code = {"codeOSSBucket": bucket, "codeOSSObject": "code.zip"}
    made = fc.create_function("oss", "f", runtime="python3", handler="index.handler", **code).data
    assert made["codeSize"] == len(ZIP)
    assert fc.invoke_function("oss", "f", b"").data == b"out of a bucket"
    got = fc.get_function_code("oss", "f").data
    assert requests.get(got["url"], timeout=10).content == ZIP and got["checksum"] == made["codeChecksum"]
    for bad in ({**code, "codeOSSObject": "none"}, {**code, "codeOSSBucket": "no-such-bucket"}):
        with pytest.raises(fc2.FcError) as caught:
            fc.create_function("oss", "g", runtime="python3", handler="index.handler", **bad)
        assert (caught.value.status_code, caught.value.err_code) == (400, "InvalidArgument"), caught.value
    fc.delete_function("oss", "f")
    fc.delete_service("oss")


def fc_signed(e, path):
    """A GET signed as Function Compute's clients do it."""
    headers = {"Date": formatdate(usegmt=True), "x-fc-account-id": "123456789"}
    text = f"GET\n\n\n{headers['Date']}\nx-fc-account-id:123456789\n{path}"
    mac = base64.b64encode(hmac.new(e.secret_key.encode(), text.encode(), hashlib.sha256).digest()).decode()
    return requests.get(e.url + path, headers={**headers, "Authorization": f"FC {e.access_key}:{mac}"}, timeout=10)


def test_a_token_opens_one_upload(evoke_shared):
    e = evoke_shared
    token = fc_signed(e, "/2016-08-15/tempBucketToken")
    assert token.status_code == 200, token.text
    t = token.json()
    c = t["credentials"]
    b = oss2.Bucket(oss2.StsAuth(c["AccessKeyId"], c["AccessKeySecret"], c["SecurityToken"]), e.url, t["ossBucket"])
    key = f"123456789/{t['objectName']}"
    b.put_object(key, ZIP)
    for call in (lambda: b.put_object("123456789/other.zip", ZIP), lambda: b.get_object(key), lambda: b.delete_object(key), b.list_objects,
                 lambda: oss2.Bucket(b.auth, e.url, "elsewhere-1").put_object(key, ZIP)):
        with pytest.raises(oss2.exceptions.ServerError) as caught:
            list(call().object_list) if call == b.list_objects else call()
        assert (caught.value.status, caught.value.code) == (403, "AccessDenied"), caught.value
    changed = c["SecurityToken"][:-8] + "AAAAAAA="
    with pytest.raises(oss2.exceptions.ServerError) as caught:
        oss2.Bucket(oss2.StsAuth(c["AccessKeyId"], c["AccessKeySecret"], changed), e.url, t["ossBucket"]).put_object(key, ZIP)
    assert (caught.value.status, caught.value.code) == (403, "InvalidToken")
    r = requests.get(e.url + "/2016-08-15/services", timeout=10, headers={
        "Date": formatdate(usegmt=True), "x-fc-account-id": "1", "x-fc-security-token": c["SecurityToken"],
        "Authorization": f"FC {c['AccessKeyId']}:{'A' * 43}="})
    assert r.status_code == 403
    root = oss2.Bucket(oss2.Auth(e.access_key, e.secret_key), e.url, t["ossBucket"])
    assert root.get_object(key).read() == ZIP
    root.delete_object(key)
    root.delete_bucket()


# ---- somebody else's buckets ----


@pytest.fixture(scope="module")
def gateway(tmp_path_factory):
    """A real S3-compatible server: versitygw over a directory."""
    program = ROOT / "build-tools" / "versitygw"
    if not program.exists():
        pytest.skip("build-tools/versitygw is not there: tools/setup.sh test builds it, with Go")
    root = tmp_path_factory.mktemp("gateway")
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port = s.getsockname()[1]
    p = subprocess.Popen([str(program), "--access", "gwkey", "--secret", "gwsecret", "--port", f"127.0.0.1:{port}", "posix", str(root)],
                         stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    for _ in deadline(20):
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            break
        except OSError:
            assert p.poll() is None, "versitygw ended"
    yield f"http://127.0.0.1:{port}"
    p.kill()
    p.wait()


def test_code_from_another_server(gateway, evoke_factory, open_path):
    theirs = boto3.client("s3", endpoint_url=gateway, aws_access_key_id="gwkey", aws_secret_access_key="gwsecret", region_name="us-east-1",
                          config=Config(s3={"addressing_style": "path"}))
    theirs.create_bucket(Bucket="team-code")
    theirs.put_object(Bucket="team-code", Key=KEY + ".zip", Body=ZIP)
    stores = open_path / "stores.yaml"
    stores.write_text(f"""- name: gateway
  endpoint: {gateway}
  access-key: gwkey
  secret-key: gwsecret
  buckets: [team-*]
- name: wrong
  endpoint: {gateway}
  access-key: gwkey
  secret-key: other
  buckets: [wrong-code]
- name: gone
  endpoint: http://127.0.0.1:1
  access-key: a
  secret-key: b
  buckets: [gone-code]
""")
    e = evoke_factory("--object-stores", str(stores))
    url = lambda bucket, key: f"https://{bucket}.obs.cn-north-4.myhuaweicloud.com/{quote(key)}"
    r = create_fg(e, "far", url("team-code", KEY + ".zip"))
    assert r.status_code == 200 and r.json()["digest"] == hashlib.sha512(ZIP).hexdigest(), r.text
    assert create_fg(e, "far2", url("team-code", "none")).status_code == 404
    assert create_fg(e, "far2", url("team-none", "none")).status_code == 404
    assert create_fg(e, "far2", url("wrong-code", "none")).status_code == 403
    r = create_fg(e, "far2", url("gone-code", "none"))
    assert r.status_code == 500 and "object store 'gone'" in r.text, r.text


@pytest.mark.parametrize("text,message", [("{}", "is not a list"), ("- name: a", "endpoint is missing"), ("- 1", "not a map"),
                                          ("- {name: a, endpoint: 'ftp://x', access-key: a, secret-key: b, buckets: [c]}", "http://"),
                                          ("- {name: a, endpoint: 'http://x', access-key: a, secret-key: b, buckets: c}", "list of names"),
                                          ("- {name: a, colour: red}", "no key 'colour'"), ("[", "line 2")])
def test_a_bad_file_of_servers_is_said_so(open_path, text, message):
    (open_path / "stores.yaml").write_text(text)
    p = subprocess.run([str(BUILD / "evoke"), "serve", "--data", str(open_path / "data"), "--listen", "127.0.0.1:0",
                        "--object-stores", str(open_path / "stores.yaml")], capture_output=True, text=True, timeout=30, check=False)
    assert p.returncode != 0 and message in p.stderr + p.stdout and "object-stores" in p.stderr + p.stdout, p.stderr


def test_scf_takes_code_from_cos(evoke_shared, s3):
    """The bucket is named without its appid and the key with a slash, as the serverless plugin does it."""
    from tencentcloud.common import credential
    from tencentcloud.common.profile.client_profile import ClientProfile
    from tencentcloud.common.profile.http_profile import HttpProfile
    from tencentcloud.common.exception import TencentCloudSDKException
    from tencentcloud.scf.v20180416 import models, scf_client
    e, name = evoke_shared, "code-" + uuid.uuid4().hex[:8]
    profile = ClientProfile(httpProfile=HttpProfile(endpoint=f"{e.host}:{e.port}", protocol="http"))
    scf = scf_client.ScfClient(credential.Credential(e.access_key, e.secret_key), "ap-guangzhou", profile)
    s3.create_bucket(Bucket=f"{name}-{APPID}")
    s3.put_object(Bucket=f"{name}-{APPID}", Key="code.zip", Body=ZIP)

    def create(key):
        request = models.CreateFunctionRequest()
        request.from_json_string(json.dumps({"FunctionName": "cos", "Handler": "index.handler", "Runtime": "Python3.9",
                                             "Code": {"CosBucketName": name, "CosObjectName": key}}))
        return scf.CreateFunction(request)
    with pytest.raises(TencentCloudSDKException) as caught:
        create("/none.zip")
    assert caught.value.code == "ResourceNotFound.CosObject", caught.value
    create("/code.zip")
    request = models.InvokeRequest()
    request.FunctionName = "cos"
    assert "out of a bucket" in scf.Invoke(request).Result.RetMsg
    request = models.DeleteFunctionRequest()
    request.FunctionName = "cos"
    scf.DeleteFunction(request)
