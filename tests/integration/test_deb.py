# SPDX-License-Identifier: Apache-2.0
"""`make deb`: the package is installed, used, upgraded, removed and purged for real, by dpkg, in a copy-on-write view of this machine
that ends with its mount namespace. Nothing of the host changes.
"""
import os
import pathlib
import re
import shutil
import subprocess
import textwrap

import pytest

from evoked import BUILD, ROOT

pytestmark = [pytest.mark.slow, pytest.mark.skipif(os.geteuid() != 0, reason="dpkg -i needs root"),
              pytest.mark.skipif(not shutil.which("dpkg-shlibdeps"), reason="dpkg-dev is missing")]


def build(version, where):
    """The package, built into a directory of its own: the build tree keeps none."""
    r = subprocess.run([str(ROOT / "packaging/deb/build.sh"), str(BUILD), version], capture_output=True, text=True, timeout=120,
                       check=False)
    assert r.returncode == 0, r.stdout + r.stderr
    made = pathlib.Path(r.stdout.strip())
    return pathlib.Path(shutil.move(made, where / made.name))


@pytest.fixture(scope="module")
def packages(tmp_path_factory):
    d = tmp_path_factory.mktemp("deb")
    return build("1.0.0", d), build("1.0.1", d)


# A root of its own: what is written goes to a tmpfs and is gone with the namespace. /dev, /sys and control groups are the host's.
WORLD = """
set -eu
w=$1; shift
mount --make-rprivate /
mount -t tmpfs -o mode=755 world "$w"
mkdir "$w/up" "$w/work" "$w/root"
mount -t overlay -o lowerdir=/,upperdir="$w/up",workdir="$w/work" world "$w/root"
mount --rbind /dev "$w/root/dev"
mount --rbind /sys "$w/root/sys"
mount -t proc proc "$w/root/proc"
mkdir -p "$w/root/deb"
mount --bind "$1" "$w/root/deb"; shift
cp "$1" "$w/root/tmp/test.sh"
cd "$w/root"
mkdir -p old
pivot_root . old  # not chroot: a changed root may make no user namespace (user_namespaces(7))
umount -l /old
rmdir /old
exec sh /tmp/test.sh
"""


def inside(script, packages, tmp_path):
    """Run a shell script as root of that world; /deb holds the packages. Returns its output."""
    world = tmp_path / "world"
    world.mkdir()
    body = tmp_path / "test.sh"
    body.write_text("set -eu\nexport DEBIAN_FRONTEND=noninteractive LC_ALL=C PATH=/usr/sbin:/usr/bin:/sbin:/bin\n" + textwrap.dedent(script))
    r = subprocess.run(["unshare", "--mount", "--pid", "--fork", "--kill-child", "sh", "-c", WORLD, "sh", str(world),
                        str(packages[0].parent), str(body)], capture_output=True, text=True, timeout=90, check=False)
    assert r.returncode == 0, r.stdout[-4000:] + r.stderr[-4000:]
    return r.stdout


# The unit's own command line, under the restrictions that can be had without systemd: capabilities, read-only system, no homes.
RUN = """
start() {
    line=$(sed -n 's/^ExecStart=//p' /lib/systemd/system/evoke.service)
    drop=$(sed -n 's/^CapabilityBoundingSet=~//p' /lib/systemd/system/evoke.service | tr 'A-Z ' 'a-z,' | sed 's/cap_/-/g')
    unshare --mount --propagation slave sh -c '
        for d in /usr /etc /boot; do mount --bind $d $d; mount -o remount,ro,bind $d; done
        mount -t tmpfs -o ro,mode=000 none /home
        exec setpriv --bounding-set "$0" -- '"$line"' "$@"' "$drop" "$@" >/tmp/log 2>&1 &
    pid=$!
    for i in $(seq 300); do grep -q 'ready: http' /tmp/log && return 0; kill -0 $pid || break; read -t 0.1 _ </dev/zero 2>/dev/null || timeout 0.1 tail -f /dev/null || true; done
    cat /tmp/log; return 1
}
stop() { kill -TERM $pid; wait $pid; }
call() {
    export EVOKE_ENDPOINT=http://127.0.0.1:8907
    cd /tmp/f; evoke deploy . && evoke invoke hello --event '"you"'
}
mkdir -p /tmp/f
echo 'def handler(event, context): return "hello " + event' >/tmp/f/index.py
printf 'functions:\\n  hello:\\n    runtime: Python3.9\\n    handler: index.handler\\n' >/tmp/f/evoke.yaml
files() { find /bin /boot /etc /home /lib /opt /sbin /srv /usr /var -xdev -print 2>/dev/null | LC_ALL=C sort; }
"""


def test_installed_used_upgraded_removed_and_purged(packages, tmp_path):
    out = inside(RUN + """
        files >/tmp/before
        dpkg -i /deb/evoke_1.0.0_*.deb >/tmp/dpkg 2>&1 || { cat /tmp/dpkg; exit 1; }
        getent passwd evoke | cut -d: -f1,6
        evoke version
        evoke config check
        echo 'listen: 127.0.0.1:8907' >>/etc/evoke/evoke.yaml
        start; call
        ps -o user= -C evoke-daemon 2>/dev/null || true
        stat -c '%U %a' /var/lib/evoke
        stop
        dpkg -i /deb/evoke_1.0.1_*.deb >/tmp/dpkg 2>&1 || { cat /tmp/dpkg; exit 1; }
        dpkg-query -W -f '${Version} ${Status}\\n' evoke
        grep listen: /etc/evoke/evoke.yaml | tail -1
        start; cd /tmp/f; evoke invoke hello --event '"again"'; stop
        dpkg -r evoke >/tmp/dpkg 2>&1 || { cat /tmp/dpkg; exit 1; }
        test ! -e /usr/bin/evoke && test ! -e /usr/lib/evoke && echo programs are gone
        test -f /etc/evoke/evoke.yaml && test -f /var/lib/evoke/meta.db && echo data and configuration are kept
        dpkg -P evoke >/tmp/dpkg 2>&1 || { cat /tmp/dpkg; exit 1; }
        files >/tmp/after
        getent passwd evoke || echo the user is gone
        echo --- left:
        diff /tmp/before /tmp/after | grep '^[<>]' || true
        grep -E 'level=(err|warn)' /tmp/log || true
        """, packages, tmp_path)
    for words in ("evoke:/var/lib/evoke", "no fault, 0 options set", "hello you", "hello again", "1.0.1 install ok installed",
                  "listen: 127.0.0.1:8907", "programs are gone", "data and configuration are kept", "the user is gone"):
        assert words in out, out
    left = out.split("--- left:\n")[1].splitlines()
    # dpkg and adduser keep logs and copies of the files they changed.
    theirs = re.compile(r"/var/log/|/var/lib/dpkg/|/var/cache/|/etc/(passwd|group|shadow|gshadow|subuid|subgid)-?$|/etc/\\.pwd\\.lock$|/run/")
    assert not [line for line in left if not theirs.search(line)], left


def test_the_same_sources_give_the_same_bytes(packages, tmp_path):
    again = build("1.0.0", tmp_path)
    assert again.read_bytes() == packages[0].read_bytes()


def test_the_package_holds_what_it_should(packages):
    fields = subprocess.run(["dpkg-deb", "-f", str(packages[0])], capture_output=True, text=True, check=True).stdout
    assert "libuv1" in fields and "python3" in fields and "Recommends: ca-certificates, nodejs, passt" in fields
    names = {line.split(maxsplit=5)[5] for line in subprocess.run(["dpkg-deb", "-c", str(packages[0])], capture_output=True, text=True,
                                                                  check=True).stdout.splitlines()}
    assert {"./etc/evoke/evoke.yaml", "./lib/systemd/system/evoke.service", "./lib/systemd/system/evoke.socket", "./usr/bin/evoke",
            "./usr/lib/evoke/evoke-launcher", "./usr/share/man/man1/evoke.1.gz", "./usr/share/doc/evoke/copyright",
            "./usr/share/bash-completion/completions/evoke"} <= names
    owners = {line.split()[1] for line in subprocess.run(["dpkg-deb", "-c", str(packages[0])], capture_output=True, text=True,
                                                         check=True).stdout.splitlines()}
    assert owners == {"root/root"}


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd-analyze is missing")
def test_systemd_understands_the_units(packages, tmp_path):
    out = inside("""
        dpkg -i /deb/evoke_1.0.0_*.deb >/tmp/dpkg 2>&1 || { cat /tmp/dpkg; exit 1; }
        systemd-analyze verify --man=no /lib/systemd/system/evoke.service /lib/systemd/system/evoke.socket 2>&1
        systemd-analyze security --offline=true --no-pager /lib/systemd/system/evoke.service 2>&1 | tail -1
        """, packages, tmp_path)
    assert not re.search(r"^StateDirectory=|^RestrictSUIDSGID=", (ROOT / "packaging/systemd/evoke.service").read_text(), re.M)
    # Nothing to say about ours; other units of the machine are not our affair.
    assert not [line for line in out.splitlines()[:-1] if "evoke" in line], out
    exposure = float(re.search(r"exposure level for evoke.service: ([0-9.]+)", out).group(1))
    assert exposure < 7.0, out  # 9.6 without any restriction


@pytest.mark.skipif(not shutil.which("lintian"), reason="lintian is missing")
def test_lintian_finds_nothing(packages, tmp_path):
    r = subprocess.run(["lintian", "--fail-on", "error,warning", "--allow-root", str(packages[0])], capture_output=True, text=True,
                       timeout=120, check=False, env={**os.environ, "TMPDIR": str(tmp_path)})  # where it leaves files behind
    assert r.returncode == 0, r.stdout + r.stderr
