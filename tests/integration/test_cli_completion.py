# SPDX-License-Identifier: Apache-2.0
"""The tab key, in the shells themselves."""
import os
import shutil
import subprocess

import pytest
from evoked import BUILD
from terminal import Terminal

EVOKE = BUILD / "evoke"
CODE = "def handler(event, context):\n    return 1\n"


@pytest.fixture(scope="module")
def world(_module_daemon, tmp_path_factory):
    """A daemon with three functions, and an environment in which `evoke` is a command."""
    e = _module_daemon
    path = tmp_path_factory.mktemp("world")
    names = {"invoice": "", "inventory": "", "report": "    space: one\n"}
    text = "functions:\n" + "".join(f"  {n}:\n    runtime: Python3.9\n    handler: index.handler\n{more}" for n, more in names.items())
    (path / "index.py").write_text(CODE)
    (path / "evoke.yaml").write_text(text)
    assert e.run("deploy", str(path)).returncode == 0
    (path / "evoke.yaml").write_text("functions:\n  report:\n    space: two\n    runtime: Python3.9\n    handler: index.handler\n")
    assert e.run("deploy", str(path)).returncode == 0
    (path / "a directory").mkdir()
    (path / "bin").mkdir()
    (path / "bin" / "evoke").symlink_to(EVOKE)
    env = {"PATH": f"{path / 'bin'}:{os.environ['PATH']}", "HOME": str(path), "EVOKE_ENDPOINT": e.url, "TERM": "xterm",
           "EVOKE_ACCESS_KEY": e.ACCESS_KEY, "EVOKE_SECRET_KEY": e.SECRET_KEY, "LC_ALL": "C.UTF-8"}
    yield path, env


def complete(env, *words):
    p = subprocess.run([EVOKE, "complete", "--", *words], capture_output=True, text=True, env=env, timeout=20, check=False)
    assert p.returncode == 0 and p.stderr == ""
    kind, *lines = p.stdout.splitlines()
    return kind, {line.split("\t")[0] for line in lines}


def test_what_may_follow(world):
    _, env = world
    assert complete(env, "inv") == ("words", {"invoke"})
    assert {"list", "key", "logs"} <= complete(env, "")[1] and "complete" not in complete(env, "")[1]
    assert complete(env, "key", "a") == ("words", {"add"})
    assert complete(env, "invoke", "in") == ("words", {"invoice", "inventory"})
    assert complete(env, "get", "one/")[1] == {"one/report"} and complete(env, "get", "rep")[1] == set()
    assert complete(env, "list", "--out") == ("words", {"--output"})
    assert complete(env, "list", "--output", "j") == complete(env, "list", "-o", "j") == ("words", {"json"})
    assert complete(env, "list", "--output=") == ("words", {"--output=table", "--output=json", "--output=yaml"})
    assert complete(env, "list", "--output", "=", "j") == complete(env, "list", "--output", "=", "j") == ("words", {"json"})
    assert "--output" not in complete(env, "list", "--output=json", "--")[1]
    assert complete(env, "invoke", "--event", "")[0] == "files" and complete(env, "get", "--data", "")[0] == "dirs"
    assert "Python3.9" in complete(env, "init", "Py")[1]
    assert complete(env, "help", "ke")[1] == {"key"} and complete(env, "serve", "--conf")[1] == {"--config"}
    assert complete(env, "nosuch", "") == ("words", set()) and complete(env) == complete(env, "")


def test_without_a_daemon_nothing_is_said(world):
    _, env = world
    nobody = env | {"EVOKE_ENDPOINT": "http://127.0.0.1:1"}
    assert complete(nobody, "invoke", "in") == ("words", set())
    assert complete(env, "invoke", "--endpoint", "http://127.0.0.1:1", "in") == ("words", set())
    assert complete(nobody, "invoke", "--endpoint=" + env["EVOKE_ENDPOINT"], "invo") == ("words", {"invoice"})
    assert complete({"PATH": "/usr/bin"}, "invoke", "in") == ("words", set())


def shell(name):
    if not shutil.which(name):
        pytest.skip(f"{name} is not installed")
    return name


def bash(env, cwd, line):
    """What bash offers for the last word of the line."""
    script = ("set -u +u; . <(evoke completion bash) || exit 9\n"
              'line=$1; COMP_LINE=$line; COMP_POINT=${#line}\n'
              'read -ra COMP_WORDS <<<"${line//=/ = }"; [ "${line: -1}" = " " ] && COMP_WORDS+=("")\n'
              "COMP_CWORD=$((${#COMP_WORDS[@]} - 1))\n"
              "compopt() { :; }\n"
              '_evoke evoke; printf "%s\\n" "${COMPREPLY[@]}"\n')
    p = subprocess.run([shell("bash"), "--norc", "-c", script, "bash", line], capture_output=True, text=True, env=env, cwd=cwd, timeout=30,
                       check=False)
    assert p.returncode == 0 and p.stderr == "", p.stderr
    return set(p.stdout.split("\n")) - {""}


def test_bash(world):
    path, env = world
    assert bash(env, path, "evoke inv") == {"invoke"}
    assert bash(env, path, "evoke invoke in") == {"invoice", "inventory"}
    assert bash(env, path, "evoke list --output=j") == {"json"}
    assert bash(env, path, "evoke list --output ") == {"table", "json", "yaml"}
    assert bash(env, path, "evoke invoke x --event a") == {"a directory"}


def test_bash_at_the_tab_key(world):
    path, env = world
    with Terminal([shell("bash"), "--norc", "--noprofile", "-i"], env={**env, "PS1": "ready> "}, cwd=path) as t:
        t.wait_for("ready>")
        t.press(". <(evoke completion bash); echo so'urced'\r")
        t.wait_for("sourced")
        t.press("evoke invoke invoi\t")
        t.wait_for(r"evoke invoke invoice")
        t.press("--out\tj\t")
        t.wait_for(r"evoke invoke invoice --output json")


def test_zsh_at_the_tab_key(world):
    path, env = world
    with Terminal([shell("zsh"), "-f", "-i"], env={**env, "PS1": "ready> "}, cwd=path) as t:
        t.wait_for("ready>")
        t.press("autoload -U compinit && compinit -u -D; . <(evoke completion zsh); echo so'urced'\r")
        t.wait_for("sourced")
        t.press("evoke invoke invoi\t")
        t.wait_for(r"evoke invoke invoice")
        t.press("--out\tj\t")
        t.wait_for(r"evoke invoke invoice --output json")
        t.press("\x15evoke li\t")  # Ctrl-U: a key like others. Ctrl-C would break off a completion that is not done yet
        t.wait_for(r"evoke list")
        t.press("--output=y\t")
        t.wait_for(r"evoke list --output=yaml")


def test_fish(world):
    path, env = world

    def fish(line):
        p = subprocess.run([shell("fish"), "--no-config", "-c", 'evoke completion fish | source; complete -C"$argv[1]"', line],
                           capture_output=True, text=True, env=env, cwd=path, timeout=30, check=False)
        assert p.returncode == 0 and p.stderr == "", p.stderr
        return {x.split("\t")[0] for x in p.stdout.splitlines()}

    assert fish("evoke inv") == {"invoke"}
    assert fish("evoke invoke in") == {"invoice", "inventory"}
    assert fish("evoke list --output=j") == {"--output=json"}
    assert fish("evoke list --output ") == {"table", "json", "yaml"}
    assert {"list", "logs"} <= fish("evoke l")
    assert fish("evoke invoke x --event a") == {"a directory/"}
