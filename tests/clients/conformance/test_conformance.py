# SPDX-License-Identifier: Apache-2.0
"""What the clouds' APIs answer, case by case: the files beside this one, described in README.md, against a live daemon."""
import http.client
import json
import pathlib

import pytest
import yaml

from evoked import Evoked, deadline
from sign import SCHEMES, How, Request
from words import ACCOUNT, MISSING, REGION, Words, mismatch

HERE = pathlib.Path(__file__).parent
CASE_KEYS = {"name", "source", "date", "request", "action", "headers", "body", "text", "type", "sign", "version", "expect", "await"}
EXPECT_KEYS = {"status", "error", "message", "headers", "body", "text", "keep"}
SCHEME = {"functiongraph": "sdk", "fc": "fc", "fc3": "acs3", "scf": "tc3"}


def error_of(cloud, answer):
    """(code, message) in the place where the cloud has them, or (None, None)."""
    tree = answer.tree if isinstance(answer.tree, dict) else {}
    if cloud == "functiongraph":
        return tree.get("error_code"), tree.get("error_msg")
    if cloud == "fc":
        return tree.get("ErrorCode"), tree.get("ErrorMessage")
    if cloud == "fc3":
        return tree.get("Code"), tree.get("Message")
    error = tree.get("Response", {}).get("Error", {})
    return error.get("Code"), error.get("Message")


class Answer:
    def __init__(self, response):
        self.status = response.status
        self.headers = {k.lower(): v for k, v in response.getheaders()}
        self.raw = response.read()
        try:
            self.tree = json.loads(self.raw)
        except ValueError:
            self.tree = MISSING

    def __str__(self):
        return f"{self.status} {self.headers} {self.raw[:2000]!r}"


class Cloud:
    """A daemon, and the keys that cases sign with."""

    def __init__(self, name, evoke):
        self.name, self.evoke = name, evoke
        self.keys = {"root": (evoke.access_key, evoke.secret_key), "unknown": ("AKNOBODY00000000", "nobody's")}
        for who, options in (("reader", ["--scope", "read"]), ("stranger", ["--scope", "read,invoke,deploy", "--account", "999999999"])):
            made = evoke.run("key", "add", who, *options, "--output", "json")
            assert made.returncode == 0, made.stderr
            key = json.loads(made.stdout)
            self.keys[who] = (key["access_key"], key["secret_key"])

    def send(self, case, words):
        how = words.value(case.get("sign") or {})
        access, secret = self.keys[how.get("as", "root")]
        method, _, target = words.text(case.get("request", "POST /")).partition(" ")
        body = words.text(case["text"]).encode() if "text" in case else \
            json.dumps(words.value(case["body"])).encode() if "body" in case else b"{}" if "action" in case else b""
        headers = {"host": f"127.0.0.1:{self.evoke.port}"}
        if body:
            headers["content-type"] = case.get("type", "application/json")
        headers.update({k.lower(): words.text(str(v)) for k, v in case.get("headers", {}).items()})
        r = Request(method, target, headers, body, ACCOUNT, words.text(case.get("action", "")),
                    case.get("version", "2018-04-16"), REGION)
        key = How(access, how.get("secret", secret), int(how.get("offset", 0)), how.get("token", ""))
        SCHEMES[how.get("scheme", SCHEME[self.name])](r, key)
        if how.get("tamper"):
            r.body += b" "
        return self._exchange(r)

    def _exchange(self, r):
        connection = http.client.HTTPConnection("127.0.0.1", self.evoke.port, timeout=60)
        try:
            connection.putrequest(r.method, r.target, skip_host=True, skip_accept_encoding=True)
            for k, v in r.headers.items():
                connection.putheader(k, v.encode())
            if r.body or r.method in ("POST", "PUT"):
                connection.putheader("content-length", str(len(r.body)))
            connection.endheaders(r.body or None)
            return Answer(connection.getresponse())
        finally:
            connection.close()

    def succeeded(self, answer):
        return answer.status // 100 == 2 and error_of(self.name, answer)[0] is None


def why_not(cloud, expect, answer):
    """None, or what of the expectation the answer does not meet."""
    code, message = error_of(cloud, answer)
    if "error" in expect:
        if wrong := mismatch(expect["error"], MISSING if code is None else code, "the error code"):
            return wrong
    elif cloud == "scf" and code is not None:
        return f"the error code is {code}"
    if "message" in expect and (wrong := mismatch(expect["message"], message, "the error message")):
        return wrong
    if wrong := mismatch(expect.get("status", answer.status if "error" in expect and cloud != "scf" else 200), answer.status, "the status"):
        return wrong
    for name, want in expect.get("headers", {}).items():
        if wrong := mismatch(want, answer.headers.get(name.lower(), MISSING), f"the header {name}"):
            return wrong
    if "text" in expect and (wrong := mismatch(expect["text"], answer.raw.decode(errors="replace"), "the body")):
        return wrong
    tree = answer.tree.get("Response", MISSING) if cloud == "scf" and isinstance(answer.tree, dict) else answer.tree
    return mismatch(expect["body"], tree) if "body" in expect else None


class File:
    """One file of cases; its setup runs before the first that is asked for."""

    def __init__(self, path):
        self.path, self.cloud = path, path.parent.name
        self.doc = yaml.safe_load(path.read_text())
        self.words = Words(path.stem.replace("_", "-"))
        self.ready = False

    def prepare(self, cloud):
        if self.ready:
            return
        self.ready = True
        for step in self.doc.get("setup", []):
            answer = cloud.send(step, self.words)
            assert cloud.succeeded(answer), f"setup of {self.path.name}: {step.get('request', step.get('action'))}: {answer}"
            self._keep(step, answer)

    def _keep(self, step, answer):
        tree = answer.tree.get("Response") if self.cloud == "scf" else answer.tree
        self.words.keep(step.get("expect", {}).get("keep", {}), tree)

    def run(self, cloud, case):
        self.prepare(cloud)
        wrong = "it was never sent"
        for _ in deadline(60):
            answer = cloud.send(case, self.words)
            wrong = why_not(self.cloud, self.words.value(case["expect"]), answer)
            if wrong is None or not case.get("await"):
                break
        assert wrong is None, f"{wrong}; the answer: {answer}"
        self._keep(case, answer)


FILES = [File(p) for p in sorted(HERE.glob("*/*.yaml"))]
CASES = [(f, c) for f in FILES for c in f.doc["cases"]]


def name_of(file, case):
    return f"{file.cloud}/{file.path.stem}: {case['name']}"


@pytest.fixture(scope="module")
def clouds():
    """Daemons by cloud, started when the first case asks and ended, and looked at, after the last."""
    made = {}

    def get(name):
        if name not in made:
            for done in made.values():  # cases come cloud by cloud
                done.evoke.end()
            evoke = Evoked()
            made.clear()
            made[name] = Cloud(name, evoke.start())
        return made[name]

    yield get
    for c in made.values():
        c.evoke.end()


@pytest.mark.parametrize("file,case", CASES, ids=[name_of(f, c) for f, c in CASES])
def test_case(clouds, file, case):
    cloud = clouds(file.cloud)
    file.run(cloud, case)
    if case is file.doc["cases"][-1]:
        cloud.evoke.check_descriptors()


def test_every_case_says_what_it_expects_and_where_that_stands():
    for file in FILES:
        assert set(file.doc) <= {"about", "source", "date", "setup", "cases"}, file.path
        names = [c["name"] for c in file.doc["cases"]]
        assert len(set(names)) == len(names), f"{file.path}: two cases of one name"
        for case in file.doc["cases"]:
            at = name_of(file, case)
            assert set(case) <= CASE_KEYS, at
            assert (case.get("source") or file.doc.get("source")) and (case.get("date") or file.doc.get("date")), at
            expect = case["expect"]
            assert expect and set(expect) <= EXPECT_KEYS, at
            assert "status" in expect or "error" in expect or "body" in expect or "text" in expect, at
            assert ("request" in case) != ("action" in case) or file.cloud == "scf", at


@pytest.mark.parametrize("want,have", [
    ("x", "y"), ("$absent", None), ("$any", None), ("$any", MISSING), ("~a.", "b"), (1, "1"), (1, True), ({"a": 1}, {}), ([1], [1, 2]),
    ({"$has": 3}, [1, 2]), ({"$len": 2}, [1]), ({"$keys": ["a"]}, {"a": 1, "b": 2}), ({"$not": 1}, 1), ({"a": {"$has": {"b": 1}}}, {"a": [{"b": 2}]}),
    (None, 0), (0, None), (False, 0), ({"a": "$absent"}, {"a": None})])
def test_a_pattern_refuses(want, have):
    assert mismatch(want, have) is not None


def test_there_are_as_many_as_were_promised():
    count = {cloud: sum(f.cloud == cloud for f, _ in CASES) for cloud in SCHEME}
    assert sum(count.values()) >= 700, count
    assert all(n >= 100 for n in count.values()), count
