#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# setup.sh [build|deb|test] - install what is missing on a Debian 12 machine, and nothing else does.
#   build   compilers, libraries, the interpreters of the Python and Node.js functions (default)
#   deb     also what makes a Debian package
#   test    also what `make test` needs: cmocka, linters, the clouds' SDKs, peers for the benchmark
set -eu

what=${1:-build}
root=$(cd "$(dirname "$0")/.." && pwd)

packages="gcc pkg-config meson ninja-build libc6-dev libuv1-dev libssl-dev libcjson-dev libyaml-dev
libsqlite3-dev libarchive-dev libseccomp-dev libcurl4-openssl-dev libmnl-dev libpcre2-dev libnftables1 python3 python3-dev tzdata"
[ -x /usr/bin/node ] || packages="$packages nodejs"
if [ "$what" = deb ] || [ "$what" = test ]; then
    packages="$packages adduser dpkg-dev"
fi
if [ "$what" = test ]; then
    packages="$packages libcmocka-dev clang clang-format clang-tidy libclang-rt-14-dev llvm node-llhttp
    python3-venv git init-system-helpers systemd lintian iproute2 nftables passt strace zip zlib1g-dev nginx-light uwsgi-core uwsgi-plugin-python3
    groff mandoc zsh fish curl chromium"
    command -v npm >/dev/null || packages="$packages npm"
fi

missing=
for p in $packages; do
    dpkg-query -W -f '${Status}' "$p" 2>/dev/null | grep -q 'ok installed' || missing="$missing $p"
done

if [ -n "$missing" ]; then
    if [ "$(id -u)" = 0 ]; then
        as_root=
    elif command -v sudo >/dev/null; then
        as_root=sudo
    else
        echo "setup: Debian packages are missing and you are not root. As root, run this and try again:" >&2
        echo "  apt-get update && apt-get install --no-install-recommends$missing" >&2
        exit 1
    fi
    echo "setup: installing$missing" >&2
    log=$(mktemp)
    # shellcheck disable=SC2086  # word splitting is wanted
    if ! { $as_root apt-get update -qq &&
        $as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing; } \
            >"$log" 2>&1; then
        cat "$log" >&2
        rm -f "$log"
        echo "setup: the packages above could not be installed" >&2
        exit 1
    fi
    rm -f "$log"
fi

[ "$what" = test ] || exit 0

# The SDKs, exactly the locked versions. Made again only when the lock changes.
venv=$root/build-tools/venv
stamp=$venv/.requirements
if ! cmp -s "$root/tests/requirements.txt" "$stamp"; then
    echo "setup: Python packages" >&2
    rm -rf "$venv"
    /usr/bin/python3 -m venv "$venv"
    "$venv/bin/pip" install -q --disable-pip-version-check -r "$root/tests/requirements.txt" >&2
    cp "$root/tests/requirements.txt" "$stamp"
fi

stamp=$root/tests/clients/node_modules/.lock
if ! cmp -s "$root/tests/clients/package-lock.json" "$stamp"; then
    echo "setup: Node packages" >&2
    (cd "$root/tests/clients" && npm ci --silent --no-audit --no-fund >&2)
    cp "$root/tests/clients/package-lock.json" "$stamp"
fi

# The clouds' command line tools, 580 MB: none of their install scripts is needed.
stamp=$root/tests/clients/tools/node_modules/.lock
if ! cmp -s "$root/tests/clients/tools/package-lock.json" "$stamp"; then
    echo "setup: command line tools" >&2
    (cd "$root/tests/clients/tools" && npm ci --silent --no-audit --no-fund --ignore-scripts >&2)
    cp "$root/tests/clients/tools/package-lock.json" "$stamp"
fi

# promtool for packaging/prometheus: out of its package, which would start a service if it were installed.
promtool=$root/build-tools/promtool
if [ ! -x "$promtool" ]; then
    echo "setup: promtool" >&2
    tmp=$(mktemp -d)
    if (cd "$tmp" && apt-get download -qq prometheus >log 2>&1 && dpkg -x prometheus_*.deb . >>log 2>&1); then
        install -m 755 "$tmp/usr/bin/promtool" "$promtool"
    else
        cat "$tmp/log" >&2
        echo "setup: promtool could not be fetched; the tests that need it are skipped" >&2
    fi
    rm -rf "$tmp"
fi

# An S3-compatible server, for buckets that are somebody else's. Built once from its source; needs Go.
gateway=$root/build-tools/versitygw
if [ ! -x "$gateway" ]; then
    echo "setup: versitygw" >&2
    log=$(mktemp)
    if ! command -v go >/dev/null ||
        ! GOBIN=$root/build-tools GOFLAGS=-p=2 go install github.com/versity/versitygw/cmd/versitygw@v1.8.0 >"$log" 2>&1; then
        cat "$log" >&2
        echo "setup: versitygw could not be built (it needs Go); the tests that need it are skipped" >&2
    fi
    rm -f "$log"
fi
