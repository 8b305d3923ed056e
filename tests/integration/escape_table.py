# SPDX-License-Identifier: Apache-2.0
"""Every attempt of the escape suite: what is tried, what must come back inside, and what comes back where nothing stands in its way.

An attempt is a program of system calls for tests/functions/probe/probe.c, so it is the same in every language. `inside` names the
one errno (or the few, where kernels differ) that a function gets: "done" is never meant by leaving it open. Outside, as root on the
host, the same program must end differently; `blind` says why it cannot where that is so. test_escape.py checks both.
"""
import ctypes
import errno
import os
import socket
import struct

AT = -100  # AT_FDCWD
RDONLY, WRONLY, RDWR, CREAT, DIRECTORY = 0, 1, 2, 0o100, 0o200000
NEW = {"time": 0x80, "mount": 0x20000, "cgroup": 0x2000000, "uts": 0x4000000, "ipc": 0x8000000, "user": 0x10000000,
       "pid": 0x20000000, "net": 0x40000000}
SIGCHLD, SIGKILL = 17, 9
PTRACE, NICE, RESOURCE = 19, 23, 24  # CAP_SYS_*
X32 = 0x40000000
OWN_NAME = f"escape-{os.getpid()}"  # outside it is made, perhaps while others run this suite
# libseccomp of Debian 12 does not know these: asm/unistd_64.h
NEWER = {"cachestat": 451, "fchmodat2": 452, "map_shadow_stack": 453, "statmount": 457, "listmount": 458, "lsm_set_self_attr": 460,
         "open_tree_attr": 467}

seccomp = ctypes.CDLL("libseccomp.so.2")


class R(int):
    """The result of step n."""


class B(int):
    """Scratch buffer n; what is in buffer 0 is shown."""


def number(call):
    if isinstance(call, int):
        return call
    n = NEWER.get(call, seccomp.seccomp_syscall_resolve_name(call.encode()))
    assert n >= 0, f"no system call '{call}'"
    return n


WORDS = ("int80", "peek", "equal", "files", "descriptors", "forks", "fill")


def encode(program):
    """As probe.c reads it."""
    def argument(a):
        if isinstance(a, R):
            return f"r{int(a)}"
        if isinstance(a, B):
            return f"b{int(a)}"
        if isinstance(a, int):
            return f"i{a}"
        return "x" + (a.encode() if isinstance(a, str) else a).hex()
    return " ; ".join(" ".join([op if op in WORDS else str(number(op)), *map(argument, args)]) for op, *args in program)


def in4(address, port):
    return struct.pack("=HH", socket.AF_INET, socket.htons(port)) + socket.inet_aton(address) + bytes(8)


def in6(address, port):
    return struct.pack("=HHI", socket.AF_INET6, socket.htons(port), 0) + socket.inet_pton(socket.AF_INET6, address) + bytes(4)


def unix(path):
    return struct.pack("=H", socket.AF_UNIX) + path.encode()


def connect(address, kind=socket.SOCK_STREAM):
    family = struct.unpack("=H", address[:2])[0]
    return [("socket", family, kind, 0), ("connect", R(0), address, len(address))]


def read(path):
    return [("openat", AT, path, RDONLY), ("read", R(0), B(0), 64)]


def write(path, text="x"):
    return [("openat", AT, path, WRONLY), ("write", R(0), text, len(text))]


def create(path):
    return [("openat", AT, path, WRONLY | CREAT, 0o600)]


def listing(path):
    return [("openat", AT, path, RDONLY | DIRECTORY), ("getdents64", R(0), B(1), 4096)]


def route(kind, flags, payload):
    """A request on a route socket, and the error in its acknowledgement."""
    message = struct.pack("=IHHII", 16 + len(payload), kind, flags | 0x5, 1, 0) + payload  # NLM_F_REQUEST | NLM_F_ACK
    return [("socket", socket.AF_NETLINK, socket.SOCK_RAW, 0), ("sendto", R(0), message, len(message), 0, struct.pack("=HHII", 16, 0, 0, 0), 12),
            ("recvfrom", R(0), B(1), 4096, 0, 0, 0), ("peek", B(1), 16)]


class Check:
    def __init__(self, name, program, inside, user=None, blind=None, rare=False, net=False, capability=None):
        """
        program     a list of steps, or a function of where things are to one
        user        what an ordinary user's daemon gives instead of `inside`
        blind       why the same program would show nothing outside
        rare        outside ENOENT may mean that this host has no such file
        net         outside it changes the network, so it gets one of its own
        capability  that root needs outside, and may lack in a container (capabilities(7))
        """
        self.name, self.program, self.blind, self.rare, self.net, self.capability = name, program, blind, rare, net, capability
        self.expected = {"root": set(inside.split("|")), "user": set((user or inside).split("|"))}


def verdict(text):
    """probe.c's line as (word, rest): an errno's name, "SIG..", or "done"."""
    word, _, rest = text.partition(" ")
    if word == "errno":
        return errno.errorcode[int(rest.split()[0])], rest
    if word == "signal":
        return "SIG" + rest, rest
    return word, rest


# ---- files ------------------------------------------------------------------------------------------------------

FILES = [
    Check("read the shadow file", read("/etc/shadow"), "ENOENT"),
    Check("read the shadow file through ..", lambda w: read(w["own"] + "/../../../../../../../etc/shadow"), "ENOENT"),
    Check("read the shadow file from its own root", [("openat", AT, "/proc/self/root", RDONLY | DIRECTORY),
                                                     ("openat", R(0), "../../../etc/shadow", RDONLY)], "ENOENT"),
    Check("read the shadow file by a symbolic link", [("symlinkat", "/etc/shadow", AT, "/tmp/escape-link"),
                                                      ("openat", AT, "/tmp/escape-link", RDONLY)], "ENOENT"),
    Check("read a private key of the host", listing("/etc/ssl/private"), "ENOENT"),
    Check("list a home of the host", listing("/root"), "ENOENT"),
    Check("see the root of pid 1", read("/proc/1/root/etc/shadow"), "ENOENT"),
    Check("see the working directory of pid 1", listing("/proc/1/cwd"), "ENOENT"),
    Check("see the descriptors of pid 1", listing("/proc/1/fd"), "ENOENT"),
    Check("see the environment of pid 1", read("/proc/1/environ"), "ENOENT"),
    Check("see the memory of pid 1", read("/proc/1/mem"), "ENOENT", blind="address 0 of nobody's memory can be read"),
    Check("see the environment of the host's daemon", lambda w: read(f"/proc/{w['daemon']}/environ"), "ENOENT"),
    Check("see the root of a sibling", lambda w: listing(f"/proc/{w['sibling']}/root"), "ENOENT"),
    Check("see the environment of a sibling", lambda w: read(f"/proc/{w['sibling']}/environ"), "ENOENT"),
    Check("write the memory of a sibling", lambda w: [("openat", AT, f"/proc/{w['sibling']}/mem", RDWR)], "ENOENT"),
    Check("see the descriptors of a sibling", lambda w: listing(f"/proc/{w['sibling']}/fd"), "ENOENT"),
    Check("list the data directory", lambda w: listing(w["data"]), "ENOENT"),
    Check("read the keys", lambda w: read(w["data"] + "/keys.json"), "ENOENT"),
    Check("read the functions' records", lambda w: read(w["data"] + "/meta.db"), "ENOENT"),
    Check("list the packages", lambda w: listing(w["data"] + "/blobs"), "ENOENT"),
    Check("read another function's code", lambda w: read(w["code"]), "ENOENT"),
    Check("leave the code directory by its descriptor", lambda w: [("openat", AT, w["own"], RDONLY | DIRECTORY),
                                                                   ("openat", R(0), f"../{w['sha']}/index.py", RDONLY)], "ENOENT"),
    Check("read another function's /tmp", lambda w: read("/tmp/" + w["secret"]), "ENOENT"),
    Check("read another function's /dev/shm", lambda w: read("/dev/shm/" + w["secret"]), "ENOENT"),
    Check("create a file beside its code", lambda w: create(w["own"] + "/escape"), "EROFS"),
    Check("write its own code", lambda w: [("openat", AT, w["own"] + "/probe.so", WRONLY)], "EACCES", user="EROFS"),
    Check("remove its own code", lambda w: [("unlinkat", AT, w["own"] + "/spare", 0)], "EROFS"),
    Check("change the mode of its own code", lambda w: [("fchmodat", AT, w["own"] + "/probe.so", 0o777)], "EROFS"),
    Check("link its code to elsewhere", lambda w: [("linkat", AT, w["own"] + "/probe.so", AT, "/tmp/escape-hard", 0)], "EXDEV"),
    Check("write the host's programs", create(f"/usr/bin/{OWN_NAME}"), "EROFS"),
    Check("link a program of the host's", [("linkat", AT, "/usr/bin/env", AT, "/tmp/escape-env", 0)], "EXDEV",
          blind="/usr and /tmp may be two file systems"),
    Check("write the runtime", create("/rt/escape"), "EROFS"),
    Check("write the root directory", create("/" + OWN_NAME), "EROFS"),
    Check("write the password file", [("openat", AT, "/etc/passwd", WRONLY)], "EACCES", user="EROFS"),
    Check("write its own program", [("openat", AT, "/proc/self/exe", WRONLY)], "EACCES", blind="it is busy everywhere"),
    Check("make a block device", [("mknodat", AT, "/tmp/escape-block", 0o060600, 0x801)], "EPERM"),
    Check("make a character device", [("mknodat", AT, "/tmp/escape-char", 0o020600, 0x101)], "EPERM"),
    Check("open the host's memory", [("openat", AT, "/dev/mem", RDONLY)], "ENOENT", rare=True),
    Check("open the kernel's log", [("openat", AT, "/dev/kmsg", RDONLY)], "ENOENT"),
    Check("open a disk", lambda w: [("openat", AT, w["disk"], RDONLY)], "ENOENT"),
    Check("open a virtual machine monitor", [("openat", AT, "/dev/kvm", RDWR)], "ENOENT", rare=True),
    Check("open a tunnel", [("openat", AT, "/dev/net/tun", RDWR)], "ENOENT", rare=True),
    Check("open FUSE", [("openat", AT, "/dev/fuse", RDWR)], "ENOENT", rare=True),
    Check("make a terminal", [("openat", AT, "/dev/ptmx", RDWR)], "ENOENT"),
    Check("list devices in /sys", listing("/sys/devices"), "ENOENT"),
    Check("see its cgroup", listing("/sys/fs/cgroup"), "ENOENT"),
    Check("set the host's core handler", [("openat", AT, "/proc/sys/kernel/core_pattern", WRONLY)], "EACCES"),
    Check("change a kernel setting", [("openat", AT, "/proc/sys/vm/overcommit_memory", WRONLY)], "EACCES"),
    Check("press a magic key", [("openat", AT, "/proc/sysrq-trigger", WRONLY)], "EACCES|ENOENT", rare=True),
    Check("read the kernel's memory", read("/proc/kcore"), "EACCES|EPERM|ENOENT", rare=True),
    Check("see kernel timers", read("/proc/timer_list"), "EACCES|EPERM|ENOENT", rare=True),
    Check("give a file capabilities", [("openat", AT, "/tmp/escape-cap", WRONLY | CREAT, 0o700),
                                       ("fsetxattr", R(0), "security.capability", bytes.fromhex("0100000200000000") + bytes(12), 20, 0)],
          "ENOSYS"),
    Check("reach /tmp of the host by a bind mount", [("mount", "/", "/tmp", 0, 4096, 0)], "EPERM"),
]

# ---- processes --------------------------------------------------------------------------------------------------

CAPS_HEAD = struct.pack("=II", 0x20080522, 0)
PROCESSES = [
    Check("signal pid 1", lambda w: [("kill", w["first"], 0)], "EPERM"),
    Check("kill pid 1", [("kill", 1, SIGKILL)], "EPERM", blind="nobody may try that outside"),
    Check("signal pid 1 by a descriptor", lambda w: [("pidfd_open", w["first"], 0), ("pidfd_send_signal", R(0), 0, 0, 0)], "EPERM"),
    Check("signal the host's daemon", lambda w: [("kill", w["daemon"], 0)], "ESRCH"),
    Check("signal a sibling", lambda w: [("kill", w["sibling"], 0)], "ESRCH"),
    Check("open a descriptor of a sibling", lambda w: [("pidfd_open", w["sibling"], 0)], "ESRCH|EINVAL"),
    Check("trace a sibling", lambda w: [("ptrace", 0x4206, w["sibling"], 0, 0)], "EPERM", capability=PTRACE),
    Check("trace its parent", [("getppid",), ("ptrace", 0x4206, R(0), 0, 0)], "EPERM", capability=PTRACE),
    Check("read memory of pid 1", lambda w: [("process_vm_readv", w["first"], bytes(16), 0, bytes(16), 0, 0)], "EPERM", capability=PTRACE),
    Check("write memory of pid 1", lambda w: [("process_vm_writev", w["first"], bytes(16), 0, bytes(16), 0, 0)], "EPERM", capability=PTRACE),
    Check("take a descriptor of pid 1", lambda w: [("pidfd_open", w["first"], 0), ("pidfd_getfd", R(0), 0, 0)], "EPERM", capability=PTRACE),
    Check("compare itself with pid 1", lambda w: [("getpid",), ("kcmp", R(0), w["first"], 0, 0, 0)], "EPERM", capability=PTRACE),
    Check("become root", [("setuid", 0)], "EPERM"),
    Check("become root's group", [("setgid", 0)], "EPERM"),
    Check("become root in all three ids", [("setresuid", 0, 0, 0)], "EPERM"),
    Check("take groups", [("setgroups", 1, bytes(4))], "EPERM"),
    Check("take file system ids", [("setfsuid", 0)], "EPERM"),
    Check("take capabilities", [("capset", CAPS_HEAD, bytes.fromhex("ffffffff" * 2 + "00000000") * 2)], "EPERM",
          blind="not even root has every bit"),
    Check("raise an ambient capability", [("prctl", 47, 2, 21, 0, 0)], "EPERM", blind="root has none to inherit either"),
    Check("keep capabilities over setuid", [("prctl", 28, 0x10, 0, 0, 0)], "EPERM"),
    Check("leave no_new_privs", [("prctl", 38, 0, 0, 0, 0)], "EINVAL", blind="the kernel refuses it to everybody"),
    Check("show that no_new_privs holds", [("prctl", 39, 0, 0, 0, 0), ("equal", R(0), 0)], "ERANGE"),
    Check("show that its securebits are locked", [("prctl", 27, 0, 0, 0, 0), ("equal", R(0), 0)], "ERANGE"),
    Check("show that a filter is loaded", [("prctl", 21, 0, 0, 0, 0), ("equal", R(0), 0)], "ERANGE"),
    Check("load a filter that answers for the kernel", [("seccomp", 1, 8, bytes(16))], "ENOSYS"),
    Check("move its memory map", [("prctl", 35, 1, 0x1000, 0, 0)], "EPERM", blind="the address is nobody's"),
    Check("raise its limit of descriptors", [("prlimit64", 0, 7, struct.pack("=QQ", 1 << 20, 1 << 20), 0)], "EPERM", capability=RESOURCE),
    Check("raise its limit of processes", [("prlimit64", 0, 6, struct.pack("=QQ", 1 << 20, 1 << 20), 0)], "EPERM", capability=RESOURCE),
    Check("raise its limit of locked memory", [("prlimit64", 0, 8, struct.pack("=QQ", 1 << 40, 1 << 40), 0)], "EPERM", capability=RESOURCE),
    Check("raise its real-time priority", [("prlimit64", 0, 14, struct.pack("=QQ", 99, 99), 0)], "EPERM", capability=RESOURCE),
    Check("lower the limit of core files", [("prlimit64", 0, 4, struct.pack("=QQ", 0, 0), 0)], "EPERM"),
    Check("lower the limit of core files the old way", [("setrlimit", 4, struct.pack("=QQ", 0, 0))], "EPERM"),
    Check("lower it with high bits in the number", [("prlimit64", 0, 4 | 1 << 32, struct.pack("=QQ", 0, 0), 0)], "EPERM"),
    Check("limit pid 1", [("prlimit64", 1, 7, struct.pack("=QQ", 99, 99), 0)], "EPERM", user="done", blind="harm to the host"),
    Check("lock more memory than it may", [("mmap", 0, 1 << 20, 3, 0x22, -1, 0), ("mlock", R(0), 1 << 20)], "ENOMEM"),
    Check("lock all its memory", [("mlockall", 1)], "ENOSYS"),
    Check("be nicer to itself", [("setpriority", 0, 0, -20)], "EACCES", capability=NICE),
    Check("be real-time", [("sched_setscheduler", 0, 1, struct.pack("=i", 50))], "EPERM", capability=NICE),
    Check("be real-time with a deadline", [("sched_setattr", 0, struct.pack("=IIQiIQQQ", 48, 6, 0, 0, 0, 10**7, 3 * 10**7, 3 * 10**7), 0)],
          "EPERM", capability=NICE),
    Check("get the disk first", [("ioprio_set", 1, 0, 1 << 13)], "ENOSYS"),
    Check("be spared when memory ends", write("/proc/self/oom_score_adj", "-1000"), "EACCES", capability=RESOURCE),
]

# ---- kernel surface -----------------------------------------------------------------------------------------------

KERNEL = [
    Check("mount a file system", [("mount", "none", "/tmp", "tmpfs", 0, 0)], "EPERM"),
    Check("remount the code writable", lambda w: [("mount", 0, w["own"], 0, 0x1020, 0)], "EPERM", blind="outside it is no mount point"),
    Check("unmount /tmp", [("umount2", "/tmp", 2)], "EPERM"),
    Check("unmount /proc/sys", [("umount2", "/proc/sys", 2)], "EPERM"),
    Check("open a file system", [("fsopen", "tmpfs", 0)], "EPERM"),
    Check("configure a file system", [("fsconfig", -1, 6, 0, 0, 0)], "EPERM"),
    Check("mount an open file system", [("fsmount", -1, 0, 0)], "EPERM"),
    Check("pick a mounted file system", [("fspick", AT, "/", 0)], "EPERM"),
    Check("clone a tree of mounts", [("open_tree", AT, "/", 1)], "EPERM"),
    Check("attach a tree of mounts", [("move_mount", -1, "", -1, "", 0)], "EPERM"),
    Check("make mounts writable", [("mount_setattr", AT, "/", 0, bytes(32), 32)], "EPERM"),
    Check("list mounts", [("listmount", bytes(32), B(1), 1, 0)], "ENOSYS"),
    Check("change the root", [("pivot_root", "/nowhere", "/nowhere")], "EPERM"),
    Check("change its root", [("chroot", "/tmp")], "EPERM"),
    Check("enter its own namespace again", [("openat", AT, "/proc/self/ns/net", RDONLY), ("setns", R(0), 0)], "EPERM"),
    Check("enter a namespace of pid 1", lambda w: [("pidfd_open", w["first"], 0), ("setns", R(0), NEW["uts"])], "EPERM", capability=PTRACE),
    *[Check(f"unshare a {name} namespace", [("unshare", flag)], "EPERM") for name, flag in NEW.items()],
    *[Check(f"clone into a new {name} namespace", [("clone", flag | SIGCHLD, 0, 0, 0, 0)], "ENOSYS")
      for name, flag in NEW.items() if name != "time"],
    Check("clone3", [("clone3", struct.pack("=8Q", 0, 0, 0, 0, SIGCHLD, 0, 0, 0), 64)], "ENOSYS"),
    Check("clone3 into a user namespace", [("clone3", struct.pack("=8Q", NEW["user"], 0, 0, 0, SIGCHLD, 0, 0, 0), 64)], "ENOSYS"),
    Check("load a BPF program", [("bpf", 0, struct.pack("=IIII", 2, 4, 4, 1) + bytes(112), 72)], "EPERM"),
    Check("count performance events", [("perf_event_open", struct.pack("=IIQ", 1, 112, 0) + bytes(96), 0, -1, -1, 0)], "EPERM"),
    Check("look at a key ring", [("keyctl", 0, -3, 1)], "EPERM"),
    Check("add a key", [("add_key", "user", "escape", "x", 1, -3)], "EPERM"),
    Check("request a key", [("request_key", "user", "escape", 0, 0)], "EPERM"),
    Check("handle page faults", [("userfaultfd", 0)], "EPERM"),
    Check("set up io_uring", [("io_uring_setup", 8, B(1))], "EPERM"),
    Check("enter io_uring", [("io_uring_enter", -1, 0, 0, 0, 0)], "EPERM"),
    Check("register with io_uring", [("io_uring_register", -1, 0, 0, 0)], "EPERM"),
    Check("boot another kernel", [("kexec_load", 0, 0, 0, 0xdead)], "EPERM"),
    Check("boot another kernel from a file", [("kexec_file_load", -1, -1, 0, 0, 0xdead)], "ENOSYS"),
    Check("load a module", [("init_module", B(1), 16, "")], "EPERM"),
    Check("load a module from a file", [("finit_module", -1, "", 0)], "EPERM"),
    Check("remove a module", [("delete_module", "escape_no_such_module", 0)], "EPERM"),
    Check("make a file handle", [("name_to_handle_at", AT, "/", struct.pack("=II", 128, 0) + bytes(128), B(1), 0)], "EPERM"),
    Check("open by a file handle", [("open_by_handle_at", AT, struct.pack("=II", 8, 1) + bytes(8), 0)], "EPERM"),
    Check("change its personality", [("personality", 0x0400000)], "EPERM"),
    Check("type into a terminal", [("ioctl", 0, 0x5412, "x")], "ENOSYS"),
    Check("type into a terminal with high bits", [("ioctl", 0, 0x5412 | 1 << 32, "x")], "ENOSYS"),
    Check("select on a console", [("ioctl", 0, 0x541c, "\3")], "ENOSYS"),
    Check("set flags of a network interface", [("socket", 2, 1, 0), ("ioctl", R(0), 0x8914, b"lo".ljust(16, b"\0") + bytes(24))], "ENOSYS", net=True),
    Check("change flags of a file", [("openat", AT, "/tmp", RDONLY | DIRECTORY), ("ioctl", R(0), 0x40086602, bytes(8))], "ENOSYS"),
    Check("use the 32-bit ABI", [("int80", 20)], "SIG31"),
    Check("use the x32 ABI", [("equal", 0, 0), (X32 | 39,)], "SIG31|ENOSYS"),
    Check("call number 1000", [(1000,)], "ENOSYS", blind="no kernel has it"),
    Check("call the highest number", [(0x3fffffff,)], "ENOSYS", blind="no kernel has it"),
    Check("call a negative number", [(-1,)], "ENOSYS|SIG31", blind="no kernel has it"),
    Check("read the kernel's messages", [("syslog", 3, B(0), 100)], "EPERM"),
    Check("account processes", [("acct", "/escape-no-such-file")], "EPERM"),
    Check("swap", [("swapon", "/escape-no-such-file", 0)], "EPERM"),
    Check("restart the host", [("reboot", 0, 0, 0, 0)], "EPERM"),
    Check("use ports of the machine", [("iopl", 0)], "EPERM"),
    Check("use one port of the machine", [("ioperm", 0, 1, 0)], "EPERM"),
    Check("set a quota", [("quotactl", 0, 0, 0, 0)], "EPERM"),
    Check("watch a whole file system", [("fanotify_init", 0, 0)], "ENOSYS"),
    Check("change its descriptor table", [("modify_ldt", 0, B(1), 16)], "EPERM"),
    Check("hide memory", [("memfd_secret", 0)], "EPERM"),
    Check("share memory by System V", [("shmget", 0, 4096, 0o1600)], "EPERM"),
    Check("send messages by System V", [("msgget", 0, 0o1600)], "EPERM"),
    Check("make a message queue", [("mq_open", "escape", 0o102, 0o600, 0)], "ENOSYS"),
    Check("name the host", [("sethostname", "escape", 6)], "EPERM"),
    Check("name the domain", [("setdomainname", "escape", 6)], "EPERM"),
    Check("set the clock", [("clock_settime", 99, bytes(16))], "EPERM"),
    Check("set the time of day", [("settimeofday", 0, 0)], "EPERM"),
    Check("adjust the clock", [("adjtimex", B(1))], "ENOSYS"),
    Check("move pages of a process", lambda w: [("move_pages", w["first"], 0, 0, 0, 0, 0)], "EPERM", capability=PTRACE),
    Check("advise another process", [("process_madvise", -1, 0, 0, 0, 0)], "EPERM"),
    Check("set a security module's attribute", [("lsm_set_self_attr", 100, bytes(64), 64, 0)], "ENOSYS"),
    Check("hang up a terminal", [("setsid",), ("vhangup",)], "EPERM"),
]

# ---- network: what holds under every policy ------------------------------------------------------------------------

NETWORK = [
    *[Check(f"make a socket of {name}", [("socket", family, kind, 0)], "EAFNOSUPPORT") for name, family, kind in [
        ("raw packets", 17, 3), ("virtual machines", 40, 1), ("the kernel's ciphers", 38, 5), ("IPsec keys", 15, 3), ("Bluetooth", 31, 3),
        ("XDP", 44, 3), ("CAN", 29, 3), ("TIPC", 30, 1), ("RDS", 21, 5), ("no family", 99, 1)]],
    *[Check(f"make a netlink socket of {name}", [("socket", 16, 3, protocol)], "EAFNOSUPPORT") for name, protocol in [
        ("netfilter", 12), ("audit", 9), ("generic families", 16), ("uevents", 15), ("sockets", 4), ("transformations", 6)]],
    Check("make a raw socket", [("socket", 2, 3, 1)], "EPERM"),
    Check("make a raw socket of IPv6", [("socket", 10, 3, 58)], "EPERM|EAFNOSUPPORT"),
    Check("listen on a low port", [("socket", 2, 1, 0), ("bind", R(0), in4("127.0.0.1", 81), 16)], "EACCES"),
    Check("take an interface down", route(16, 0, struct.pack("=BxHiII", 0, 0, 1, 0, 1)), "EPERM", net=True),
    Check("add an address", route(20, 0x400, struct.pack("=BBBBI", 2, 8, 0, 0, 1) + struct.pack("=HH", 8, 2) + bytes((127, 9, 9, 9))), "EPERM",
          net=True),
    Check("add a route", route(24, 0x400, struct.pack("=BBBBBBBBI", 2, 0, 0, 0, 254, 3, 253, 1, 0)), "EPERM", net=True),
    Check("mark packets", [("socket", 2, 1, 0), ("setsockopt", R(0), 1, 36, struct.pack("=i", 1), 4)], "EPERM"),
    Check("send from foreign addresses", [("socket", 2, 1, 0), ("setsockopt", R(0), 0, 19, struct.pack("=i", 1), 4)], "EPERM"),
    Check("force large buffers", [("socket", 2, 1, 0), ("setsockopt", R(0), 1, 33, struct.pack("=i", 1 << 20), 4)], "EPERM"),
    Check("connect to the daemon", lambda w: connect(in4("127.0.0.1", w["port"])), "ECONNREFUSED"),
    Check("connect to a port of the host by IPv6", lambda w: connect(in6("::1", w["host_port6"])), "ECONNREFUSED|EADDRNOTAVAIL"),
    Check("connect to the daemon by any address", lambda w: connect(in4("0.0.0.0", w["port"])), "ECONNREFUSED"),
    Check("connect to a port of the host", lambda w: connect(in4("127.0.0.1", w["host_port"])), "ECONNREFUSED"),
    Check("connect to an abstract socket of the host", lambda w: connect(unix("\0" + w["abstract"])), "ECONNREFUSED"),
    Check("connect to a socket file of the host", lambda w: connect(unix(w["socket"])), "ENOENT"),
    Check("connect to a port of a sibling", lambda w: connect(in4("127.0.0.1", w["sibling_port"])), "ECONNREFUSED",
          blind="the sibling's loopback is its own"),
    Check("connect to an abstract socket of a sibling", lambda w: connect(unix("\0" + w["secret"])), "ECONNREFUSED",
          blind="the sibling's namespace is its own"),
    Check("enter the network of pid 1", [("openat", AT, "/proc/1/ns/net", RDONLY)], "ENOENT"),
]

# ---- network of a function whose policy is `none` -------------------------------------------------------------------

# A box without a way out has no route; one whose way is shut is told so by the router: TCP by a reset, all else by ICMP.
REFUSED = "EHOSTUNREACH|ENETUNREACH|ECONNREFUSED"


def datagram(address):
    """The answer to it, or the router's word on it, within half a second: EAGAIN is neither."""
    return [*connect(address, socket.SOCK_DGRAM), ("setsockopt", R(0), 1, 20, struct.pack("=QQ", 0, 500000), 16), ("write", R(0), "x", 1),
            ("read", R(0), B(1), 64)]


ALONE = [
    Check("send a datagram to the host", lambda w: datagram(in4(w["address"], w["host_udp"])), REFUSED),
    Check("ask a name server", datagram(in4("198.51.100.53", 53)), REFUSED, blind="nobody there"),
    Check("connect to an address of the host", lambda w: connect(in4(w["address"], w["host_port"])), REFUSED),
    Check("connect to the metadata service", connect(in4("169.254.169.254", 80)), REFUSED, blind="nobody there"),
    Check("connect to Alibaba's metadata service", connect(in4("100.100.100.200", 80)), REFUSED, blind="nobody there"),
    Check("connect to the metadata service by IPv6", connect(in6("fd00:ec2::254", 80)), REFUSED + "|EADDRNOTAVAIL", blind="nobody there"),
    Check("connect to a stranger", connect(in4("198.51.100.1", 80)), REFUSED, blind="nobody there"),
]

AREAS = {"files": FILES, "processes": PROCESSES, "kernel": KERNEL, "network": NETWORK, "alone": ALONE}
CHECKS = {c.name: c for area in AREAS.values() for c in area}
assert len(CHECKS) == sum(map(len, AREAS.values())), "two checks have the same name"


def programs(where):
    return {c.name: encode(c.program(where) if callable(c.program) else c.program) for c in CHECKS.values()}
