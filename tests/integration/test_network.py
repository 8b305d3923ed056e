# SPDX-License-Identifier: Apache-2.0
"""What a function reaches under each policy and what it does not, asked from inside, in namespaces of our own (world.py): as
root daemon and as an ordinary user's."""
import json
import os
import subprocess

import pytest

from evoked import Evoked, deadline
from signing import PROJECT, Client
from world import DNS, HOST, HOST_2, INTERNET, METADATA, NAME, WEB, World

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="making namespaces for the test needs root")

PROBE = '''
import errno, os, socket, struct, time

def tcp(host, port, keep=None):
    s = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    s.settimeout(3)
    s.connect((host, port))
    if keep is not None:
        keep.append(s)
    return s.recv(100).decode() if port not in (8900, 9100) else "connected"

def udp(host, port):
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.settimeout(3)
    s.connect((host, port))
    s.send(b"who")
    return s.recv(100).decode()

def spoof(host, port, source):
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.setsockopt(socket.IPPROTO_IP, 15, 1)  # IP_FREEBIND
    s.bind((source, 0))
    s.settimeout(1)
    s.sendto(b"who", (host, port))
    return s.recv(100).decode()

def unix(name):
    s = socket.socket(socket.AF_UNIX)
    s.connect("\\0" + name)
    return "connected"

def raw(*_):
    socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)
    return "opened"

def packet(*_):
    socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
    return "opened"

def netlink(what):
    """RTM_NEWADDR on eth0, RTM_DELROUTE of the default, RTM_SETLINK of its group."""
    s = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0)
    body = {"address": (20, struct.pack("BBBBI", 2, 32, 0, 0, 2) + struct.pack("HH4s", 8, 2, socket.inet_aton("10.9.8.7"))),
            "route": (25, struct.pack("BBBBBBBBI", 2, 0, 0, 0, 254, 0, 0, 0, 0)),
            "group": (19, struct.pack("BBHiII", 0, 0, 0, 2, 0, 0) + struct.pack("HHI", 8, 27, 1))}[what]
    s.send(struct.pack("IHHII", 16 + len(body[1]), body[0], 5, 1, 0) + body[1])
    code = struct.unpack("i", s.recv(4096)[16:20])[0]
    if code:
        raise OSError(-code, "")
    return "done"

def resolve(name):
    return socket.getaddrinfo(name, 80, socket.AF_INET, socket.SOCK_STREAM)[0][4][0]

def address(*_):
    """Our own, in the box."""
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.connect(("198.51.100.1", 9))
    return s.getsockname()[0]

kept = []

def listen(port):
    s = socket.create_server(("0.0.0.0", port))
    kept.append(s)
    return "listening"

def hold(host, port):
    return tcp(host, port, kept)

def sockets(*_):
    """State and local port of every TCP socket, and the UDP ports."""
    found = []
    for f in ("tcp", "tcp6", "udp", "udp6"):
        for line in open("/proc/net/" + f).read().splitlines()[1:]:
            a = line.split()
            found.append([f, int(a[1].split(":")[1], 16), a[3]])
    return found

def env(name):
    return os.environ.get(name)

def seconds(times, name, *args):
    """What so many of them took, all told, and how they ended."""
    ends, start = set(), time.monotonic()
    for _ in range(times):
        try:
            ends.add(str(globals()[name](*args)))
        except OSError as e:
            ends.add(errno.errorcode.get(e.errno, str(e)))
    return time.monotonic() - start, sorted(ends)

def version(*_):
    import http.client
    found = []
    for path in ("/version", "/admin/v1/functions", "/v2/p/fgs/functions"):
        c = http.client.HTTPConnection("127.0.0.1", 8900, timeout=5)
        c.request("GET", path)
        found.append(c.getresponse().status)
    return found

def handler(event, context):
    out = []
    for name, *args in event["ask"]:
        try:
            out.append(globals()[name](*args))
        except socket.gaierror as e:
            out.append("gaierror")
        except TimeoutError:
            out.append("timeout")
        except OSError as e:
            out.append(errno.errorcode.get(e.errno, str(e)))
    time.sleep(event.get("stay", 0))
    return out
'''

POLICIES = ("none", "endpoint", "egress")


class Functions:
    def __init__(self, evoke, directory):
        self.evoke, self.client, self.directory = evoke, Client(evoke), directory
        (directory / "index.py").write_text(PROBE)
        names = {p: p for p in POLICIES} | {"usual": "default", "other": "egress", "third": "egress"}
        lines = "".join(f"  {n}: {{runtime: Python3.9, handler: index.handler, timeout: 60, network: {p}, account: '{PROJECT}'}}\n"
                        for n, p in names.items())
        (directory / "evoke.yaml").write_text("functions:\n" + lines)
        self.deploy()

    def deploy(self):
        r = self.evoke.run("deploy", str(self.directory))
        assert r.returncode == 0, r.stdout + r.stderr

    def ask(self, name, *questions, **more):
        r = self.client.invoke(name, json.dumps({"ask": questions, **more}).encode())
        assert r.status_code == 200 and r.headers.get("X-Is-Func-Err") != "true", r.text
        return r.json()


@pytest.fixture(scope="module")
def world():
    with World() as w:
        yield w


@pytest.fixture(scope="module", params=["root", "user"])
def functions(request, world, tmp_path_factory):
    e = Evoked("--keep-warm", "60", unprivileged=request.param == "user")
    e.start()
    try:
        yield Functions(e, tmp_path_factory.mktemp("functions"))
        e.check_descriptors()
        e.stop()
        e.check_log()
    finally:
        if e.process.poll() is None:
            e.kill()
        e.cleanup()


def reached(asked, got):
    return {a: g for a, g in zip(asked, got) if g not in REFUSED}


REFUSED = ("ECONNREFUSED", "EHOSTUNREACH", "ENETUNREACH", "EACCES", "EPERM", "EINVAL", "EADDRNOTAVAIL")


def hosts_addresses():
    """Of every interface that the host has now, the daemon's uplink included."""
    links = json.loads(subprocess.run(["ip", "-j", "-4", "addr"], capture_output=True, check=True).stdout)
    return [a["local"] for link in links for a in link["addr_info"]]


def test_egress_reaches_the_world_by_name_and_by_address(functions):
    got = functions.ask("egress", ("tcp", WEB, 80), ("udp", WEB, 5000), ("resolve", NAME), ("tcp", NAME, 443),
                        ("resolve", "nobody.test"))
    assert got == [f"{WEB} hears {HOST}", HOST, WEB, f"{WEB} hears {HOST}", "gaierror"]


def test_the_default_is_egress_where_there_is_a_way_out(functions):
    assert functions.ask("usual", ("tcp", WEB, 80)) == [f"{WEB} hears {HOST}"]


@pytest.mark.parametrize("policy", ["none", "endpoint"])
def test_without_egress_nothing_leaves_and_errors_come_at_once(functions, policy):
    got = functions.ask(policy, ("tcp", WEB, 80), ("udp", WEB, 5000), ("tcp", INTERNET, 80), ("resolve", NAME),
                        ("tcp", DNS, 53), ("udp", "192.0.0.53", 53))
    assert all(g in REFUSED or g == "gaierror" for g in got), got


@pytest.mark.parametrize("policy, address", [("none", WEB), ("endpoint", WEB), ("egress", METADATA[0]), ("egress", HOST)])
def test_every_refusal_comes_at_once(functions, policy, address):
    """Also the tenth in a row: the kernel allows itself one ICMP error a second, and TCP believes one only at its next attempt."""
    (tcp, how), (udp, why) = functions.ask(policy, ("seconds", 10, "tcp", address, 80), ("seconds", 10, "udp", address, 5000))
    assert (how, why) == (["ECONNREFUSED"], ["EHOSTUNREACH"])
    assert tcp < 3 and udp < 3, (tcp, udp)


@pytest.mark.parametrize("policy", POLICIES)
def test_no_policy_reaches_the_host(functions, policy):
    addresses = [a for a in hosts_addresses() if not a.startswith("127.")]
    assert {HOST, HOST_2} <= set(addresses)
    asked = [(how, a, port) for a in addresses for how, port in (("tcp", 7000), ("udp", 5000), ("tcp", functions.evoke.port))]
    asked += [("tcp", "127.0.0.1", 7000), ("tcp", "127.0.0.1", 7001), ("tcp", "127.0.0.1", functions.evoke.port),
              ("tcp", "127.0.0.2", 7000), ("tcp", "0.0.0.0", 7000), ("unix", "evoke-host-abstract")]
    assert reached(asked, functions.ask(policy, *asked)) == {}


def test_an_address_that_the_host_gets_later_is_shut_too(functions):
    new = "192.168.78.1"
    subprocess.run(["ip", "addr", "add", f"{new}/24", "dev", "h1"], check=True)
    try:
        for _ in deadline(10):
            got = functions.ask("egress", ("tcp", new, 7000), ("udp", new, 5000))
            if all(g in REFUSED for g in got):
                break
        assert all(g in REFUSED for g in got), got
    finally:
        subprocess.run(["ip", "addr", "del", f"{new}/24", "dev", "h1"], check=True)


@pytest.mark.parametrize("policy", POLICIES)
def test_no_policy_reaches_metadata_link_local_or_multicast(functions, policy):
    # They answer in our world: a connection would be seen.
    asked = [("tcp", m, 80) for m in METADATA]
    asked += [("udp", m, 5000) for m in METADATA]
    asked += [("tcp", "169.254.1.1", 80), ("udp", "255.255.255.255", 5000),
              ("tcp", "fd00:ec2::254", 80), ("tcp", "fe80::1", 80)]
    assert reached(asked, functions.ask(policy, *asked)) == {}


def test_instances_do_not_reach_each_other(functions):
    from concurrent.futures import ThreadPoolExecutor
    with ThreadPoolExecutor() as pool:
        held = pool.submit(functions.ask, "egress", ("address",), ("listen", 9100), stay=3)
        mine = functions.ask("other", ("address",))[0]
        base = mine.rsplit(".", 2)[0]
        third = int(mine.split(".")[2])
        near = [f"{base}.{third}.{i}" for i in range(0, 64) if f"{base}.{third}.{i}" != mine]
        got = functions.ask("other", *[("tcp", a, 9100) for a in near], ("tcp", "127.0.0.1", 9100))
        again = functions.ask("egress", ("tcp", "127.0.0.1", 9100), *[("udp", a, 9100) for a in near[:20]])
        theirs = held.result()
    assert theirs[1] == "listening" and theirs[0] in near
    assert all(g in REFUSED for g in got + again), (got, again)


@pytest.mark.parametrize("policy", POLICIES)
def test_nothing_of_the_network_can_be_changed_or_forged(functions, policy):
    got = functions.ask(policy, ("raw",), ("packet",), ("netlink", "address"), ("netlink", "route"), ("netlink", "group"),
                        ("spoof", WEB, 5000, "203.0.113.99"), ("spoof", WEB, 5000, HOST))
    assert all(g in ("EPERM", "EACCES", "EAFNOSUPPORT", "EINVAL", "ENETUNREACH", "EADDRNOTAVAIL", "EPROTONOSUPPORT")
               for g in got), got


def test_reuse_of_a_box_leaves_nothing(functions):
    """Connections held open and a listener at the time of death; the next tenants of all boxes find neither."""
    used, seen = set(), set()
    for _ in range(4):
        got = functions.ask("third", ("address",), ("listen", 9100), ("hold", WEB, 80), ("hold", WEB, 443), ("udp", WEB, 5000))
        assert got[1] == "listening" and got[2] == f"{WEB} hears {HOST}"
        used.add(got[0])
        assert functions.client.delete("third").status_code in (200, 204)
        functions.deploy()
    # Spares are ahead of us in the line for boxes. And the daemon may still hold the listener of the last tenant: that is no
    # reason to throw a box away.
    for _ in range(60):
        address, left = functions.ask("third", ("address",), ("sockets",))
        seen.add(address)
        assert [s for s in left if s[1] != 8900] == [], (address, left)
        if used <= seen:
            break
        assert functions.client.delete("third").status_code in (200, 204)
        functions.deploy()
    assert used <= seen, (used, seen)


def test_the_endpoint_serves_the_clouds_and_not_the_admin(functions):
    assert functions.ask("endpoint", ("version",))[0] == [200, 404, 401]
    assert functions.ask("egress", ("version",))[0] == [200, 404, 401]
    assert functions.ask("none", ("version",))[0] == "ECONNREFUSED"
    url = "http://127.0.0.1:8900"
    assert [functions.ask(p, ("env", "EVOKE_ENDPOINT"))[0] for p in POLICIES] == [None, url, url]
