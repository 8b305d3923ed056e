# SPDX-License-Identifier: Apache-2.0
"""Funcraft, unmodified, as docs/tools.md says: deploy, invoke, deploy again."""
import json
import pathlib
import re
import subprocess
import sys

import pytest
import requests

sys.path.insert(0, str(pathlib.Path(__file__).parent))

from project import files_of, run, script_of  # noqa: E402


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """The files of the document."""
    return files_of("Funcraft", tmp_path_factory.mktemp("fun"))


@pytest.fixture(scope="module")
def deployed(_module_daemon, project):
    """What the document's commands print, one after the other."""
    return run(_module_daemon, project, *script_of("Funcraft"))


def fun(e, project, *words):
    [p] = run(e, project, ". ./fun.env\nfun " + " ".join(words))
    return p


def test_deploy(deployed):
    p = deployed[0]
    assert p.returncode == 0, p.stdout + p.stderr
    for line in ("function greet deploy success", "trigger tick deploy success", "trigger http deploy success", "function page deploy success",
                 "service shop deploy success", "custom domain domain deploy success"):
        assert line in p.stdout, p.stdout


def test_invoke(deployed):
    p = deployed[1]
    assert p.returncode == 0, p.stdout + p.stderr
    log, result = p.stdout.split("FC Invoke Result:\n")
    assert json.loads(result) == {"says": "hello", "to": "you"}
    assert 'asked with {"to":"you"}' in log and "FC Invoke Start RequestId: " in log
    assert re.search(r"Duration: [\d.]+ ms, Billed Duration: \d+ ms, Memory Size: 128 MB, Max Memory Used: [\d.]+ MB", log)


def test_the_page_by_path_and_by_domain(deployed):
    assert [p.stdout for p in deployed[2:]] == ["the page /hello", "the page /page/hello"]


def test_what_is_there(deployed, evoke_shared):
    listed = json.loads(evoke_shared.run("list", "--output", "json").stdout)
    assert {(f["dialect"], f["account"], f["space"], f["name"]) for f in listed} == {
        ("fc", "123456789", "shop", "greet"), ("fc", "123456789", "shop", "page")}
    triggers = json.loads(evoke_shared.run("trigger", "list", "shop/greet", "--output", "json").stdout)
    assert [t["name"] for t in triggers] == ["tick"]


def test_a_second_deploy_changes_what_is_there(deployed, evoke_shared, project):
    template = project / "template.yml"
    template.write_text(template.read_text().replace("GREETING: hello", "GREETING: good day").replace("@every 60m", "@every 30m"))
    p = fun(evoke_shared, project, "deploy", "-y")
    assert p.returncode == 0, p.stdout + p.stderr
    p = fun(evoke_shared, project, "invoke", "shop/greet", "-e", "'{\"to\":\"you\"}'")
    assert json.loads(p.stdout.split("FC Invoke Result:\n")[1])["says"] == "good day"
    r = requests.get(evoke_shared.url + "/2016-08-15/proxy/shop/page/again", timeout=30)
    assert r.text == "the page /again"


def test_an_error_of_the_function_is_shown(deployed, evoke_shared, project):
    p = fun(evoke_shared, project, "invoke", "shop/greet", "-e", "'{}'")
    assert "KeyError" in p.stdout + p.stderr


def test_a_wrong_key_is_refused(deployed, evoke_shared, project):
    [p] = run(evoke_shared, project, ". ./fun.env\nACCESS_KEY_SECRET=wrong fun invoke shop/greet -e '{}'")
    assert p.returncode != 0 and "does not match the signature" in p.stdout + p.stderr


def test_a_function_with_an_http_trigger_is_not_invoked(deployed, evoke_shared, project):
    """Funcraft's own rule, out of the triggers that we list."""
    p = fun(evoke_shared, project, "invoke", "shop/page")
    assert "http trigger" in (p.stdout + p.stderr).lower()
