#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# run.sh BUILD [quick] - what only a host with cgroup v2 controllers shows, in a virtual machine that is one.
#
# A Debian 12 of its own (debootstrap, kernel included; about 150 MB, kept in build-tools/vm), booted by qemu without
# KVM, so on any machine; four to twelve minutes. Needs root for debootstrap. Ends with "N passed, M failed".
# quick: without the unit tests, half of the time.
set -eu

build=$(cd "$1" && pwd)
here=$(cd "$(dirname "$0")" && pwd)
vm=$here/../../build-tools/vm
mirror=${DEBIAN_MIRROR:-http://deb.debian.org/debian}
packages=systemd-sysv,dbus,libpam-systemd,linux-image-cloud-amd64,initramfs-tools,udev,python3,libuv1,libssl3,\
libcjson1,libyaml-0-2,libsqlite3-0,libarchive13,libseccomp2,libcurl4,libcmocka0,libmnl0,libnftables1,nftables,iproute2,passt,\
ca-certificates

for tool in debootstrap qemu-system-x86_64 mke2fs; do
    command -v $tool >/dev/null || {
        echo "vm-test: $tool is missing: apt-get install debootstrap qemu-system-x86 e2fsprogs" >&2
        exit 1
    }
done
mkdir -p "$vm"
work=$(mktemp -d /tmp/evoke-vm.XXXXXX)
trap 'rm -rf "$work"' EXIT

# The root file system, once.
if [ ! -f "$vm/ready" ]; then
    echo "vm-test: making a Debian 12 in $vm" >&2
    rm -rf "$vm/root"
    debootstrap --variant=minbase --include="$packages" bookworm "$vm/root" "$mirror" >"$vm/debootstrap.log" 2>&1 || {
        tail -5 "$vm/debootstrap.log" >&2
        exit 1
    }
    chroot "$vm/root" useradd -m -u 1000 ordinary
    mkdir -p "$vm/root/var/lib/systemd/linger" "$vm/root/evoke"
    : >"$vm/root/var/lib/systemd/linger/ordinary"
    rm -rf "$vm"/root/var/cache/apt/* "$vm"/root/var/lib/apt/lists/*
    cat >"$vm/root/etc/systemd/system/evoke-vm.service" <<'UNIT'
[Unit]
After=systemd-user-sessions.service systemd-logind.service
SuccessAction=poweroff-force
FailureAction=poweroff-force
[Service]
Type=oneshot
ExecStart=/bin/sh -c 'mount -o ro /dev/vdb /evoke && exec python3 -u /evoke/inside.py >/dev/ttyS1 2>&1'
[Install]
WantedBy=multi-user.target
UNIT
    chroot "$vm/root" systemctl --quiet enable evoke-vm.service
    rm -f "$vm/root.img"
    mke2fs -q -t ext4 -O ^has_journal -d "$vm/root" "$vm/root.img" 1500M
    cp "$vm"/root/boot/vmlinuz-* "$vm/vmlinuz"
    cp "$vm"/root/boot/initrd.img-* "$vm/initrd"
    rm -rf "$vm/root"
    : >"$vm/ready"
fi

# What is tested, as a second disk.
mkdir "$work/evoke"
cp -r "$build/evoke" "$build/evoke-launcher" "$build/runtimes" "$here/inside.py" "$here/functions" "$work/evoke"
cp "$build/tests/unit/sandbox/test_cgroup" "$build/tests/unit/sandbox/test_cgroup_find" \
    "$build"/tests/unit/launcher/test_launcher "$build"/tests/unit/launcher/test_ready \
    "$build"/tests/unit/launcher/probe_bootstrap "$build"/tests/unit/launcher/probe_zygote "$work/evoke"
[ "${2:-}" != quick ] || : >"$work/evoke/quick"
find "$work/evoke" -name '*.p' -prune -exec rm -rf {} +
mke2fs -q -t ext4 -O ^has_journal -d "$work/evoke" "$work/evoke.img" 120M

echo "vm-test: booting" >&2
: >"$work/result"
tail -f "$work/result" & shower=$!
timeout "${VM_TIMEOUT:-1200}" qemu-system-x86_64 -accel tcg,thread=multi -cpu max -smp 2 -m 3072 -M q35 \
    -display none -no-reboot -snapshot -nic none \
    -kernel "$vm/vmlinuz" -initrd "$vm/initrd" -append "console=ttyS0 root=/dev/vda rw quiet panic=-1" \
    -drive "file=$vm/root.img,if=virtio,format=raw" -drive "file=$work/evoke.img,if=virtio,format=raw" \
    -serial "file:$work/console" -serial "file:$work/result" </dev/null || true
kill $shower 2>/dev/null || true

if ! tail -1 "$work/result" | tr -d '\r' | grep -q '^[0-9]* passed, 0 failed$'; then
    tail -3 "$work/console" >&2
    echo "vm-test: failed" >&2
    exit 1
fi
