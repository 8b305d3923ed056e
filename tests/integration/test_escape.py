# SPDX-License-Identifier: Apache-2.0
"""What function code cannot do: each attempt of escape_table.py, from every language, under both kinds of daemon.

One invocation per language and daemon runs all attempts; each is then a test of its own, which expects one errno and not just a
failure. test_outside() runs the same programs on the host, as root, where they must end differently: an attempt that cannot succeed
anywhere would show nothing.
"""
import contextlib
import glob
import json
import os
import pathlib
import re
import select
import shutil
import socket
import subprocess
import sys
import tempfile

import pytest

import escape_table
from escape_table import AREAS, B, CHECKS, OWN_NAME, R, connect, encode, in4, verdict
from evoked import BUILD, Evoked, children_of, deadline, in_instances
from languages import LANGUAGES, deploy
from signing import Client

PROBE = BUILD / "tests/functions/probe/probe.so"
OWN = "/opt/function/code"  # of an instance
SECRET = "escape-secret-5a1e"

# What the kernel answers for a family or call that was left out when it was built.
NOT_BUILT = {"ENOSYS", "EAFNOSUPPORT", "EPROTONOSUPPORT", "ESOCKTNOSUPPORT"}

REQUEST = "GET /evoke/v1/functions HTTP/1.1\r\nHost: localhost:8900\r\n\r\n"
OUR_API = [*connect(in4("127.0.0.1", 8900)), ("write", R(0), REQUEST, len(REQUEST)), ("read", R(0), B(0), 200)]

SIBLING = f"""
import os, socket
kept = []
def handler(event, context):
    open("/tmp/{SECRET}", "w").write("a secret of a sibling")
    kept.append(socket.create_server(("127.0.0.1", 0)))
    kept.append(socket.socket(socket.AF_UNIX))
    kept[-1].bind("\\0{SECRET}")
    kept[-1].listen()
    return kept[0].getsockname()[1]
"""


@contextlib.contextmanager
def listeners():
    """What the host has and a function must not reach: ports, an abstract socket, a socket file."""
    with contextlib.ExitStack() as stack:
        v4, v6 = stack.enter_context(socket.create_server(("0.0.0.0", 0))), stack.enter_context(socket.socket(socket.AF_INET6))
        with contextlib.suppress(OSError):  # a host without IPv6
            v6.bind(("::1", 0))
            v6.listen()
        abstract, named = (stack.enter_context(socket.socket(socket.AF_UNIX)) for _ in range(2))
        name = f"escape-abstract-{v4.getsockname()[1]}"
        abstract.bind("\0" + name)
        directory = pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="escape-host-")))
        directory.chmod(0o755)
        named.bind(str(directory / "socket"))
        os.chmod(directory / "socket", 0o777)
        abstract.listen()
        named.listen()
        udp, probe = (stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) for _ in range(2))
        udp.bind(("0.0.0.0", 0))
        udp.setblocking(False)
        try:
            probe.connect(("198.51.100.1", 9))  # sends nothing; tells which address would
            address = probe.getsockname()[0]
        except OSError:
            address = "127.0.0.2"

        def heard():
            """Whoever reached us: the names of the sockets with something in them."""
            sockets = {"TCP": v4, "TCP over IPv6": v6, "abstract": abstract, "socket file": named, "UDP": udp}
            return [n for n, s in sockets.items() if s in select.select(list(sockets.values()), [], [], 0)[0]]

        yield {"host_port": v4.getsockname()[1], "host_port6": v6.getsockname()[1], "host_udp": udp.getsockname()[1],
               "abstract": name, "heard": heard,
               "socket": str(directory / "socket"), "address": address}


def sibling_pid(launcher):
    """The host's number of the process that holds the secret."""
    for pid, name in children_of(launcher).items():
        if name.startswith("python") and os.path.exists(f"/proc/{pid}/root/tmp/{SECRET}"):
            return pid
    raise AssertionError("the sibling is not there")


def sibling_code(data_dir):
    for path in (data_dir / "cache/code").glob("*/index.py"):
        if SECRET in path.read_text():
            return path
    raise AssertionError("the sibling's code is not there")


@pytest.fixture(scope="module", params=["root", "user"])
def scene(request):
    """A daemon, a sibling that holds secrets, and what to look for."""
    # The sibling stays; what is in the daemon's environment does not reach a function.
    e = Evoked("--keep-warm", "600", unprivileged=request.param == "user", env={"CANARY": SECRET}).start()
    e.mode = request.param
    e.results = {}
    try:
        with listeners() as where:
            client = Client(e)
            assert client.create("sibling", SIBLING, user_data=json.dumps({"TOKEN": SECRET})).status_code == 200
            r = client.invoke("sibling")
            assert r.headers["X-Is-Func-Err"] == "false", r.text
            code = sibling_code(e.data_dir)
            e.where = {**where, "port": e.port, "data": str(e.data_dir), "daemon": e.pids()["daemon"], "own": OWN, "code": str(code),
                       "sha": code.parent.name, "secret": SECRET, "first": 1, "sibling": sibling_pid(e.pids()["launcher"]),
                       "sibling_port": r.json(), "disk": next(iter(glob.glob("/dev/[vs]d[a-z]")), "/dev/loop0")}
            yield e
        e.check_descriptors()
        e.stop()
        e.check_log()
    finally:
        if e.process.poll() is None:
            e.kill()
        e.cleanup()


def attempted(scene, language, network="none", checks=None):
    """{"verdicts", "facts"} of one language, asked for once per policy. checks: some, not all.

    There are two ways down (src/sandbox/become.c): Python's is a fork of its zygote, as soon as there is one, Node.js's an exec.
    """
    if (language, network) not in scene.results:
        client, lang = Client(scene), LANGUAGES[language]
        files = {lang.filename: lang.probe, "probe.so": PROBE.read_bytes(), "spare": b"x"}
        deploy(client, "escape", lang, files, memory_mb=256, network=network)
        programs = {n: p for n, p in escape_table.programs(scene.where).items() if checks is None or CHECKS[n] in checks}
        programs["our own API"] = encode(OUR_API)
        for _ in deadline(20):
            r = client.invoke("escape", b'{"programs": {}}')
            if lang.born in r.json()["facts"]["program"]:
                break
            assert client.delete("escape").status_code == 204
            deploy(client, "escape", lang, files, memory_mb=256, network=network)
        r = client.invoke("escape", json.dumps({"programs": programs}).encode())
        assert r.headers.get("X-Is-Func-Err") == "false", r.text
        scene.results[language, network] = r.json()
        assert client.delete("escape").status_code == 204
    return scene.results[language, network]


@pytest.fixture(params=LANGUAGES)
def language(request):
    LANGUAGES[request.param].need()
    return request.param


@pytest.fixture
def seen(scene, language):
    return attempted(scene, language)


@pytest.mark.parametrize("name", CHECKS)
def test_a_function_cannot(scene, seen, name):
    word, rest = verdict(seen["verdicts"][name])
    assert word in CHECKS[name].expected[scene.mode], f"{word} ({rest}), not {CHECKS[name].expected[scene.mode]}"


@pytest.fixture(params=["endpoint", "egress"])
def seen_with_policy(scene, language, request):
    if request.param == "egress" and scene.mode == "user" and not shutil.which("pasta"):
        pytest.skip("an ordinary user's daemon has no egress without pasta")
    return attempted(scene, language, request.param, AREAS["network"])


@pytest.mark.parametrize("name", [c.name for c in AREAS["network"]])
def test_under_every_policy(scene, seen_with_policy, name):
    word, rest = verdict(seen_with_policy["verdicts"][name])
    assert word in CHECKS[name].expected[scene.mode], f"{word} ({rest}), not {CHECKS[name].expected[scene.mode]}"


def test_the_admin_api_is_not_on_the_endpoint(scene, seen, seen_with_policy):
    """Where the clouds' APIs answer, ours does not; without the policy nobody does."""
    assert verdict(seen["verdicts"]["our own API"])[0] == "ECONNREFUSED"
    assert re.match(r"done \d+ HTTP/1.1 404", seen_with_policy["verdicts"]["our own API"]), seen_with_policy["verdicts"]["our own API"]


def test_nobody_on_the_host_has_heard_of_it(scene, seen, seen_with_policy):
    """Not only did the function see an error: no connection and no datagram has arrived."""
    assert not scene.where["heard"]()


# ---- the same where it succeeds -----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def outside():
    """The verdicts of the host itself. The daemon makes its own keys, so that there is a file of keys."""
    if os.geteuid() != 0:
        pytest.skip("only root sees what would succeed")
    own, made = pathlib.Path(tempfile.mkdtemp(prefix="escape-own-")), [pathlib.Path(d) / SECRET for d in ("/tmp", "/dev/shm")]
    e = Evoked(env={"EVOKE_ACCESS_KEY": None, "EVOKE_SECRET_KEY": None}).start()
    try:
        with listeners() as where:
            (own / "code").mkdir()
            (own / "other").mkdir()
            shutil.copy(PROBE, own / "code/probe.so")
            for path in (own / "code/spare", own / "other/index.py", *made):
                path.write_text("x")
            (e.data_dir / "blobs").mkdir(exist_ok=True)
            where |= {"port": e.port, "data": str(e.data_dir), "daemon": e.pids()["daemon"], "own": str(own / "code"),
                      "code": str(own / "other/index.py"), "sha": "other", "secret": SECRET, "first": os.getpid(),
                      "sibling": e.pids()["launcher"],
                      "sibling_port": 1, "disk": next(iter(glob.glob("/dev/[vs]d[a-z]")), "/dev/loop0")}
            programs = {n: (p, CHECKS[n].net) for n, p in escape_table.programs(where).items() if not CHECKS[n].blind}
            r = subprocess.run([sys.executable, escape_table.__file__.replace("_table", "_outside"), str(PROBE)],
                               input=json.dumps(programs), capture_output=True, text=True, timeout=60, check=True)
            reached = where["heard"]()
        yield {**json.loads(r.stdout), "heard": reached}
        e.stop()
    finally:
        if e.process.poll() is None:
            e.kill()
        e.cleanup()
        shutil.rmtree(own)
        for path in [*made, *map(pathlib.Path, ["/usr/bin/" + OWN_NAME, "/" + OWN_NAME, *glob.glob("/tmp/escape-*")])]:
            if path.is_file() or path.is_symlink():
                path.unlink()


def has(capability):
    status = pathlib.Path("/proc/self/status").read_text()
    return int(re.search(r"CapEff:\s+(\w+)", status).group(1), 16) >> capability & 1


SHOWABLE = [n for n, c in CHECKS.items() if not c.blind]


def not_here(name, word):
    """This host has no such thing, or its root lacks the capability that it takes."""
    check = CHECKS[name]
    missing = word in NOT_BUILT & (check.expected["root"] | check.expected["user"]) or (check.rare and word == "ENOENT")
    return missing or (check.capability and not has(check.capability))


@pytest.mark.parametrize("name", SHOWABLE)
def test_outside_it_ends_differently(outside, name):
    word, rest = verdict(outside[name])
    assert word not in CHECKS[name].expected["root"] | CHECKS[name].expected["user"] or not_here(name, word), (
        f"{word} ({rest}): the attempt shows nothing")


def test_most_can_be_shown_here(outside):
    """Kernels are built without this and that, and a container's root lacks some capability, but not everything."""
    missing = [n for n in SHOWABLE if not_here(n, verdict(outside[n])[0])]
    assert len(missing) < len(SHOWABLE) / 8, missing


def test_outside_the_host_is_reached(outside):
    assert {"TCP", "abstract", "socket file", "UDP"} <= set(outside["heard"])


# ---- what a function is and sees ------------------------------------------------------------------------------------------


def test_it_is_nobody_in_particular(seen):
    facts = seen["facts"]
    assert facts["uid"] == [993, 993] and facts["gid"] == [993, 993]
    assert {int(facts["status"][c], 16) for c in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")} == {0}
    assert (facts["status"]["NoNewPrivs"], facts["status"]["Seccomp"]) == ("1", "2")


def test_it_was_born_the_way_that_is_looked_at(seen, language):
    assert LANGUAGES[language].born in seen["facts"]["program"]


def test_on_the_host_each_has_a_uid_of_its_own(scene):
    """As root of the range that is nobody else's, and not its first, the launcher's; an ordinary user has but one."""
    client = Client(scene)
    assert client.create("twin", "def handler(event, context):\n    return 1\n").status_code == 200
    assert client.invoke("twin").text == "1"
    ids = []
    for pid in in_instances(scene.pids()["launcher"]):
        with contextlib.suppress(FileNotFoundError):  # one that is just ending
            status = pathlib.Path(f"/proc/{pid}/status").read_text()
            if status.startswith("Name:\tpython"):
                ids.append(re.search(r"^Uid:\t(\d+)\t\1\t\1\t\1\n", status, re.M).group(1))
    assert client.delete("twin").status_code == 204
    assert len(ids) >= 2
    if scene.mode == "user":
        assert set(ids) == {"65534"}
    else:
        assert len(set(ids)) == len(ids) and all(700000 < int(i) < 765536 for i in ids)


def test_it_sees_only_its_own_processes(seen):
    assert seen["facts"]["pids"] and set(seen["facts"]["pids"]) <= set(seen["facts"]["own_pids"])


def test_it_has_no_descriptor_that_is_not_its_own(seen):
    """0-2 are /dev/null and its log; beyond that what the language itself has made, and one socket: the channel."""
    fds = seen["facts"]["fds"]
    assert fds["0"] == "/dev/null" and fds["1"] == fds["2"] and fds["1"].startswith("pipe:")
    assert len([t for t in fds.values() if t.startswith("socket:")]) == 1, fds
    strange = [t for n, t in fds.items() if int(n) > 2 and not re.match(r"socket:|pipe:|anon_inode:\[|/proc/\d+/fd$|/dev/null$", t)]
    assert not strange, fds


def test_nothing_it_sees_is_setuid_or_a_device(seen):
    """Of every mount: nosuid; nodev, but for the five nodes of the template; read-only, but for /tmp and /proc."""
    for row in seen["facts"]["mounts"]:
        at, options = row.split()[4], row.split()[5].split(",")
        assert "nosuid" in options, row
        assert "nodev" in options or re.fullmatch("/dev/(null|zero|full|random|urandom)", at), row
        assert "ro" in options or at in ("/tmp", "/proc"), row


def test_its_limits(seen):
    """At most these; of core files exactly 1 byte, since 0 would run the host's handler (src/sandbox/limits.c)."""
    limits = {m[1]: m[2] for m in re.finditer(r"^Max (.+?) {2,}\S+ +(\S+)", seen["facts"]["limits"], re.M)}
    most = {"open files": 2048, "locked memory": 65536, "stack size": 8 << 20, "pending signals": 1024, "processes": 1024,
            "msgqueue size": 0, "realtime priority": 0}
    over = {n: limits[n] for n, m in most.items() if limits[n] == "unlimited" or int(limits[n]) > m}
    assert not over and limits["core file size"] == "1"


def test_its_process_group_and_session_are_of_its_own_slot(seen):
    """A leader outside of its pid namespace would have the number 0. A group is signalled whoever is in it, other namespaces too."""
    group, session = seen["facts"]["stat"].rpartition(")")[2].split()[2:4]
    assert int(group) > 0 and int(session) > 0


def test_its_environment_is_built_from_nothing(scene, seen):
    names = set(seen["facts"]["environ"])
    assert not [n for n in names if "EVOKE" in n or n == "CANARY"], names
    assert SECRET not in json.dumps(seen["facts"]) and scene.SECRET_KEY not in json.dumps(seen["facts"])


def test_the_suite_is_as_large_as_promised():
    assert len(CHECKS) >= 60 and all(AREAS.values())
