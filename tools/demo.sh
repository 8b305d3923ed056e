#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# demo.sh BUILD - serve on a temporary directory, deploy the examples, invoke each, stop everything.
set -eu
exec 2>&1 # what is said on either stream belongs together here

build=$1
evoke=$(cd "$build" && pwd)/evoke
dir=$(mktemp -d /tmp/evoke-demo.XXXXXX)
chmod 755 "$dir"
pid=

finish() {
    code=$?
    [ -z "$pid" ] || { kill "$pid" 2>/dev/null && wait "$pid" || true; }
    [ $code = 0 ] || { echo "--- daemon's log"; cat "$dir/log"; }
    rm -rf "$dir"
    exit $code
}
trap finish EXIT
trap 'exit 130' INT TERM

title() { printf '\n\033[1m%s\033[0m\n' "$*"; }
[ -t 1 ] && [ -z "${NO_COLOR:-}" ] || title() { printf '\n%s\n' "$*"; }
try() { echo "\$ evoke $*"; "$evoke" "$@"; }

EVOKE_ACCESS_KEY=DEMOACCESSKEY EVOKE_SECRET_KEY=demo-secret-key
export EVOKE_ACCESS_KEY EVOKE_SECRET_KEY

title "evoke serve"
mkfifo "$dir/pipe"
"$evoke" serve --data "$dir/data" --listen 127.0.0.1:0 >"$dir/pipe" 2>&1 &
pid=$!
exec 3<"$dir/pipe"
ready=
while [ -z "$ready" ] && read -r line <&3; do
    echo "$line" >>"$dir/log"
    echo "$line" | sed -n 's/.* msg="\(.*\)"$/  \1/p'
    case $line in *' msg="ready: '*) ready=yes ;; esac
done
[ -n "$ready" ] || exit 1
cat <&3 >>"$dir/log" &
EVOKE_ENDPOINT=$(cat "$dir/data/run/endpoint")
export EVOKE_ENDPOINT

title "Deploy the examples"
for example in hello greeter report fc-upper; do
    try deploy "examples/$example"
done
try list

title "A FunctionGraph function: output, summary, log tail"
try invoke hello --event '{"name":"evoke"}'
title "With an initializer and user data; the second call is warm"
try invoke greeter --event '{"id":"a1"}'
try invoke greeter --event '{"id":"c3"}'
title "The same engine in Function Compute's dialect"
try invoke upper --event '"hello from bytes"'
title "A failure, on purpose (exit code 1)"
code=0
try invoke report --event '{"numbers":[]}' || code=$?
[ "$code" = 1 ] || { echo "expected exit code 1, got $code"; exit 1; }

title "Done. Everything has been stopped and removed."
cat <<END
Next:
  build/evoke serve                      keep one running; it prints its key pair once
  build/evoke deploy examples/hello      then change examples/hello/index.py and deploy again
  build/evoke invoke hello --event '{"name":"you"}'
  make test                              every check there is
  README.md                              the clouds' own SDKs against it
END
