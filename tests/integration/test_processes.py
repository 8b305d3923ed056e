# SPDX-License-Identifier: Apache-2.0
"""Keeper, launcher, daemon: whoever dies is restarted, nothing is left behind, secrets stay secret."""
import contextlib
import os
import pathlib
import signal
import stat
import subprocess
import time

import pytest

from evoked import BUILD, Evoked, alive, children_of, deadline, in_instances

SLOW = "import time\n\ndef handler(event, context):\n    time.sleep(event['s'])\n    return 'slept'\n"
ECHO = "def handler(event, context):\n    return event\n"


needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root has a user to change to")


def deploy(evoke, tmp_path, name, source, **options):
    d = tmp_path / name
    d.mkdir(exist_ok=True)
    (d / "index.py").write_text(source)
    lines = "".join(f"    {k}: {v}\n" for k, v in options.items())
    (d / "evoke.yaml").write_text(f"functions:\n  {name}:\n    runtime: Python3.9\n    handler: index.handler\n{lines}")
    r = evoke.run("deploy", str(d))
    assert r.returncode == 0, r.stderr


def wait_new(evoke, name, old):
    """The pid of a restarted process, once it is there."""
    for _ in deadline(20):
        pid = evoke.pids().get(name)
        if pid and pid != old and alive(pid):
            return pid
        evoke.read_log(0.05)
    raise AssertionError(f"{name} was not restarted:\n{evoke.log_text()}")


@pytest.mark.parametrize("victim", ["daemon", "launcher"])
def test_a_killed_process_is_restarted_and_serves_again(evoke_mode, tmp_path, victim):
    evoke = evoke_mode
    deploy(evoke, tmp_path, "echo", ECHO)
    assert evoke.run("invoke", "echo", "--event", '{"n":1}').returncode == 0
    evoke.allow(rf"{victim} was ended by signal 9", r"launcher", "instance")
    old = evoke.pids()[victim]
    os.kill(old, signal.SIGKILL)
    wait_new(evoke, victim, old)
    r = evoke.run("invoke", "echo", "--event", '{"n":2}')
    assert r.returncode == 0 and '"n"' in r.stdout, r.stderr + evoke.log_text()


def test_connections_wait_while_the_daemon_restarts_and_are_not_refused(evoke, tmp_path):
    evoke.allow("daemon was ended by signal 9")
    old = evoke.pids()["daemon"]
    os.kill(old, signal.SIGKILL)
    assert evoke.get("/healthz").status_code == 200  # connected to the keeper's listener, answered by the next daemon
    assert evoke.pids()["daemon"] != old


def test_a_new_daemon_finds_no_instance_of_the_old_one(evoke, tmp_path):
    deploy(evoke, tmp_path, "echo", ECHO)
    evoke.run("invoke", "echo", "--event", "{}")
    # Zygote and spares stay for the next daemon: they have seen no code.
    workers = [p for p, n in in_instances(evoke.pids()["launcher"]).items() if n.startswith("python")]
    assert workers
    evoke.allow("daemon was ended by signal 9")
    os.kill(evoke.pids()["daemon"], signal.SIGKILL)
    assert evoke.get("/healthz").status_code == 200
    for _ in deadline(10):
        if not any(alive(p) for p in workers):
            return
    raise AssertionError("the instance of the dead daemon is still alive")


def test_nothing_survives_the_keeper(evoke_factory, tmp_path):
    evoke = Evoked().start()
    try:
        deploy(evoke, tmp_path, "echo", ECHO)
        evoke.run("invoke", "echo", "--event", "{}")
        everyone = children_of(evoke.process.pid)
        assert len(everyone) >= 4  # launcher (outer, inner), daemon, instance
        evoke.process.kill()
        evoke.process.wait()
        for _ in deadline(10):
            if not any(alive(p) for p in everyone):
                break
        assert [f"{p} {n}" for p, n in everyone.items() if alive(p)] == []
    finally:
        evoke.cleanup()


def test_launcher_death_is_told_to_a_running_invocation(evoke, tmp_path):
    deploy(evoke, tmp_path, "slow", SLOW, timeout=60)
    evoke.allow("launcher was ended by signal 9", "launcher")
    argv = [str(BUILD / "evoke"), "invoke", "slow", "--event", '{"s":50}']
    env = {**os.environ, "EVOKE_ENDPOINT": evoke.url, "EVOKE_ACCESS_KEY": evoke.access_key,
           "EVOKE_SECRET_KEY": evoke.secret_key}
    client = subprocess.Popen(argv, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    launcher = evoke.pids()["launcher"]
    for _ in deadline(20):
        if evoke_busy(evoke):
            break
    os.kill(launcher, signal.SIGKILL)
    out, err = client.communicate(timeout=30)
    assert client.returncode == 1 and "exited" in (out + err), (client.returncode, out, err)
    wait_new(evoke, "launcher", launcher)


def test_sigterm_lets_a_running_invocation_finish(evoke, tmp_path):
    deploy(evoke, tmp_path, "slow", SLOW, timeout=30)
    evoke.run("invoke", "slow", "--event", '{"s":0}')
    argv = [str(BUILD / "evoke"), "invoke", "slow", "--event", '{"s":1.5}']
    env = {**os.environ, "EVOKE_ENDPOINT": evoke.url, "EVOKE_ACCESS_KEY": evoke.access_key,
           "EVOKE_SECRET_KEY": evoke.secret_key}
    client = subprocess.Popen(argv, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    for _ in deadline(10):
        if evoke_busy(evoke):
            break
    evoke.process.send_signal(signal.SIGTERM)
    out, err = client.communicate(timeout=30)
    assert client.returncode == 0 and "slept" in out, err
    assert evoke.process.wait(30) == 0


def start_slow(evoke, tmp_path, seconds):
    """A client in the middle of an invocation."""
    deploy(evoke, tmp_path, "slow", SLOW, timeout=60)
    evoke.run("invoke", "slow", "--event", '{"s":0}')
    env = {**os.environ, "EVOKE_ENDPOINT": evoke.url, "EVOKE_ACCESS_KEY": evoke.access_key,
           "EVOKE_SECRET_KEY": evoke.secret_key}
    client = subprocess.Popen([str(BUILD / "evoke"), "invoke", "slow", "--event", f'{{"s":{seconds}}}'], env=env,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    for _ in deadline(10):
        if evoke_busy(evoke):
            break
    return client


def test_a_terminals_signal_to_everybody_drains_as_well(evoke, tmp_path):
    client = start_slow(evoke, tmp_path, 1.5)
    pids = evoke.pids()
    for name in ("daemon", "launcher", "keeper"):  # in the order that would hurt
        os.kill(pids[name], signal.SIGINT)
    out, err = client.communicate(timeout=30)
    assert client.returncode == 0 and "slept" in out, err + evoke.log_text()
    assert evoke.process.wait(30) == 0


def test_a_second_sigterm_ends_at_once(evoke, tmp_path):
    client = start_slow(evoke, tmp_path, 50)
    begun = time.monotonic()
    for _ in deadline(20):
        evoke.process.send_signal(signal.SIGTERM)  # those within half a second count as one
        if not evoke.read_log(0.2):
            break
    assert evoke.process.wait(5) == 0 and time.monotonic() - begun < 10
    client.communicate(timeout=30)
    assert client.returncode != 0 and "again: ending now" in evoke.log_text_closed()


def serve(data, *args, listen="127.0.0.1:0", user=None):
    """`evoke serve` that is expected to end by itself."""
    return subprocess.run([str(BUILD / "evoke"), "serve", "--data", str(data), "--listen", listen, *args],
                          capture_output=True, text=True, timeout=30, check=False, user=user, group=user,
                          env={"PATH": os.environ["PATH"]})


def data_directory(path):
    path.mkdir()
    (path / "format").write_text("1\n")
    return path


def test_a_directory_that_is_not_ours_is_left_as_it_is(open_path):
    home = open_path / "home"
    home.mkdir()
    (home / "thesis.tex").write_text("x")
    r = serve(home)
    assert r.returncode == 2 and "no data directory of evoke" in r.stderr and "thesis.tex" in r.stderr, r.stderr
    assert os.listdir(home) == ["thesis.tex"] and home.stat().st_uid == os.getuid()
    assert (home / "thesis.tex").stat().st_uid == os.getuid()


@needs_root
def test_a_file_with_a_second_name_is_not_given_away(open_path):
    d = data_directory(open_path / "d")
    (open_path / "shadow").write_text("x")
    os.link(open_path / "shadow", d / "blobs")
    r = serve(d)
    assert r.returncode == 2 and "second name" in r.stderr, r.stderr
    assert (open_path / "shadow").stat().st_uid == os.getuid()


@pytest.mark.parametrize("link", ["run", "cache", "cache/code"])
def test_links_in_the_data_directory_are_not_followed(open_path, link):
    d, outside = data_directory(open_path / "d"), open_path / "outside"
    (outside / "code").mkdir(parents=True)
    (d / link).parent.mkdir(exist_ok=True)
    (d / link).symlink_to(outside)
    r = serve(d)
    assert r.returncode == 70 and link in r.stderr, r.stderr
    assert outside.stat().st_uid == os.getuid() and os.listdir(outside) == ["code"]


def test_only_the_launcher_may_look_for_code_by_its_name(evoke, tmp_path):
    deploy(evoke, tmp_path, "echo", ECHO)
    assert evoke.run("invoke", "echo", "--event", "{}").returncode == 0
    code = evoke.data_dir / "cache/code"
    sha = next(n for n in os.listdir(code) if len(n) == 64)
    r = subprocess.run(["cat", str(code / sha / "index.py")], user=65534, group=65534, extra_groups=[],
                       capture_output=True, text=True, check=False)
    assert r.returncode == 1 and "Permission denied" in r.stderr
    assert stat.S_IMODE(code.stat().st_mode) == 0o710 and code.stat().st_gid == 700000


def test_an_address_in_use_is_named(evoke, open_path):
    r = serve(open_path / "d", listen=f"127.0.0.1:{evoke.port}")
    assert r.returncode == 2 and f"listen on 127.0.0.1:{evoke.port}: Address already in use" in r.stderr, r.stderr


def test_a_database_of_something_else_is_not_touched(open_path):
    d = data_directory(open_path / "d")
    (d / "meta.db").write_bytes(b"not a database, but somebody's only copy" * 200)
    r = serve(d)
    assert r.returncode == 70 and "'meta.db': is not an evoke store" in r.stderr, r.stderr
    assert (d / "meta.db").read_bytes().startswith(b"not a database")


@pytest.mark.parametrize("text,mode,words", [
    ('{"version":0,"keys":[]}', 0o600, "version is not 1 or 2\""),
    ('{"version":3,"keys":[]}', 0o600, "version is not 1 or 2: use a newer evoke"),
    ("AKIA,secret", 0o600, "keys.json"),
    ('{"version":1,"keys":[{"access_key":"a","secret_key":"b","root":true}]}', 0o644, "chmod 600 keys.json"),
])
def test_a_keys_file_that_is_not_ours_is_refused(open_path, text, mode, words):
    d = data_directory(open_path / "d")
    (d / "keys.json").write_text(text)
    (d / "keys.json").chmod(mode)
    r = serve(d)
    assert r.returncode == 2 and words in r.stderr, r.stderr


@needs_root
def test_the_daemon_does_not_share_a_uid_with_functions(open_path):
    r = serve(open_path / "d", "--user", "700000")
    assert r.returncode == 2 and "700000 to 765535" in r.stderr, r.stderr


def test_a_function_above_the_limit_is_refused_and_the_others_live_on(tmp_path):
    evoke = Evoked("--functions", "2").start()
    try:
        deploy(evoke, tmp_path, "one", ECHO)
        deploy(evoke, tmp_path, "two", ECHO)
        (tmp_path / "two/evoke.yaml").write_text("functions:\n  three:\n    runtime: Python3.9\n    handler: index.handler\n")
        r = evoke.run("deploy", str(tmp_path / "two"))
        assert r.returncode != 0 and "--functions" in r.stderr, r.stderr
        deploy(evoke, tmp_path, "two", ECHO + "# changed\n")
        assert evoke.run("delete", "one").returncode == 0
        deploy(evoke, tmp_path, "three", ECHO)
    finally:
        evoke.stop()
        evoke.check_log()
        evoke.cleanup()


def test_the_daemon_keeps_its_secrets_to_itself(evoke):
    pid = evoke.pids()["daemon"]
    assert evoke.secret_key.encode() not in pathlib.Path(f"/proc/{pid}/environ").read_bytes()
    assert pathlib.Path(f"/proc/{pid}/mem").stat().st_uid == 0  # not dumpable: no core, no debugger of its uid


def test_a_package_nobody_names_is_removed_at_the_next_start(tmp_path):
    first = Evoked().start()
    deploy(first, tmp_path, "echo", ECHO)
    first.stop()
    blobs = first.data_dir / "blobs"
    (named,) = os.listdir(blobs)
    orphan = blobs / ("0" * 64)
    orphan.write_bytes(b"x")
    for file in (orphan, blobs / named):
        os.utime(file, (1, 1))
    second = Evoked(data_dir=first.data_dir).start()
    try:
        second.wait_log("removed code that no function names: 1 packages, 0 directories")
        assert os.listdir(blobs) == [named]
    finally:
        second.stop()
        second.check_log()
        first.cleanup()


def evoke_busy(evoke):
    """Is an invocation running? Asked through the signed status of the admin API."""
    return '"busy":1' in evoke.run("status", "--output", "json").stdout.replace(" ", "")


def test_functions_and_keys_survive_a_restart(tmp_path):
    first = Evoked(env={"EVOKE_ACCESS_KEY": None, "EVOKE_SECRET_KEY": None})
    first.start()
    text = first.log_text()
    access = text.split("EVOKE_ACCESS_KEY=")[1].split()[0]
    secret = text.split("EVOKE_SECRET_KEY=")[1].split()[0]
    first.ACCESS_KEY, first.SECRET_KEY = access, secret
    deploy(first, tmp_path, "echo", ECHO)
    first.stop()
    first.check_log()
    mode = stat.S_IMODE((first.data_dir / "keys.json").stat().st_mode)
    assert mode == 0o600

    second = Evoked(data_dir=first.data_dir, env={"EVOKE_ACCESS_KEY": None, "EVOKE_SECRET_KEY": None})
    second.start()
    try:
        assert secret not in second.log_text()  # printed once in an installation's life
        second.ACCESS_KEY, second.SECRET_KEY = access, secret
        assert second.run("invoke", "echo", "--event", "{}").returncode == 0
    finally:
        second.stop()
        second.check_log()
        first.cleanup()


def test_no_secret_in_any_log_or_process_list(evoke, tmp_path):
    deploy(evoke, tmp_path, "echo", ECHO)
    evoke.run("invoke", "echo", "--event", "{}")
    assert evoke.secret_key not in evoke.log_text()
    for pid in [evoke.process.pid, *children_of(evoke.process.pid)]:
        assert evoke.secret_key.encode() not in pathlib.Path(f"/proc/{pid}/cmdline").read_bytes()
    for pid, name in children_of(evoke.pids()["launcher"]).items():
        with contextlib.suppress(ProcessLookupError, FileNotFoundError):  # a spare that comes and goes
            assert evoke.secret_key.encode() not in pathlib.Path(f"/proc/{pid}/environ").read_bytes(), name


def test_the_daemon_has_no_privileges(evoke):
    text = pathlib.Path(f"/proc/{evoke.pids()['daemon']}/status").read_text()
    fields = dict(line.split(":\t", 1) for line in text.splitlines() if ":\t" in line)
    assert set(fields["Uid"].split()) == {"699999"} and set(fields["Gid"].split()) == {"699999"}
    assert fields["Groups"].strip() == "" and int(fields["NoNewPrivs"]) == 1
    for caps in ("CapPrm", "CapEff", "CapAmb", "CapInh"):
        assert int(fields[caps], 16) == 0


@needs_root
def test_a_directory_the_daemon_cannot_reach_is_named(open_path):
    (open_path / "closed").mkdir(mode=0o700)
    r = subprocess.run([str(BUILD / "evoke"), "serve", "--data", str(open_path / "closed/d"), "--listen", "127.0.0.1:0"],
                       capture_output=True, text=True, timeout=30, check=False)
    assert r.returncode == 2 and f"chmod o+x {open_path}/closed" in r.stderr, r.stderr


def test_a_second_daemon_on_the_same_directory_is_refused(evoke):
    r = subprocess.run([str(BUILD / "evoke"), "serve", "--data", str(evoke.data_dir), "--listen", "127.0.0.1:0"],
                       capture_output=True, text=True, timeout=30, check=False)
    assert r.returncode == 2 and "in use by another evoke" in r.stderr


@pytest.mark.parametrize("args,words", [
    (["--listen", "nonsense"], "must be ADDRESS:PORT"),
    (["--listen", "127.0.0.1:65536"], "must be ADDRESS:PORT"),
    (["--instances", "0"], "0 is outside 1 to 4000"),
    (["--instances", "4001"], "4001 is outside 1 to 4000"),
    (["--instances", "many"], "'many' is not a whole number"),
    (["--functions", "0"], "0 is outside 1 to 1000000"),
    (["--keep-warm"], "--keep-warm needs a value"),
    (["--no-such"], "there is no option '--no-such'"),
    (["stray"], "'stray' is not an option"),
    pytest.param(["--user", "0"], "there is no such user|does not run as root", marks=needs_root),
    (["--data", "/proc/nowhere"], "data directory"),
    (["--config", "/nonexistent.yaml"], "/nonexistent.yaml"),
])
def test_bad_options_name_option_value_and_limit(args, words, open_path):
    given = args if "--data" in args else ["--data", str(open_path / "d"), *args]
    given = given if "--listen" in args else ["--listen", "127.0.0.1:0", *given]
    r = subprocess.run([str(BUILD / "evoke"), "serve", *given], capture_output=True, text=True, timeout=30,
                       check=False)
    assert r.returncode in (2, 70)
    assert any(w in r.stderr for w in words.split("|")), r.stderr


def test_only_root_chooses_the_user():
    e = Evoked("--user", "4711", unprivileged=True)
    try:
        with pytest.raises(AssertionError, match="--user 4711: only root can choose"):
            e.start()
        assert e.process.wait(10) == 2
    finally:
        e.cleanup()


def test_options_come_from_file_environment_and_flags_in_that_order(open_path):
    config = open_path / "evoke.yaml"
    config.write_text("instances: 0\n")
    env = {"PATH": os.environ["PATH"], "EVOKE_CONFIG": str(config)}
    argv = [str(BUILD / "evoke"), "serve", "--data", str(open_path / "d"), "--listen", "127.0.0.1:0"]
    r = subprocess.run(argv, env=env, capture_output=True, text=True, timeout=30, check=False)
    assert r.returncode == 2 and "evoke.yaml: line 1: instances: 0 is outside" in r.stderr
    config.write_text("instancez: 1\n")
    r = subprocess.run(argv, env=env, capture_output=True, text=True, timeout=30, check=False)
    assert r.returncode == 2 and "evoke.yaml: line 1: instancez: there is no such option; did you mean 'instances'?" in r.stderr
    config.write_text("listen: 256.0.0.1:1\n")
    r = subprocess.run(argv[:-2], env=env, capture_output=True, text=True, timeout=30, check=False)
    assert r.returncode == 2 and "'256.0.0.1:1' must be ADDRESS:PORT" in r.stderr


@pytest.mark.slow
def test_kill_9_at_random_points_never_leaves_a_state_that_does_not_load(tmp_path):
    """Writers deploy all the time while the whole tree is killed; after each kill everything acknowledged is there."""
    import random
    rng = random.Random(20261121)
    data, acknowledged = None, set()
    for round_ in range(6):
        e = Evoked(data_dir=data)
        e.own_data = False
        e.start()
        data = e.data_dir
        listed = e.run("list", "--output", "json").stdout
        for name in acknowledged:
            assert f'"{name}"' in listed, f"round {round_}: {name} was acknowledged and is gone"
        stop_at = time.monotonic() + rng.uniform(0.05, 0.6)
        n = 0
        while time.monotonic() < stop_at:
            name = f"f{round_}x{n}"
            deploy(e, tmp_path, name, ECHO + f"# {name}\n")
            acknowledged.add(name)
            n += 1
        d = tmp_path / "last"
        d.mkdir(exist_ok=True)
        (d / "index.py").write_text(ECHO + "#" * rng.randrange(1, 100000))
        (d / "evoke.yaml").write_text("functions:\n  last:\n    runtime: Python3.9\n    handler: index.handler\n")
        client = subprocess.Popen([str(BUILD / "evoke"), "deploy", str(d)], stdout=subprocess.DEVNULL,
                                  stderr=subprocess.DEVNULL,
                                  env={"EVOKE_ENDPOINT": e.url, "EVOKE_ACCESS_KEY": e.access_key,
                                       "EVOKE_SECRET_KEY": e.secret_key})
        end = time.monotonic() + rng.uniform(0, 0.03)
        while time.monotonic() < end:
            pass
        e.kill()
        client.wait(30)
        os.close(e.pipe)
    assert acknowledged
    e = Evoked(data_dir=data).start()
    try:
        for name in sorted(acknowledged)[:3]:
            assert e.run("invoke", name, "--event", '{"a":1}').returncode == 0
    finally:
        e.stop()
        e.check_log()
        e.own_data = True
        e.cleanup()
