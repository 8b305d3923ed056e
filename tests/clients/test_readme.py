# SPDX-License-Identifier: Apache-2.0
"""README.md and docs/manifest.md, word for word: what they show is run as it stands, but for endpoint and key pair."""
import http.client
import os
import pathlib
import re
import shlex
import shutil
import signal
import subprocess
import sys

import pytest
from evoked import BUILD, ROOT, Evoked, deadline

pytestmark = pytest.mark.slow  # about what the pages say

HERE = pathlib.Path(__file__).parent


def block(language, containing, document="README.md"):
    """The one fenced block of that language which contains these words."""
    text = (ROOT / document).read_text()
    found = [b for b in re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL) if containing in b]
    assert len(found) == 1, f"{len(found)} blocks in {language} contain {containing!r}"
    return found[0]


def filled_in(text, evoke):
    for placeholder, value in (("<EVOKE_ACCESS_KEY>", evoke.access_key), ("<EVOKE_SECRET_KEY>", evoke.secret_key),
                               ("127.0.0.1:8900", evoke.url.removeprefix("http://"))):
        assert placeholder in text
        text = text.replace(placeholder, value)
    return text


def run(argv, cwd, **env):
    r = subprocess.run(argv, cwd=cwd, env={"PATH": os.environ["PATH"], "HOME": str(cwd), **env}, capture_output=True,
                       text=True, timeout=120, check=False)
    assert r.returncode == 0, r.stdout + r.stderr
    return r.stdout


def test_the_demo():
    told = run([str(ROOT / "tools/demo.sh"), str(BUILD)], ROOT)
    for part in ("Hello, evoke!", "Moin Ada!", "HELLO FROM BYTES", '{"total":"8.55","currency":"EUR"}',
                 "5aa762ae383fbb727af3c7a36d4940a5b8c40a989452d2304fc958ff3f354e7a", "Execution duration ",
                 "ZeroDivisionError: division by zero", "Its last run failed: ", "RUNS/S", "  done\n", "created tick of ", "stopped and removed"):
        assert part in told
    if shutil.which("curl"):
        assert re.search(r'^faas_errors_total\{function="[^"]*/report",.*\} 1$', told, re.MULTILINE)
    assert "\033" not in told, "colour only on a terminal"


def test_the_first_function(evoke):
    commands = [line.split("#")[0] for line in block("sh", "build/evoke serve").splitlines()]
    serve, *rest = commands
    assert serve.split() == ["build/evoke", "serve"] and len(rest) == 2
    told = [run(["sh", "-c", c.replace("build/evoke", str(BUILD / "evoke"))], ROOT, EVOKE_ENDPOINT=evoke.url,
                EVOKE_ACCESS_KEY=evoke.access_key, EVOKE_SECRET_KEY=evoke.secret_key) for c in rest]
    assert "hello  created  ready" in told[0]
    assert "Hello, you!" in told[1]


def test_what_shows_what_happens(evoke):
    assert evoke.run("deploy", str(ROOT / "examples/hello")).returncode == 0
    lines = [line.split("#")[0] for line in block("sh", "build/evoke why").splitlines()]
    assert len(lines) >= 9
    for line in lines:
        endless = re.search(r" -f\b| top\b| --watch\b", line)
        p = subprocess.Popen([str(BUILD / "evoke"), *shlex.split(line)[1:]], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                             env={**os.environ, "EVOKE_ENDPOINT": evoke.url, "EVOKE_ACCESS_KEY": evoke.access_key,
                                  "EVOKE_SECRET_KEY": evoke.secret_key})
        assert evoke.run("invoke", "hello").returncode == 0  # something to see
        first = p.stdout.readline() if endless else ""
        if endless:
            p.send_signal(signal.SIGINT)
        rest = p.communicate(timeout=60)[0]
        assert p.returncode in ((0, 130) if endless else (0,)), line + first + rest
        assert not re.search("no command|unknown option|usage:", first + rest), line


def test_asynchronous_events_and_timers(evoke):
    assert evoke.run("deploy", str(ROOT / "examples/hello")).returncode == 0
    lines = block("sh", "--async").splitlines()
    assert len(lines) == 6
    told, ident = [], None
    for line in lines:
        kept = re.sub(r"^id=\$\((.*)\)(?= +#)", r"\1", line)
        words = [ident if word == "$id" else word for word in shlex.split(kept, comments=True)[1:]]
        if words[:2] == ["get", "invocation"]:
            for _ in deadline(30):
                if '"done"' in evoke.run("get", "invocation", ident, "--output", "json").stdout:
                    break
        p = evoke.run(*words)
        assert p.returncode == 0, (words, p.stderr)
        ident = ident if kept == line else p.stdout.rstrip("\n")
        told.append(p.stdout)
    assert told[1].startswith(f"{ident}  done\n") and "0 */5 * * * *" in told[3] and "hello" in told[5]


def test_commands_find_the_key_pair_that_serve_made(open_path):
    data = open_path / "home/.local/share/evoke"  # of an ordinary user; root's is /var/lib/evoke
    data.mkdir(parents=True)
    e = Evoked(unprivileged=True, data_dir=data, env={"EVOKE_ACCESS_KEY": None, "EVOKE_SECRET_KEY": None}).start()
    try:
        assert len(re.findall(r"^ +EVOKE_(?:ACCESS|SECRET)_KEY=\w+$", e.log_text(), re.MULTILINE)) == 2
        as_user = {"user": 65534, "group": 65534, "extra_groups": []} if e.unprivileged else {}
        r = subprocess.run([str(e.program), "list"], env={"HOME": str(open_path / "home"), "EVOKE_ENDPOINT": e.url},
                           capture_output=True, text=True, timeout=60, check=False, **as_user)
        assert r.returncode == 0, r.stderr
    finally:
        e.stop()


def test_the_python_snippet(evoke, tmp_path):
    code = filled_in(block("python", "FunctionGraphClient"), evoke)
    told = run([sys.executable, "-c", code], tmp_path)
    assert told.startswith("hello you\n") and "Finish invoke request" in told, told


def test_the_gateway_session(evoke, tmp_path):
    for command in block("sh", "examples/authorizer-header").splitlines():
        _, verb, example = shlex.split(command, comments=True)
        assert evoke.run(verb, str(ROOT / example)).returncode == 0, command
    snippet = filled_in(block("python", "ApigClient"), evoke)
    curl = shlex.split(run([sys.executable, "-c", snippet.replace(":8900/", f":{evoke.port}/")], tmp_path))
    assert curl[:3] == ["curl", "-H", "auth: open sesame"]
    host, path = re.fullmatch(r"http://([^:]+):\d+(/.*)", curl[3]).groups()
    for word, status, says in (("open sesame", 200, "<h1>Welcome, ali baba!</h1>"), ("please", 401, "APIG.0305")):
        connection = http.client.HTTPConnection(evoke.host, evoke.port, timeout=60)
        connection.request("GET", path, headers={"Host": host, "auth": word})
        answer = connection.getresponse()
        assert answer.status == status and says in answer.read().decode()
        connection.close()


def test_the_node_snippet(evoke, tmp_path):
    for command in block("sh", "hi.zip").splitlines():
        if command == "npm install @alicloud/fc2":
            (tmp_path / "node_modules").symlink_to(HERE / "node_modules")
        else:
            run(["sh", "-c", command], tmp_path)
    (tmp_path / "hi.mjs").write_text(filled_in(block("js", "@alicloud/fc2"), evoke))
    told = run(["node", "hi.mjs"], tmp_path)
    assert told.startswith("HELLO\n") and "FC Invoke End RequestId" in told, told


def test_the_scf_snippet(evoke, tmp_path):
    told = run([sys.executable, "-c", filled_in(block("python", "scf_client"), evoke)], tmp_path)
    assert told.startswith('"hello you"\n') and "END RequestId: " in told, told


@pytest.mark.parametrize("language,document", [("sh", "README.md"), ("", "docs/versions.md")])
def test_versions_and_aliases(evoke_factory, tmp_path, language, document):
    evoke = evoke_factory()
    shutil.copytree(ROOT / "examples/hello", tmp_path / "hello")
    assert evoke.run("deploy", str(tmp_path / "hello")).returncode == 0
    told = {}
    for line in block(language, "version publish", document).splitlines():
        words = shlex.split(line.replace("build/evoke", "evoke"), comments=True)[1:]
        p = evoke.run(*words, *([str(tmp_path / "hello")] if words == ["deploy"] else []))
        assert p.returncode == 0, (line, p.stderr)
        told[words[0]] = p.stdout
    assert "Hello" in told["invoke"]
    assert '"version":"v1"' in evoke.run("alias", "list", "hello", "--output", "json").stdout.replace(" ", "")


def test_the_manifest_with_every_key(evoke, tmp_path):
    (tmp_path / "evoke.yaml").write_text(block("yaml", "initializer_timeout", "docs/manifest.md"))
    # What init prints is in no log: the reserved instance may be there before anybody asks.
    (tmp_path / "index.py").write_text("def init(context):\n    global made\n    made = 'ready'\n\n\n"
                                       "def handler(event, context):\n    return context.getUserData('GREETING') + ', ' + made\n")
    r = evoke.run("deploy", str(tmp_path))
    assert r.returncode == 0, r.stderr
    r = evoke.run("invoke", "hello")
    assert r.returncode == 0 and r.stdout == "hello, ready", r.stdout + r.stderr
