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

bold='' plain=''
[ -t 1 ] && [ -z "${NO_COLOR:-}" ] && bold=$(printf '\033[1m') plain=$(printf '\033[0m')
title() { printf '\n%s== %s%s\n' "$bold" "$*" "$plain"; }
# A command as one would type it, then what it does.
try() {
    line="\$ $build/evoke"
    for word; do
        case $word in
        *[!A-Za-z0-9_./:=-]*) line="$line '$word'" ;;
        *) line="$line $word" ;;
        esac
    done
    printf '\n%s%s%s\n' "$bold" "$line" "$plain"
    "$evoke" "$@"
}

EVOKE_ACCESS_KEY=DEMOACCESSKEY EVOKE_SECRET_KEY=demo-secret-key
export EVOKE_ACCESS_KEY EVOKE_SECRET_KEY

title "$build/evoke serve"
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
for example in hello greeter report fc-upper basket fc-digest; do
    try deploy --no-wait "examples/$example"
done
try list

title "A FunctionGraph function: its output, then its log and a summary"
try invoke hello --event '{"name":"evoke"}'
title "With an initializer and user data; the second call is warm: no initialization in its log"
try invoke greeter --event '{"id":"a1"}'
try invoke greeter --event '{"id":"c3"}'
title "The same engine in Function Compute's dialect"
try invoke upper --event '"hello from bytes"'
title "Node.js: a module with an initializer, and a callback in the other dialect"
try invoke basket --event '{"items":{"bread":1,"tea":2}}'
try invoke digest --event '"hello"'
title "A failure, on purpose (exit code 1)"
code=0
try invoke report --event '{"numbers":[]}' || code=$?
[ "$code" = 1 ] || { echo "demo: exit code 1 was expected, not $code"; exit 1; }

title "See what happened: a line of its log, how it is and what to do next (exit code 1: not well), figures"
try logs report --grep Error
code=0
try why report || code=$?
[ "$code" = 1 ] || { echo "demo: exit code 1 was expected, not $code"; exit 1; }
try top -n 1
if command -v curl >/dev/null; then
    printf '\n%s$ curl --silent %s/metrics | grep ^faas_errors%s\n' "$bold" "$EVOKE_ENDPOINT" "$plain"
    curl --silent --noproxy '*' "$EVOKE_ENDPOINT/metrics" | grep ^faas_errors
fi

# WORD, COMMAND: until what it prints has that word; what nobody waits for takes a moment.
await() {
    word=$1 n=0
    shift
    until "$evoke" "$@" | grep -q "$word" || [ $n -ge 100 ]; do
        n=$((n + 1))
        sleep 0.1
    done
}
title "Asynchronously: on disk, then acknowledged; a timer; and an event that fails is kept, with its error, for you to decide"
try invoke hello --async --event '{"name":"later"}'
id=$("$evoke" list invocations hello --output json | sed 's/.*"id":"\([^"]*\)".*/\1/')
try trigger create tick hello --every 1s --payload ping
try invoke report --async --event '{"numbers":[]}'
await report deadletter list
try deadletter list
try get invocation "$id"
try trigger list
await tick get ledger
try get ledger

title "At a URL: a page, and a function that says who may see it"
try deploy --no-wait examples/authorizer-header
try deploy --no-wait examples/page
try gateway apply examples/page/gateway.yaml
try gateway routes
url=$EVOKE_ENDPOINT$("$evoke" gateway routes --output json | sed 's/.*"path": *"\([^"]*\)".*/\1/')
ask() {
    printf '\n%s$ curl --include --header "auth: %s" %s%s\n' "$bold" "$1" "$url" "$plain"
    curl --silent --include --noproxy '*' --header "auth: $1" "$url"
    echo
}
if command -v curl >/dev/null; then
    ask 'open sesame'
    ask 'let me in'
fi

title "A project file of a cloud's own tool, as it is: Tencent's serverless.yml, with a URL and a timer"
try deploy --no-wait examples/scf-serverless
url=$("$evoke" trigger show books_apigw --output json | sed -n 's/.*"by_path": *"\([^"]*\)".*/\1/p')
if command -v curl >/dev/null; then
    printf '\n%s$ curl %s%s?id=1%s\n' "$bold" "$EVOKE_ENDPOINT" "$url" "$plain"
    curl --silent --noproxy '*' "$EVOKE_ENDPOINT$url?id=1"
    echo
fi

title "Done. Everything has been stopped and removed."
cat <<END
Next:
  $build/evoke serve                      keep one running; its first start shows the key pair for SDKs
  $build/evoke deploy examples/hello      in another terminal; change examples/hello/index.py, deploy again
  $build/evoke invoke hello --event '{"name":"you"}'
  $build/evoke logs hello -f              follow what it prints; \`why\` and \`top\` tell the rest
  $build/evoke help                       all commands
  README.md                              the clouds' own SDKs against it
  make test                              every check there is
END
