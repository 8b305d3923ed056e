# SPDX-License-Identifier: Apache-2.0
"""What no function can send, since it gets no raw socket, is sent here by root from inside a function's box: frames with forged
addresses. And what stays of the network when a part of it is killed. All in namespaces of our own (world.py)."""
import fcntl
import json
import os
import pathlib
import signal
import subprocess

import pytest

from evoked import Evoked, children_of, deadline, in_instances
from test_network import PROJECT, Functions
from world import HOST, METADATA, WEB, World

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="making namespaces for the test needs root")

PORT = 5999
FIRST_LINK = 1000  # src/sandbox/net_internal.h

# Says "ready", then "word source destination" for each of our frames that it sees on an interface.
SNIFF = '''
import socket, sys
s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
s.bind((sys.argv[1], 0))
print("ready", flush=True)
while True:
    f = s.recv(2048)
    if b"evoke:" in f and f[12:14] == b"\\x08\\0" and f[23] == 17:
        word = f[f.index(b"evoke:") + 6:].split(b";")[0].decode()
        print(word, socket.inet_ntoa(f[26:30]), socket.inet_ntoa(f[30:34]), flush=True)
'''

# Frames to one MAC address: [word, source, destination], as JSON.
SEND = '''
import json, socket, struct, sys
link, to, port = sys.argv[1], bytes.fromhex(sys.argv[2].replace(":", "")), int(sys.argv[3])
s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
s.bind((link, 0x800))
for word, source, destination in json.loads(sys.argv[4]):
    text = b"evoke:" + word.encode() + b";"
    udp = struct.pack(">HHHH", 40000, port, 8 + len(text), 0) + text
    ip = struct.pack(">BBHHHBBH4s4s", 69, 0, 20 + len(udp), 0, 0, 64, 17, 0, socket.inet_aton(source), socket.inet_aton(destination))
    x = sum(struct.unpack(">10H", ip))
    x = ~((x & 65535) + (x >> 16)) & 65535
    s.send(to + s.getsockname()[4] + b"\\x08\\0" + ip[:10] + struct.pack(">H", x) + ip[12:] + udp)
'''


class Sniffer:
    def __init__(self, world, where, link):
        self.seen = []
        self.child = world.inside(where, SNIFF, link)
        assert self.child.stdout.readline() == "ready\n"

    def until(self, last):
        """Everything before the frame that says this."""
        for line in self.child.stdout:
            self.seen.append(line.split())
            if self.seen[-1][0] == last:
                return self.seen[:-1]
        raise AssertionError(f"the sniffer ended: {self.seen}")

    def close(self):
        self.child.kill()
        self.child.wait()
        self.child.stdout.close()
        self.child.stdin.close()


def hold(pid):
    """The path of the network namespace that a process is in now; None if it has ended."""
    try:
        return f"/proc/{os.getpid()}/fd/{os.open(f'/proc/{pid}/ns/net', os.O_RDONLY | os.O_CLOEXEC)}"
    except OSError:
        return None


def enter(namespace, *command, check=True):
    return subprocess.run(["nsenter", f"--net={namespace}", *command], capture_output=True, text=True, check=check).stdout


def link(namespace, name):
    """Or None. By name: a list of all may miss some while others come and go."""
    found = json.loads(enter(namespace, "ip", "-j", "addr", "show", "dev", name, check=False) or "[]")
    return found[0] if found else None


class Box:
    """Of a running instance: the function is asked for its address, and the process with it is found."""

    def __init__(self, functions, name, router):
        wanted = functions.ask(name, ("address",))[0]
        for _ in deadline(10):
            for namespace in filter(None, map(hold, in_instances(functions.evoke.process.pid))):
                eth0 = link(namespace, "eth0")
                if eth0 and [a["local"] for a in eth0["addr_info"] if a["family"] == "inet"] == [wanted]:
                    self.namespace, self.address, self.mac = namespace, wanted, eth0["address"]
                    self.far = link(router, f"box{eth0['link_index'] - FIRST_LINK}")
                    if self.far:
                        return
        raise AssertionError(f"no instance has {wanted}")


class Scene:
    def __init__(self, world, functions):
        self.world = world
        # More than once: ip(8) fails when a dump is interrupted, and boxes are being made.
        for _ in deadline(10):
            routers = [n for n in filter(None, map(hold, children_of(functions.evoke.process.pid))) if link(n, "uplink")]
            if routers:
                break
        assert routers, f"nobody has an uplink:\n{functions.evoke.log_text()}"
        self.router = routers[0]
        self.one, self.two, self.shut = (Box(functions, n, self.router) for n in ("egress", "other", "none"))
        self.base = self.one.address.rsplit(".", 2)[0]

    def send(self, box, frames):
        sender = self.world.inside(box.namespace, SEND, "eth0", box.far["address"], PORT, json.dumps(frames))
        assert sender.wait(20) == 0

    def forged(self, box, others):
        """Words for every source that is not this box's own, to a stranger and to each of the others."""
        third = int(self.base.split(".")[1])
        gate = [f"198.{third}.0.{n}" if self.base.startswith("198.") else f"{self.base}.0.{n}" for n in (1, 2, 8)]
        sources = [*(o.address for o in others), *gate, HOST, "203.0.113.99", "8.8.8.8", "127.0.0.1", "0.0.0.0", "224.0.0.1",
                   "255.255.255.255"]
        targets = [WEB, *(o.address for o in others)]
        return [[f"forged-{s}-to-{d}", s, d] for s in sources for d in targets]

    def what_comes_out(self, sending):
        """(at the uplink, in the internet, in the second box) of frames from [(box, frames)], up to an honest last one each."""
        sniffers = [Sniffer(self.world, self.router, "uplink"), Sniffer(self.world, "internet", "i0"),
                    Sniffer(self.world, self.two.namespace, "eth0")]
        try:
            for box, frames in sending:
                self.send(box, frames)
            self.send(self.one, [["honest", self.one.address, WEB]])
            out = [s.until("honest") for s in sniffers[:2]]
            assert sniffers[1].seen[-1] == ["honest", HOST, WEB]
            last = self.world.inside(self.router, SEND, self.two.far["ifname"], self.two.mac, PORT,
                                     json.dumps([["last", WEB, self.two.address]]))
            assert last.wait(20) == 0
            return [*out, sniffers[2].until("last")]
        finally:
            for s in sniffers:
                s.close()


@pytest.fixture(scope="module")
def world():
    with World() as w:
        yield w


@pytest.fixture(scope="module", params=["root", "user"])
def scene(request, world, tmp_path_factory):
    e = Evoked("--keep-warm", "60", unprivileged=request.param == "user")
    e.start()
    try:
        yield Scene(world, Functions(e, tmp_path_factory.mktemp("functions")))
        e.stop()
        e.check_log()
    finally:
        if e.process.poll() is None:
            e.kill()
        e.cleanup()


def test_forged_sources_leave_no_box(scene):
    assert scene.what_comes_out([(scene.one, scene.forged(scene.one, [scene.two, scene.shut])),
                                 (scene.shut, scene.forged(scene.shut, [scene.two, scene.one]))]) == [[], [], []]


def test_honest_sources_reach_no_other_box_and_nothing_closed(scene):
    targets = [scene.two.address, scene.shut.address, HOST, *METADATA, "169.254.1.1", "224.0.0.1", "255.255.255.255"]
    frames = [[f"to-{t}", scene.one.address, t] for t in targets]
    from_shut = [[f"shut-to-{t}", scene.shut.address, t] for t in [WEB, *targets]]
    assert scene.what_comes_out([(scene.one, frames), (scene.shut, from_shut)]) == [[], [], []]


def test_the_reverse_path_filter_is_what_holds_forged_ones(scene):
    """Without it one gets out, so this file would see it."""
    def set_filter(value):
        for name in ("all", scene.one.far["ifname"]):
            enter(scene.router, "sysctl", "-qw", f"net.ipv4.conf.{name}.rp_filter={value}")

    set_filter(0)
    try:
        uplink, internet, _ = scene.what_comes_out([(scene.one, [["forged", scene.two.address, WEB]])])
    finally:
        set_filter(1)
    assert [f[0] for f in uplink] == ["forged"] and [f[0] for f in internet] == ["forged"]


def test_the_rules_are_what_holds_honest_ones(scene):
    """A hole in front of them: what they refuse comes through."""
    enter(scene.router, "nft", "insert", "rule", "inet", "evoke", "leave", "udp", "dport", str(PORT), "accept")
    try:
        uplink, _, box = scene.what_comes_out([(scene.one, [["sibling", scene.one.address, scene.two.address],
                                                            ["metadata", scene.one.address, METADATA[0]]])])
    finally:
        rules = json.loads(enter(scene.router, "nft", "-j", "list", "chain", "inet", "evoke", "leave"))["nftables"]
        handle = next(r["rule"]["handle"] for r in rules if "rule" in r)
        enter(scene.router, "nft", "delete", "rule", "inet", "evoke", "leave", "handle", str(handle))
    assert [f[0] for f in uplink] == ["metadata"] and [f[0] for f in box] == ["sibling"]


# ---- a part of it is killed ----------------------------------------------------------------------------------------

def test_egress_ends_with_pasta_and_the_log_says_it_once(world, tmp_path):
    e = Evoked("--keep-warm", "60", unprivileged=True).start()
    e.allow(r"no egress any more", r"no way out", r"egress")
    try:
        f = Functions(e, tmp_path)
        assert f.ask("egress", ("tcp", WEB, 80)) == [f"{WEB} hears {HOST}"]
        os.kill(next(p for p, name in children_of(e.process.pid).items() if name.startswith("pas")), signal.SIGKILL)
        e.wait_log(r"level=warn .*no egress any more: pasta has ended")
        assert f.ask("egress", ("tcp", WEB, 80)) == ["ENETUNREACH"]
        assert f.ask("endpoint", ("version",))[0] == [200, 404, 401]
        e.stop()
        assert e.log_text_closed().count("no egress any more") == 1
        e.check_log()
    finally:
        if e.process.poll() is None:
            e.kill()
        e.cleanup()


FORWARD = pathlib.Path("/proc/sys/net/ipv4/ip_forward")


def guarded():
    return "evoke_forwarding" in subprocess.run(["nft", "list", "tables"], capture_output=True, text=True, check=True).stdout


def forwarded(world):
    """Does a packet from the internet pass through the host, out by its other interface?"""
    target, its_mac = "192.168.77.77", "02:00:00:00:00:77"  # of nobody
    mac = {link["ifname"]: link["address"] for link in json.loads(subprocess.check_output(["ip", "-j", "link"]))}
    subprocess.run(["ip", "neigh", "replace", target, "lladdr", its_mac, "dev", "h1"], check=True)
    sniffer = Sniffer(world, "/proc/self/ns/net", "h2")
    try:
        passing = world.inside("internet", SEND, "i0", mac["h0"], PORT, json.dumps([["through", WEB, target]]))
        assert passing.wait(20) == 0
        # To the other end of the same cable, so it comes after whatever passed.
        last = world.inside("/proc/self/ns/net", SEND, "h1", its_mac, PORT, json.dumps([["last", HOST, target]]))
        assert last.wait(20) == 0
        return [f[0] for f in sniffer.until("last")] == ["through"]
    finally:
        sniffer.close()


@pytest.fixture
def start():
    """Daemons that end with the test, however it ends."""
    all_of_them = []

    def one():
        all_of_them.append(Evoked().start())
        return all_of_them[-1]

    yield one
    for e in all_of_them:
        if e.process.poll() is None:
            e.kill()
        e.cleanup()


def test_a_killed_daemon_leaves_a_host_that_forwards_nothing_and_the_next_one_tidies_up(world, start):
    FORWARD.write_text("0")
    e = start()
    # The keeper cannot tell its stub to end in good order, nor start another.
    e.process.send_signal(signal.SIGSTOP)
    for pid in children_of(e.process.pid):
        if pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1] == str(e.process.pid):
            os.kill(pid, signal.SIGKILL)
    e.kill()
    assert FORWARD.read_text() == "1\n" and guarded() and not forwarded(world)

    again = start()
    assert not forwarded(world)
    again.stop()
    assert FORWARD.read_text() == "0\n" and not guarded()


def test_forwarding_that_was_on_is_not_ours_to_turn_off(world, start):
    FORWARD.write_text("1")
    assert forwarded(world)
    e = start()
    assert forwarded(world) and not guarded()
    e.stop()
    assert FORWARD.read_text() == "1\n" and forwarded(world)


def test_an_interface_that_came_later_is_not_our_affair(world, start):
    """A container engine's bridge, say: only what was there before is held apart."""
    FORWARD.write_text("0")
    e = start()
    assert not forwarded(world)
    subprocess.run(["ip", "link", "add", "later", "type", "veth", "peer", "name", "later1"], check=True)
    try:
        rules = subprocess.check_output(["nft", "-a", "list", "table", "inet", "evoke_forwarding"], text=True)
        assert '"h0"' in rules and '"h1"' in rules and "later" not in rules, rules
    finally:
        subprocess.run(["ip", "link", "del", "later"], check=True)
    e.stop()


def test_of_two_daemons_the_last_one_turns_forwarding_off(world, start):
    FORWARD.write_text("0")
    one, two = start(), start()
    one.stop()
    assert FORWARD.read_text() == "1\n" and guarded() and not forwarded(world)
    two.stop()
    assert FORWARD.read_text() == "0\n" and not guarded()


def test_a_lock_that_somebody_holds_delays_a_start_and_no_more(world, start):
    fd = os.open("/run", os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
        e = start()
        e.wait_log("with egress")
    finally:
        os.close(fd)
    e.stop()
