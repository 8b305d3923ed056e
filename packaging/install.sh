#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# install.sh PROGRAM DESTDIR PREFIX - what belongs to an installation beside the programs: manual, completions, units, example
# configuration, rules and dashboards, licence. PROGRAM prints the manual and the completions itself.
set -eu

program=$1
dest=$2$3
prefix=$3
here=$(cd "$(dirname "$0")" && pwd)
umask 022

put() { # put MODE DIRECTORY FILE...: those that exist
    mode=$1 dir=$2
    shift 2
    for file; do
        if [ -f "$file" ]; then
            install -D -m "$mode" "$file" "$dir/$(basename "$file")"
        fi
    done
}

mkdir -p "$dest/share/man/man1"
"$program" docs man "$dest/share/man/man1"
chmod 644 "$dest"/share/man/man1/*

mkdir -p "$dest/share/bash-completion/completions" "$dest/share/zsh/vendor-completions" "$dest/share/fish/vendor_completions.d"
"$program" completion bash >"$dest/share/bash-completion/completions/evoke"
"$program" completion zsh >"$dest/share/zsh/vendor-completions/_evoke"
"$program" completion fish >"$dest/share/fish/vendor_completions.d/evoke.fish"

# Debian 12 looks for units of packages in /lib, of which /usr/lib is the same directory.
units=$dest/lib/systemd/system
mkdir -p "$units"
sed "s|@BINDIR@|$prefix/bin|" "$here/systemd/evoke.service" >"$units/evoke.service"
put 644 "$units" "$here/systemd/evoke.socket"
install -D -m 644 "$here/systemd/evoke.sysusers" "$dest/lib/sysusers.d/evoke.conf"

put 644 "$dest/share/evoke" "$here/evoke.yaml"
put 644 "$dest/share/evoke/prometheus" "$here/prometheus/evoke.rules.yml" "$here/prometheus/prometheus.example.yml"
put 644 "$dest/share/evoke/grafana" "$here"/grafana/*
put 644 "$dest/share/doc/evoke" "$here/../README.md" "$here/../docs/operations.md" "$here/../docs/options.md"
put 644 "$dest/share/doc/evoke" "$here/../LICENSE" "$here/../CHANGELOG.md"
