# SPDX-License-Identifier: Apache-2.0
"""The command line against a real daemon: results on stdout, the rest on stderr, exit codes as documented."""
import json
import os
import pathlib
import re

import pytest

FULL = "functiongraph/local/local-1/default/"

HELLO = '''
def handler(event, context):
    print("a line of the log")
    context.getLogger().info("another")
    return {"hello": event.get("name", "nobody"), "greeting": context.getUserData("GREETING")}
'''


@pytest.fixture(autouse=True)
def nothing_stays(request):
    """A test that failed half-way leaves no function to the next."""
    e = request.getfixturevalue("evoke_shared") if "evoke_shared" in request.fixturenames else None
    yield
    for f in json.loads(e.run("list", "--output", "json").stdout) if e else []:
        e.run("delete", "/".join(f[k] for k in ("dialect", "account", "region", "space", "name")))


def manifest(tmp_path, text, **files):
    (tmp_path / "evoke.yaml").write_text(text)
    for name, content in files.items():
        (tmp_path / name.replace("__", ".")).write_text(content)
    return str(tmp_path)


def hello(name, more=""):
    return f"functions:\n  {name}:\n    runtime: Python3.9\n    handler: index.handler\n{more}"


def deploy(e, tmp_path, name, code=HELLO, more=""):
    p = e.run("deploy", manifest(tmp_path, hello(name, more), index__py=code))
    assert p.returncode == 0, p.stderr
    return p


def test_deploy_invoke_list_get_delete(evoke_shared, tmp_path):
    e = evoke_shared
    more = "    environment: {GREETING: hi, N: 1}\n    memory: 256\n    timeout: 7\n"
    p = deploy(e, tmp_path, "first", more=more)
    assert p.stdout == FULL + "first  created  ready\n" and p.stderr == ""

    p = e.run("invoke", "first", "--event", '{"name":"you"}')
    assert p.returncode == 0, p.stderr
    assert json.loads(p.stdout) == {"hello": "you", "greeting": "hi"}
    for part in ("a line of the log", "another", "Request id", "Memory configured  256 MB", "Memory used", "Execution duration",
                 "Billed duration", "Init duration"):
        assert part in p.stderr

    rows = [line.split() for line in e.run("list").stdout.splitlines()]
    assert rows[0] == ["NAME", "SPACE", "ACCOUNT", "REGION", "DIALECT", "RUNTIME", "MEMORY", "USED", "STATE"]
    row = next(r for r in rows if r[0] == "first")
    assert row[:8] == ["first", "default", "local", "local-1", "functiongraph", "Python3.9", "256", "MB"] and row[-1] == "ready"
    assert row[8:-1], f"it was used just now: {row}"
    listed = json.loads(e.run("list", "--output", "json", "--space", "default").stdout)
    assert [f["name"] for f in listed] == ["first"]
    assert json.loads(e.run("list", "--output", "json", "--space", "other").stdout) == []

    got = json.loads(e.run("get", "first", "--output", "json").stdout)
    assert got["environment"] == {"GREETING": "hi", "N": "1"} and got["state"] == "ready" and got["timeout_ms"] == 7000
    # quoted, because old YAML readers take a bare N for "no"
    assert 'environment:\n  GREETING: hi\n  "N": "1"\n' in e.run("get", "first", "--output", "yaml").stdout

    p = e.run("delete", "first")
    assert (p.returncode, p.stdout, p.stderr) == (0, "", f"deleted {FULL}first\n")
    p = e.run("get", "first")
    assert p.returncode == 3 and "there is no function 'first'" in p.stderr
    assert e.run("get", FULL + "first").returncode == 3


def test_the_event_comes_from_a_file_stdin_or_the_command_line(evoke_shared, tmp_path):
    e = evoke_shared
    deploy(e, tmp_path, "events")
    event = tmp_path / "event.json"
    event.write_text('{"name":"file"}')

    def name(*args, **kw):
        p = e.run("invoke", "events", *args, **kw)
        assert p.returncode == 0, p.stderr
        return json.loads(p.stdout)["hello"]

    assert name() == "nobody"
    assert name("--event", str(event)) == "file"
    assert name("--event", "-", stdin='{"name":"stdin"}') == "stdin"
    assert name("--event", '{"name":"word"}') == "word"
    p = e.run("invoke", "events", "--event", "nosuch.json")
    assert p.returncode == 2 and "neither JSON nor a file" in p.stderr
    e.run("delete", "events")


def test_a_failed_invocation_says_why_and_what_next(evoke_shared, tmp_path):
    e = evoke_shared
    code = ("import time\n\ndef handler(event, context):\n    print('before')\n    if event.get('sleep'): time.sleep(60)\n"
            "    raise ValueError('told to fail')\n")
    deploy(e, tmp_path, "fails", code)
    p = e.run("invoke", "fails")
    assert p.returncode == 1
    assert "told to fail" in p.stdout and "before" in p.stderr and "Request id" in p.stderr
    assert "evoke: the function reported an error (error)" in p.stderr and "next: " in p.stderr
    p = e.run("invoke", "fails", "--event", '{"sleep":1}')
    assert p.returncode == 6 and "(timeout)" in p.stderr and "raise 'timeout'" in p.stderr
    p = e.run("invoke", "fails", "--output", "json")
    said = json.loads(p.stdout)
    assert p.returncode == 1 and said["outcome"] == "error" and "before" in said["log"] and said["memory_mb"] == 128
    e.run("delete", "fails")


def test_code_that_does_not_load(evoke_shared, tmp_path):
    e = evoke_shared
    p = e.run("deploy", "--no-wait", manifest(tmp_path, hello("broken"), index__py="def broken(:\n"))
    assert p.returncode == 0, p.stderr
    p = e.run("invoke", "broken")
    assert p.returncode == 1 and "(init_error)" in p.stderr and "SyntaxError" in p.stdout + p.stderr
    e.run("delete", "broken")


def test_a_short_name_must_mean_one_function(evoke_shared, tmp_path):
    e = evoke_shared
    text = hello("twin") + "    space: one\n"
    assert e.run("deploy", manifest(tmp_path, text, index__py=HELLO)).returncode == 0
    assert e.run("deploy", manifest(tmp_path, text.replace("one", "two"), index__py=HELLO)).returncode == 0
    p = e.run("get", "twin")
    assert p.returncode == 2 and "means 2 functions" in p.stderr
    assert "functiongraph/local/local-1/one/twin\n" in p.stderr and "functiongraph/local/local-1/two/twin\n" in p.stderr
    assert json.loads(e.run("get", "two/twin", "--output", "json").stdout)["space"] == "two"
    assert e.run("delete", "one/twin").returncode == 0
    assert e.run("delete", "twin").returncode == 0


def test_a_function_compute_function_brings_its_service(evoke_shared, tmp_path):
    e = evoke_shared
    code = "def handler(event, context):\n    return context.service.name + ':' + event.decode()\n"
    text = "functions:\n  fcfn: {dialect: fc, space: shop, runtime: python3, handler: index.handler, timeout: 5}\n"
    p = e.run("deploy", manifest(tmp_path, text, index__py=code))
    assert (p.returncode, p.stdout) == (0, "fc/local/local-1/shop/fcfn  created  ready\n"), p.stderr
    p = e.run("invoke", "shop/fcfn", "--event", "[1]")
    assert (p.returncode, p.stdout) == (0, "shop:[1]"), p.stderr
    assert e.run("delete", "fcfn").returncode == 0


def test_only_the_named_functions_are_deployed(evoke_shared, tmp_path):
    e = evoke_shared
    text = hello("one") + "  two: {runtime: Python3.9, handler: index.handler}\n"
    p = e.run("deploy", manifest(tmp_path, text, index__py=HELLO), "two")
    assert p.stdout == FULL + "two  created  ready\n"
    p = e.run("deploy", str(tmp_path), "--output", "json")
    assert [f["name"] for f in json.loads(p.stdout)] == ["one", "two"]
    p = e.run("deploy", str(tmp_path), "three")
    assert p.returncode == 3 and "has no function 'three'" in p.stderr


def test_what_was_deployed_before_a_failure_is_shown(evoke_shared, tmp_path):
    e = evoke_shared
    text = hello("good") + "  bad: {runtime: Perl5, handler: a.b}\n"
    p = e.run("deploy", manifest(tmp_path, text, index__py=HELLO), "--output", "json")
    assert p.returncode == 2 and "function 'bad': runtime 'Perl5'" in p.stderr
    assert [f["name"] for f in json.loads(p.stdout)] == ["good"]


def test_an_unchanged_deploy_keeps_warm_instances(evoke_shared, tmp_path):
    e = evoke_shared
    deploy(e, tmp_path, "same")
    first = json.loads(e.run("get", "same", "--output", "json").stdout)["code"]["sha256"]
    os.utime(tmp_path / "index.py", (1, 1))
    assert e.run("invoke", "same").returncode == 0
    assert deploy(e, tmp_path, "same").stdout == FULL + "same  unchanged  ready\n"
    assert json.loads(e.run("get", "same", "--output", "json").stdout)["code"]["sha256"] == first
    assert json.loads(e.run("invoke", "same", "--output", "json").stdout)["cold"] is False
    assert deploy(e, tmp_path, "same", more="    memory: 256\n").stdout.split() == (
        FULL + "same  updated  ready  memory_mb  128 -> 256").split()
    assert json.loads(e.run("invoke", "same", "--output", "json").stdout)["cold"] is True
    e.run("delete", "same")


@pytest.mark.parametrize("text,why", [
    ("functions:\n  a: {runtime: Python3.9}\n", "functions.a.handler is missing"),
    ("functions:\n  a: {runtime: Python3.9, handler: a.b, memry: 1}\n", "functions.a.memry: unknown key"),
    ("functions:\n  a: {runtime: Perl5, handler: a.b}\n", "'Perl5' is not a runtime of functiongraph"),
    ("functions:\n  a: {runtime: Python3.9, handler: a.b, memory: 100}\n", "memory_mb must be between 128"),
    ("functions: [\n", "line "),
])
def test_a_wrong_manifest_changes_nothing(evoke_shared, tmp_path, text, why):
    e = evoke_shared
    p = e.run("deploy", manifest(tmp_path, text))
    assert p.returncode == 2 and why in p.stderr and p.stdout == ""
    assert json.loads(e.run("list", "--output", "json").stdout) == []


def test_a_runtime_without_a_worker_is_deployed_and_says_what_is_missing(evoke_shared, tmp_path):
    e = evoke_shared
    text = "functions:\n  java: {runtime: Java11, handler: com.A.b}\n"
    p = e.run("deploy", manifest(tmp_path, text, A__class="bytes"))
    assert p.returncode == 0 and "no worker for Java11" in p.stdout
    p = e.run("invoke", "java")
    assert p.returncode == 1 and "no worker for Java11" in p.stderr
    e.run("delete", "java")


def test_wrong_keys_and_no_daemon_have_their_own_exit_codes(evoke_shared):
    e = evoke_shared
    assert e.run("list", env={"EVOKE_SECRET_KEY": "wrong"}).returncode == 4
    assert e.run("list", env={"EVOKE_ACCESS_KEY": "nobody"}).returncode == 4
    assert e.run("list", "--endpoint", "http://127.0.0.1:1").returncode == 7
    assert e.run("list", "--nosuch").returncode == 2
    assert e.run("nosuch").returncode == 2
    assert e.run("invoke").returncode == 2


def test_the_key_pair_is_found_in_the_data_directory(evoke_factory):
    e = evoke_factory(env={"EVOKE_ACCESS_KEY": None, "EVOKE_SECRET_KEY": None})
    none = {"EVOKE_ACCESS_KEY": "", "EVOKE_SECRET_KEY": ""}
    assert e.run("list", "--data", str(e.data_dir), env=none).returncode == 0
    assert e.run("list", env={**none, "EVOKE_DATA": str(e.data_dir)}).returncode == 0
    p = e.run("list", "--data", "/nonexistent", env=none)
    assert p.returncode == 4 and "--data" in p.stderr


def test_status_says_what_is_enforced(evoke_shared):
    s = json.loads(evoke_shared.run("status", "--output", "json").stdout)
    assert s["region"] == "local-1" and s["functions"] == 0
    assert {"memory", "pids", "cpu", "tmp", "seccomp", "egress", "freezer"} <= set(s["sandbox"]) and "idle" in s["instances"]


def test_every_option_reaches_the_daemon(evoke_factory, tmp_path):
    e = evoke_factory()
    listed = re.findall(r"^\| `--(\S+) .*\| whole number.*\| `(\d+)` \|", e.run("config", "markdown").stdout, re.MULTILINE)
    wanted = {name: str(int(default) + 1) for name, default in listed}
    assert {"memory", "freeze-after", "instances", "drain"} <= wanted.keys()
    wanted |= {"region": "elsewhere", "node": "/usr/bin/../bin/node", "trace-ratio": "0.5"}
    for name in ("waiting", "region"):
        (tmp_path / "evoke.yaml").open("a").write(f"{name}: {wanted[name]}\n")
    other = evoke_factory("--config", str(tmp_path / "evoke.yaml"),
                          *[f"--{k}={v}" for k, v in wanted.items() if k not in ("waiting", "region")])
    told = pathlib.Path(f"/proc/{other.pids()['daemon']}/cmdline").read_bytes().decode().split("\0")
    assert [f"--{k}={v}" for k, v in wanted.items() if f"--{k}={v}" not in told] == [], told
    assert [t for t in told if t.startswith("--config")] == []


def test_an_interpreter_is_looked_for_where_the_option_says(evoke_factory, tmp_path):
    e = evoke_factory("--node", "/usr/nowhere/node")
    e.allow("spare of 'node': run '/usr/nowhere/node'")
    (tmp_path / "evoke.yaml").write_text("functions:\n  n:\n    runtime: Node.js18.15\n    handler: index.handler\n"
                                         "  p:\n    runtime: Python3.9\n    handler: index.handler\n")
    (tmp_path / "index.js").write_text("exports.handler = async () => 1;\n")
    (tmp_path / "index.py").write_text("def handler(event, context):\n    return 1\n")
    r = e.run("deploy", str(tmp_path))
    assert r.returncode == 0, r.stderr
    state = {f["name"]: f["state"] for f in json.loads(e.run("list", "--output", "json").stdout)}
    assert state == {"n": "runtime 'Node.js18.15' needs '/usr/nowhere/node', which --node names: no such program", "p": "ready"}


def test_help_and_version_go_to_stdout(evoke_shared):
    e = evoke_shared
    for name in ("serve", "deploy", "invoke", "list", "get", "delete", "status", "version"):
        assert name in e.run("help").stdout
        assert e.run("help", name).stdout.startswith(f"usage: evoke {name}")
    assert e.run("version").stdout.startswith("evoke ")
    p = e.run()
    assert p.returncode == 2 and p.stdout == "" and "usage:" in p.stderr
