#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# build.sh BUILD [VERSION] - BUILD/evoke_VERSION_ARCH.deb of a build tree, from what `make install` installs. The same sources
# give the same bytes: every date is SOURCE_DATE_EPOCH, by default that of the last commit. Needs dpkg-dev, no root.
set -eu

build=$(cd "$1" && pwd)
here=$(cd "$(dirname "$0")" && pwd)
root=$here/../..
version=${2:-$(sed -n "s/^ *version: '\([0-9.]*\)'.*/\1/p" "$root/meson.build" | head -n 1)}
arch=$(dpkg --print-architecture)
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git -C "$root" log -1 --format=%ct 2>/dev/null || echo 1767225600)}
export SOURCE_DATE_EPOCH
umask 022

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
tree=$work/tree
mkdir -p "$tree/DEBIAN" "$work/installed" "$tree/usr"

# Where BUILD installs to is its own affair: the tree may be moved as a whole.
DESTDIR=$work/installed meson install -C "$build" --no-rebuild --strip --quiet
prefix=$(meson introspect "$build" --buildoptions |
    python3 -c 'import json, sys; print(next(o["value"] for o in json.load(sys.stdin) if o["name"] == "prefix"))')
cp -a "$work/installed$prefix/." "$tree/usr/"
"$here/../install.sh" "$build/evoke" "$tree" /usr

# Debian's places.
mkdir -p "$tree/lib" "$tree/etc/evoke"
mv "$tree/usr/lib/systemd" "$tree/lib/systemd"
mv "$tree/usr/share/evoke/evoke.yaml" "$tree/etc/evoke/evoke.yaml"
doc=$tree/usr/share/doc/evoke
rm -f "$doc/LICENSE"
cp "$here/copyright" "$doc/copyright"
install -D -m 644 "$here/lintian-overrides" "$tree/usr/share/lintian/overrides/evoke"
mv "$doc/CHANGELOG.md" "$doc/changelog"
{
    echo "evoke ($version) stable; urgency=medium"
    echo
    echo "  * See /usr/share/doc/evoke/changelog.gz."
    echo
    echo " -- evoke <packages@evoke.invalid>  $(LC_ALL=C date -u -R -d "@$SOURCE_DATE_EPOCH")"
} >"$doc/changelog.Debian"
gzip -9n "$doc/changelog" "$doc/changelog.Debian" "$tree"/usr/share/man/man1/*

for script in postinst prerm postrm; do
    install -m 755 "$here/$script" "$tree/DEBIAN/$script"
done
echo /etc/evoke/evoke.yaml >"$tree/DEBIAN/conffiles"

# Libraries: what the programs are linked to. Those that are opened at run time and the interpreters are ours to name.
mkdir "$work/debian"
printf 'Source: evoke\n\nPackage: evoke\nArchitecture: any\n' >"$work/debian/control"
libraries=$(cd "$work" && dpkg-shlibdeps -O "$tree/usr/bin/evoke" "$tree/usr/lib/evoke/evoke-launcher" |
    sed -n 's/^shlibs:Depends=//p')
cat >"$tree/DEBIAN/control" <<CONTROL
Package: evoke
Version: $version
Architecture: $arch
Maintainer: evoke <packages@evoke.invalid>
Installed-Size: $(du -k -s --apparent-size "$tree" | cut -f 1)
Depends: $libraries, adduser, libnftables1, python3, tzdata
Recommends: ca-certificates, nodejs, passt
Suggests: prometheus
Section: net
Priority: optional
Description: cloud functions on your own machine
 evoke runs functions written for Huawei Cloud FunctionGraph and Alibaba Cloud
 Function Compute, unchanged and called by the clouds' own SDKs, as one daemon
 with one data directory. Each instance of a function is a sandbox of its own.
CONTROL
(cd "$tree" && find . -type f ! -path './DEBIAN/*' -printf '%P\n' | LC_ALL=C sort | xargs -d '\n' md5sum) >"$tree/DEBIAN/md5sums"

find "$tree" -exec touch -h -d "@$SOURCE_DATE_EPOCH" {} +
out=$build/evoke_${version}_$arch.deb
dpkg-deb --root-owner-group -Zxz --build "$tree" "$out" >/dev/null
echo "$out"
