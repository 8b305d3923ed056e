# SPDX-License-Identifier: Apache-2.0
"""Two network namespaces of our own, so that no test depends on the machine's network:

    host      where the daemon runs: 203.0.113.1, 192.168.77.1, servers that no function may reach
    internet  203.0.113.2: a web server at 198.51.100.7, a DNS server, and what answers at metadata addresses

Inside `with World() as w` this process (its main thread, and every child it starts) is in the host. Its mounts are its own
too: resolv.conf names the DNS server, /dev/net/tun may be opened by everybody. Run as a program this file is the servers.
"""
import ctypes
import os
import pathlib
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading

CLONE_NEWNS, CLONE_NEWNET = 0x20000, 0x40000000
MS_BIND, MS_REC, MS_SLAVE = 4096, 16384, 1 << 19
HOST, HOST_2, INTERNET, WEB, DNS = "203.0.113.1", "192.168.77.1", "203.0.113.2", "198.51.100.7", "203.0.113.53"
METADATA = ["169.254.169.254", "100.100.100.200", "169.254.0.23", "168.63.129.16", "192.0.0.192"]
NAME = "web.test"

libc = ctypes.CDLL(None, use_errno=True)


def must(r):
    if r < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def run(command):
    subprocess.run(command.split(), check=True)


class World:
    def __enter__(self):
        self.homes = [(os.open(f"/proc/self/ns/{n}", os.O_RDONLY | os.O_CLOEXEC), flag)
                      for n, flag in (("net", CLONE_NEWNET), ("mnt", CLONE_NEWNS))]
        self.cwd = os.getcwd()
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="evoke-world-"))
        self.children = []
        must(libc.unshare(CLONE_NEWNS | CLONE_NEWNET))
        must(libc.mount(b"none", b"/", None, MS_REC | MS_SLAVE, None))
        self._bind_files()
        self.internet = self._serve("internet", new=True)
        self._cable()
        self.servers = self._serve("host", new=False)
        return self

    def __exit__(self, *_):
        for child in self.children:
            child.kill()
            child.wait()
        for fd, flag in self.homes:
            must(libc.setns(fd, flag))
            os.close(fd)
        os.chdir(self.cwd)

    def _bind_files(self):
        (self.dir / "resolv.conf").write_text(f"nameserver {DNS}\n")
        os.mknod(self.dir / "tun", 0o20666, os.makedev(10, 200))
        os.chmod(self.dir / "tun", 0o666)
        for name, at in (("resolv.conf", "/etc/resolv.conf"), ("tun", "/dev/net/tun")):
            must(libc.mount(str(self.dir / name).encode(), os.path.realpath(at).encode(), None, MS_BIND, None))

    def _serve(self, role, new):
        child = subprocess.Popen([sys.executable, __file__, role, "new" if new else "here"], stdin=subprocess.PIPE,
                                 stdout=subprocess.PIPE, text=True)
        self.children.append(child)
        if new:
            assert child.stdout.readline() == "there\n"
            self._move = child.pid
            return child
        assert child.stdout.readline() == "ready\n"
        return child

    def inside(self, namespace, program, *args):
        """A Python program, started in a network namespace: "internet", or a path as in /proc/<pid>/ns/net."""
        path = f"/proc/{self.internet.pid}/ns/net" if namespace == "internet" else namespace
        return subprocess.Popen(["nsenter", f"--net={path}", sys.executable, "-c", program, *map(str, args)],
                                stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def _cable(self):
        run("ip link set lo up")
        run(f"ip link add h0 type veth peer name i0 netns {self._move}")
        run(f"ip addr add {HOST}/24 dev h0")
        run("ip link add h1 type veth peer name h2")
        run(f"ip addr add {HOST_2}/24 dev h1")
        run("ip link set h0 up")
        run("ip link set h1 up")
        run("ip link set h2 up")
        self.internet.stdin.write("go\n")
        self.internet.stdin.flush()
        assert self.internet.stdout.readline() == "ready\n"
        run(f"ip route add default via {INTERNET}")


# ---- the servers ----

def each(fn, *args):
    threading.Thread(target=fn, args=args, daemon=True).start()


def tcp(port, address="0.0.0.0"):
    """Says who it is and who asked, then waits for the client to go."""
    s = socket.create_server((address, port), backlog=100)

    def talk(c):
        with c:
            try:
                c.sendall(f"{c.getsockname()[0]} hears {c.getpeername()[0]}".encode())
                while c.recv(4096):
                    pass
            except OSError:
                pass

    while True:
        each(talk, s.accept()[0])


def udp(port, address):
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.bind((address, port))
    while True:
        data, peer = s.recvfrom(4096)
        s.sendto(f"{peer[0]}".encode(), peer)


def answer(q):
    end = q.index(b"\0", 12) + 5
    name, wants_a = q[12:end - 5], q[end - 4:end - 2] == b"\0\1"
    known = name.lower() == b"".join(bytes([len(x)]) + x.encode() for x in NAME.split("."))
    a = b"\xc0\x0c\0\1\0\1\0\0\0\x3c\0\4" + socket.inet_aton(WEB) if known and wants_a else b""
    return q[:2] + struct.pack(">HHHHH", 0x8180 if known else 0x8183, 1, bool(a), 0, 0) + q[12:end] + a


def dns_udp():
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.bind((DNS, 53))
    while True:
        q, peer = s.recvfrom(4096)
        s.sendto(answer(q), peer)


def dns_tcp():
    s = socket.create_server((DNS, 53))
    while True:
        c, _ = s.accept()
        with c:
            n = struct.unpack(">H", c.recv(2))[0]
            a = answer(c.recv(n))
            c.sendall(struct.pack(">H", len(a)) + a)


def main():
    role, new = sys.argv[1:]
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)
    if new == "new":
        must(libc.unshare(CLONE_NEWNET))
        print("there", flush=True)
        sys.stdin.readline()
        run("ip link set lo up")
        run("ip link set i0 up")
        for a in (f"{INTERNET}/24", f"{WEB}/32", f"{DNS}/32", *(f"{m}/32" for m in METADATA)):
            run(f"ip addr add {a} dev i0")
    if role == "internet":
        for fn, *args in ((tcp, 80), (tcp, 443), (dns_udp,), (dns_tcp,), *((udp, 5000, a) for a in (WEB, *METADATA))):
            each(fn, *args)
    else:
        for fn, *args in ((tcp, 7000), (tcp, 7001, "127.0.0.1"), (udp, 5000, HOST), (udp, 5000, HOST_2)):
            each(fn, *args)
        s = socket.socket(socket.AF_UNIX)
        s.bind("\0evoke-host-abstract")
        s.listen()
    print("ready", flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main()
