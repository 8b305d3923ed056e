# SPDX-License-Identifier: Apache-2.0
"""Versions and aliases from the command line, by events, and over a daemon that is killed."""
import json

import pytest

from evoked import Evoked, deadline

MANIFEST = "functions:\n  f: {runtime: Python3.9, handler: index.handler}\n"
SOURCE = "def handler(event, context):\n    print('ran %s in ' + context.getVersion())\n    return '%s ' + context.getVersion()\n"


@pytest.fixture(scope="module")
def e():
    with Evoked() as daemon:
        yield daemon


def deploy(e, path, word):
    (path / "evoke.yaml").write_text(MANIFEST)
    (path / "index.py").write_text(SOURCE.replace("%s", word))
    done(e, "deploy", str(path), "--no-wait")


def done(e, *words):
    p = e.run(*words)
    assert p.returncode == 0, p.stderr
    return p.stdout


def listed(e, *words):
    return json.loads(done(e, *words, "--output", "json"))


def says(e, qualifier=None):
    words = ("--qualifier", qualifier) if qualifier else ()
    return done(e, "invoke", "f", "--event", "{}", *words).strip()


def test_a_version_is_published_called_and_pointed_at(e, tmp_path):
    deploy(e, tmp_path, "one")
    assert listed(e, "version", "publish", "f", "--name", "v1", "--note", "first")["version"] == "v1"
    deploy(e, tmp_path, "two")
    done(e, "version", "publish", "f", "--name", "v2")
    deploy(e, tmp_path, "three")
    assert [(v["version"], v["note"]) for v in listed(e, "version", "list", "f")] == [("v1", "first"), ("v2", "")]
    assert (says(e), says(e, "v1"), says(e, "v2")) == ("three latest", "one v1", "two v2")

    done(e, "alias", "set", "f", "prod", "--version", "v2", "--weight", "v1=25%")
    assert [says(e, "prod") for _ in range(8)].count("one v1") == 2
    assert "v1=25.00%" in done(e, "alias", "list", "f")
    done(e, "alias", "set", "f", "prod", "--version", "v1")  # back
    assert says(e, "prod") == "one v1"

    p = e.run("version", "delete", "f", "v1")
    assert p.returncode != 0 and "alias" in p.stderr
    done(e, "alias", "delete", "f", "prod")
    done(e, "version", "delete", "f", "v1")
    assert e.run("invoke", "f", "--event", "{}", "--qualifier", "v1").returncode == 3


@pytest.mark.parametrize("words", [
    ("version", "publish", "f", "--name", "latest"), ("version", "publish", "f", "--name", "a b"),
    ("alias", "set", "f", "a", "--version", "gone"), ("alias", "set", "f", "a"),
    ("alias", "set", "f", "a", "--version", "latest", "--weight", "v9=10%"),
    ("alias", "set", "f", "a", "--version", "latest", "--weight", "v2=101%"),
    ("alias", "set", "f", "a!b", "--version", "latest"),
    ("alias", "delete", "f", "gone"), ("version", "delete", "f", "gone"), ("version", "list", "nobody")])
def test_what_cannot_be_is_refused(e, tmp_path, words):
    deploy(e, tmp_path, "one")
    p = e.run(*words)
    assert p.returncode in (2, 3) and p.stderr.startswith("evoke: "), (p.returncode, p.stderr)


def test_an_event_runs_the_version_it_names_when_it_is_tried(e, tmp_path):
    deploy(e, tmp_path, "old")
    done(e, "version", "publish", "f", "--name", "for-events")
    done(e, "alias", "set", "f", "events", "--version", "for-events")
    deploy(e, tmp_path, "new")
    answer = listed(e, "invoke", "f", "--event", "{}", "--async", "--qualifier", "events")
    for _ in deadline(20):
        event = listed(e, "get", "invocation", answer["id"] if "id" in answer else answer["request_id"])
        if event["state"] == "done":
            break
    assert (event["state"], event["qualifier"]) == ("done", "events")
    for _ in deadline(20):
        if "ran old in for-events" in done(e, "logs", "f"):
            return
    pytest.fail("its log does not say that the version ran")


def test_versions_survive_a_daemon_that_is_killed(tmp_path):
    with Evoked() as daemon:
        deploy(daemon, tmp_path, "one")
        done(daemon, "version", "publish", "f", "--name", "v1")
        done(daemon, "alias", "set", "f", "prod", "--version", "v1")
        deploy(daemon, tmp_path, "two")
        daemon.kill()
        daemon.start()
        assert (says(daemon, "prod"), says(daemon, "v1"), says(daemon)) == ("one v1", "one v1", "two latest")
