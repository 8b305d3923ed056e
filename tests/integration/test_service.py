# SPDX-License-Identifier: Apache-2.0
"""evoke as a service: health, the service manager's notifications and watchdog, socket activation, reload."""
import json
import os
import pathlib
import signal
import socket
import subprocess
import threading

import pytest
import requests

from evoked import BUILD, Evoked, deadline

WAIT = "import os, time\n\ndef handler(event, context):\n    open('/tmp/here', 'w').close()\n    time.sleep(event['s'])\n    return 'slept'\n"
ECHO = "def handler(event, context):\n    return event\n"


def deploy(evoke, tmp_path, name, source):
    d = tmp_path / name
    d.mkdir(exist_ok=True)
    (d / "index.py").write_text(source)
    (d / "evoke.yaml").write_text(f"functions:\n  {name}:\n    runtime: Python3.9\n    handler: index.handler\n")
    r = evoke.run("deploy", str(d))
    assert r.returncode == 0, r.stderr


def busy(evoke):
    return json.loads(evoke.run("status", "--output", "json").stdout)["instances"]["busy"]


# -- health ---------------------------------------------------------------------------------------------------------


def test_version_and_readiness_of_a_daemon_that_is_well(evoke_shared):
    version = evoke_shared.get("/version").json()
    assert version["name"] == "evoke" and version["version"]
    assert "/v2/" in version["apis"] and "/evoke/v1/" in version["apis"]
    assert evoke_shared.get("/healthz").text == "ok\n"
    for _ in deadline(20):
        ready = evoke_shared.get("/readyz")
        if ready.status_code == 200:
            break
    assert ready.json() == {"ready": True, "reasons": []}


def test_who_connects_during_a_drain_is_told(evoke, tmp_path):
    deploy(evoke, tmp_path, "wait", WAIT)
    answers = []
    runs = threading.Thread(target=lambda: answers.append(evoke.run("invoke", "wait", "--event", '{"s": 2}')))
    runs.start()
    for _ in deadline(20):
        if busy(evoke):
            break
    evoke.process.send_signal(signal.SIGTERM)
    evoke.wait_log("draining")
    for _ in deadline(10):
        ready = evoke.get("/readyz")
        if ready.status_code == 503:
            break
    assert ready.status_code == 503 and [r["component"] for r in ready.json()["reasons"]] == ["daemon"]
    health = evoke.get("/healthz")
    assert health.status_code == 200
    refused = evoke.get("/v2/p/fgs/functions")
    assert refused.status_code == 503 and "ending" in refused.text and refused.headers["Retry-After"] == "1"
    runs.join()
    assert answers[0].returncode == 0 and "slept" in answers[0].stdout
    assert evoke.process.wait(20) == 0


def test_while_there_is_no_launcher_the_daemon_is_not_ready(evoke):
    evoke.allow("launcher was ended by signal", "connection to the launcher lost", "launcher exited")
    for _ in deadline(20):
        if evoke.get("/readyz").status_code == 200:
            break
    os.kill(evoke.pids()["launcher"], signal.SIGKILL)
    reasons = []
    for _ in deadline(20):
        ready = evoke.get("/readyz").json()
        if not ready["ready"]:
            reasons = ready["reasons"]
        elif reasons:
            break
    # The restart takes 100 ms at least, and each look a millisecond.
    assert reasons and reasons[0]["component"] == "launcher" and reasons[0]["since_ms"] > 0
    assert ready["ready"]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can make a disk that is full")
def test_a_full_disk_is_told_until_there_is_room_again(open_path):
    data = open_path / "data"
    data.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16m,mode=755", "disk", str(data)], check=True)
    evoke = Evoked(data_dir=data)
    try:
        evoke.start()
        evoke.allow("No space left on device|disk is full|disk full|cannot be written|not written|not kept")
        filler = data / "filler"
        with filler.open("wb", buffering=0) as f, pytest.raises(OSError):
            while True:
                f.write(bytes(65536))
        for _ in deadline(20):
            reasons = {r["component"]: r["reason"] for r in evoke.get("/readyz").json()["reasons"]}
            if "disk" in reasons:
                break
        assert evoke.get("/readyz").status_code == 503
        assert reasons["disk"] == "the data directory cannot be written: No space left on device"
        assert evoke.get("/healthz").status_code == 200
        filler.unlink()
        for _ in deadline(20):
            ready = evoke.get("/readyz")
            if ready.status_code == 200:
                break
        assert ready.status_code == 200, ready.text
        evoke.stop()
        evoke.check_log()
    finally:
        if evoke.process and evoke.process.poll() is None:
            evoke.kill()
        subprocess.run(["umount", "-l", str(data)], check=True)


# -- the service manager --------------------------------------------------------------------------------------------


class Manager:
    """The other end of $NOTIFY_SOCKET: what a service manager hears, as {variable: [values]} in order."""

    def __init__(self, path, abstract=False):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.name = f"@evoke-test-{os.getpid()}-{path.name}" if abstract else str(path)
        self.socket.bind("\0" + self.name[1:] if abstract else self.name)
        if not abstract:
            path.chmod(0o777)
        self.heard = []

    def wait(self, wanted, seconds=20, start=0):
        for left in deadline(seconds):
            for i in range(start, len(self.heard)):
                if self.heard[i].startswith(wanted):
                    return i
            self.socket.settimeout(left)
            try:
                self.heard += self.socket.recv(4096).decode().split("\n")
            except TimeoutError:
                break
        raise AssertionError(f"no {wanted!r} among {self.heard[start:]}")

    def count(self, wanted, start=0):
        return sum(h.startswith(wanted) for h in self.heard[start:])


@pytest.fixture(params=["path", "abstract"])
def manager(request, open_path):
    m = Manager(open_path / "notify", abstract=request.param == "abstract")
    yield m
    m.socket.close()


def test_the_service_manager_hears_of_every_step(manager, evoke_factory):
    evoke = evoke_factory(env={"NOTIFY_SOCKET": manager.name})
    ready = manager.wait("READY=1")
    manager.wait(f"STATUS=serving {evoke.url}", start=ready)
    for pid in [*evoke.pids().values()][1:]:  # not for our children
        assert b"NOTIFY_SOCKET" not in pathlib.Path(f"/proc/{pid}/environ").read_bytes()
    evoke.process.send_signal(signal.SIGHUP)
    reloading = manager.wait("RELOADING=1", start=ready)
    manager.wait("MONOTONIC_USEC=", start=reloading)
    again = manager.wait("READY=1", start=reloading)
    evoke.stop()
    stopping = manager.wait("STOPPING=1", start=again)
    microseconds = int(manager.heard[manager.wait("EXTEND_TIMEOUT_USEC=", start=stopping)].split("=")[1])
    assert microseconds >= 30_000_000  # the drain, and something for the end


def test_a_service_manager_that_is_not_there_is_no_reason_to_fail(evoke_factory):
    evoke = evoke_factory(env={"NOTIFY_SOCKET": "/nonexistent/notify", "WATCHDOG_USEC": "1000000"})
    evoke.allow("the service manager cannot be told anything, ignoring: '/nonexistent/notify'")
    assert evoke.get("/healthz").status_code == 200


def test_a_daemon_that_hangs_is_restarted_and_the_manager_hears_nothing_meanwhile(open_path, evoke_factory):
    m = Manager(open_path / "notify")
    evoke = evoke_factory(env={"NOTIFY_SOCKET": m.name, "WATCHDOG_USEC": "1600000"})
    evoke.allow("the daemon has not answered for", "daemon was ended by signal 9")
    m.wait("READY=1")
    fed = m.wait("WATCHDOG=1")
    m.wait("WATCHDOG=1", start=fed + 1)
    old = evoke.pids()["daemon"]
    os.kill(old, signal.SIGSTOP)
    at = len(evoke.log_text())
    evoke.wait_log("has not answered for .* ms: killing it", start=at)
    evoke.wait_log("daemon was ended by signal 9, restarting", start=at)
    evoke.wait_log("ready: http", start=at)
    assert evoke.pids()["daemon"] != old
    assert evoke.get("/healthz").status_code == 200
    before = len(m.heard)
    m.wait("READY=1", start=0)
    m.wait("WATCHDOG=1", start=before)
    m.socket.close()


def test_what_is_wrong_is_in_the_status_line(open_path, evoke_factory):
    m = Manager(open_path / "notify")
    evoke = evoke_factory(env={"NOTIFY_SOCKET": m.name})
    evoke.allow("launcher was ended by signal", "connection to the launcher lost", "launcher exited")
    ready = m.wait("READY=1")
    os.kill(evoke.pids()["launcher"], signal.SIGKILL)
    wrong = m.wait("STATUS=not ready: launcher: ", start=ready)
    m.wait("STATUS=serving http", start=wrong)
    m.socket.close()


def activated(sockets, argv, env):
    """Run argv as a service manager does with sockets: descriptors 3 and up, announced for its own pid."""
    fds = [s.fileno() for s in sockets]

    def prepare():
        moved = [os.dup2(fd, 100 + i) for i, fd in enumerate(fds)]
        for i, fd in enumerate(moved):
            os.dup2(fd, 3 + i, inheritable=True)
            os.close(fd)
    script = 'export LISTEN_PID=$$; exec "$@"'
    return subprocess.Popen(["sh", "-c", script, "sh", *argv], env={**env, "LISTEN_FDS": str(len(fds)), "LISTEN_FDNAMES": "evoke"},
                            preexec_fn=prepare, close_fds=False, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)


def listening():
    s = socket.socket()
    s.bind(("127.0.0.1", 0))
    s.listen(16)
    return s


def test_a_socket_of_the_service_manager_is_taken_over(open_path):
    with listening() as s:
        port = s.getsockname()[1]
        early = socket.create_connection(("127.0.0.1", port))  # before there is anybody: it waits
        early.sendall(b"GET /healthz HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
        p = activated([s], [str(BUILD / "evoke"), "serve", "--data", str(open_path / "d"), "--listen", "127.0.0.1:1"],
                      {"PATH": os.environ["PATH"]})
        try:
            early.settimeout(30)
            assert early.recv(4096).startswith(b"HTTP/1.1 200 ")
            early.close()
            assert requests.get(f"http://127.0.0.1:{port}/healthz", timeout=10).text == "ok\n"
            endpoint = open_path / "d/run/endpoint"  # written when the keeper has heard READY
            for _ in deadline(10):
                if endpoint.exists():
                    break
            assert endpoint.read_text() == f"http://127.0.0.1:{port}\n"
        finally:
            p.terminate()
            text = p.communicate(timeout=30)[1]
        assert p.returncode == 0, text
        assert "listening on the socket of the service manager" in text
        # It is the manager's: it still listens when we have ended.
        socket.create_connection(("127.0.0.1", port)).close()


@pytest.mark.parametrize("kind,words", [("two", "gave 2 sockets, one is expected"), ("unix", "not a listening TCP socket"),
                                        ("not listening", "not a listening TCP socket")])
def test_other_sockets_of_a_service_manager_are_refused(kind, words, open_path):
    sockets = [listening(), listening()] if kind == "two" else [socket.socket(socket.AF_UNIX if kind == "unix" else socket.AF_INET)]
    p = activated(sockets, [str(BUILD / "evoke"), "serve", "--data", str(open_path / "d")], {"PATH": os.environ["PATH"]})
    text = p.communicate(timeout=30)[1]
    for s in sockets:
        s.close()
    assert p.returncode == 2 and words in text, text


def test_sockets_for_another_process_are_left_alone(evoke_factory):
    evoke = evoke_factory(env={"LISTEN_PID": "1", "LISTEN_FDS": "1"})
    assert evoke.get("/healthz").status_code == 200


# -- reload ---------------------------------------------------------------------------------------------------------


def test_a_hang_up_for_everybody_ends_nobody(evoke):
    """A terminal that closes tells its whole group."""
    before = evoke.pids()
    for pid in before.values():
        os.kill(pid, signal.SIGHUP)
    evoke.wait_log("reloaded: nothing has changed")
    assert evoke.get("/healthz").status_code == 200 and evoke.pids() == before


@pytest.fixture
def configured(open_path, evoke_factory):
    config = open_path / "evoke.yaml"
    config.write_text("keep-warm: 3600\nregion: here-1\n")
    evoke = evoke_factory("--config", str(config), "--waiting", "7")

    def reload(text, pattern):
        config.write_text(text)
        at = len(evoke.log_text())
        evoke.process.send_signal(signal.SIGHUP)
        return evoke.wait_log(pattern, start=at).group(0)
    evoke.reload = reload
    return evoke


def test_a_reload_changes_what_may_change_and_names_what_waits(configured, tmp_path):
    deploy(configured, tmp_path, "echo", ECHO)
    assert configured.run("invoke", "echo", "--event", "1").returncode == 0
    line = configured.reload("keep-warm: 0\nregion: there-1\nwaiting: 9\n", 'msg="reloaded: [^"]*"')
    # --waiting is a flag, which outranks the file
    assert line == 'msg="reloaded: keep-warm 0; needs a restart: region"'
    for _ in deadline(20):  # the warm instance goes at once, not in an hour
        if json.loads(configured.run("status", "--output", "json").stdout)["instances"]["idle"] == 0:
            break
    assert json.loads(configured.run("status", "--output", "json").stdout)["instances"]["idle"] == 0
    assert configured.run("invoke", "echo", "--event", "1").returncode == 0


def test_a_bad_file_changes_nothing_and_names_line_key_value_and_limit(configured):
    configured.allow("not reloaded")
    line = configured.reload("keep-warm: 10\n\ninstances: 4001\n", 'msg="not reloaded[^"]*"')
    assert "line 3: instances: 4001 is outside 1 to 4000" in line
    assert configured.reload("keep-warm: 3600\nregion: here-1\n", 'msg="reloaded: [^"]*"') == 'msg="reloaded: nothing has changed"'
    line = configured.reload("keep-warm: [\n", 'msg="not reloaded[^"]*"')
    assert "evoke.yaml: line 2, column 1" in line
    assert configured.get("/healthz").status_code == 200


def test_new_options_outlive_a_crash_of_the_daemon(configured, tmp_path):
    configured.allow("daemon was ended by signal 9")
    configured.reload("keep-warm: 0\nregion: there-1\n", "reloaded: keep-warm 0")
    at = len(configured.log_text())
    os.kill(configured.pids()["daemon"], signal.SIGKILL)
    configured.wait_log("ready: http", start=at)
    argv = pathlib.Path(f"/proc/{configured.pids()['daemon']}/cmdline").read_bytes().split(b"\0")
    assert b"--keep-warm=0" in argv and b"--region=here-1" in argv


def test_the_level_of_the_log_changes_with_a_reload(configured):
    configured.reload("keep-warm: 3600\nregion: here-1\nlog-level: err\n", 'msg="reloaded: log-level err"')
    at = len(configured.log_text())
    configured.allow("not reloaded")
    configured.reload("waiting: 0\n", "not reloaded")  # of level err; the reload between is not told
    configured.reload("keep-warm: 5\nlog-level: err\nregion: here-1\nwaiting: 0\n", "line 4: waiting")
    assert "level=info" not in configured.log_text()[at:]


def test_every_option_that_reloads_can_be_reloaded(configured):
    """From the documentation, so that a new row cannot be forgotten: each at another value."""
    rows = [line.split(" | ") for line in (pathlib.Path(__file__).parents[2] / "docs/options.md").read_text().splitlines()
            if line.startswith("| `--") and "*reload*" in line]
    names = {r[0].removeprefix("| `--").split()[0].rstrip("`"): r for r in rows}
    assert {"keep-warm", "memory", "drain", "log-level"} <= names.keys()
    text = "region: here-1\n"
    for name, row in names.items():
        if name == "waiting":
            continue
        if row[2].startswith("whole number"):
            text += f"{name}: {row[2].split()[-1]}\n"
    line = configured.reload(text, 'msg="reloaded: [^"]*"')
    assert "needs a restart" not in line
    for name in names.keys() - {"waiting", "log-level", "log-format"}:
        if names[name][2].startswith("whole number"):
            assert f"{name} " in line
    assert configured.get("/healthz").status_code == 200
