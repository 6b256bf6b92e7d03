#!/usr/bin/env bash
# Runs the departures demo: tools/demo.sh [--lang rust|python|node|go|all] [--url URL] [arguments of the program…]
#
# Every language has the same program with the same arguments:
#   --url URL                    the engine
#   --role feed|count|board|all  feed: publish departures; count: add them up, as one of several consumers;
#                                board: show the totals and compare them with the file; all: all in one process
#   --data DIR                   where the flights are
#   --pace N                     flights a second
#   --kills N                    with "all": how many consumers are killed on the way and replaced
# With "all" languages, processes share one server: Node publishes, a consumer in each language counts, each is killed
# (kill -9) in the middle of its work and another takes its place, Rust has the board. Without --url a redis-server of
# our own runs for as long as the demo does. Fails unless the totals are exactly those of the file.
set -euo pipefail
cd "$(dirname "$0")/.."

root=$PWD
installed=$root/target/installed
data=$root/examples/data
logs=$root/target/demo

# What runs, by name: none of it outlives us.
declare -A running=()

finish() {
    local pid
    for pid in "${running[@]}"; do
        kill "$pid" 2>/dev/null || true
        wait "$pid" 2>/dev/null || true
    done
}
trap finish EXIT

source_of() {
    case $1 in
    rust) echo examples/rust/Cargo.toml ;;
    python) echo examples/python/departures.py ;;
    node) echo examples/node/departures.mjs ;;
    go) echo examples/go/departures ;;
    esac
}

# Makes sure that a language's program can run: the package installed, the program copied beside it.
prepare() {
    local language=$1
    if [ ! -e "$(source_of "$language")" ]; then
        echo "demo: there is no $(source_of "$language") yet" >&2
        exit 1
    fi
    if [ "$language" = rust ]; then
        cargo build --release -p ponos-example-departures
        return
    fi
    if [ -d "$installed/$language" ]; then
        echo "demo: $language as installed in target/installed/$language; make package renews it"
    else
        tools/setup.sh
        tools/package.sh "$language"
        tools/install.sh "$language"
    fi
    if [ "$language" = python ]; then
        return
    fi
    rm -rf "$installed/$language/examples"
    cp -R "examples/$language" "$installed/$language/examples"
    if [ "$language" = go ]; then
        find "$installed/go/examples" \( -name go.mod -o -name go.sum \) -delete
        (cd "$installed/go" && GOENV=$PWD/goenv go build -o departures ./examples/departures)
    fi
}

# Becomes the program: run it in a subshell or in the background.
program() {
    local language=$1
    shift
    case $language in
    rust) exec cargo run --quiet --release -p ponos-example-departures -- "$@" ;;
    python) exec "$installed/python/bin/python" "$(source_of python)" "$@" ;;
    node) exec node "$installed/node/examples/departures.mjs" "$@" ;;
    go) exec "$installed/go/departures" "$@" ;;
    esac
}

# Starts a redis-server on a free port and sets `url`.
own_server() {
    local port folder=$logs/redis
    port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
    mkdir -p "$folder"
    "${PONOS_REDIS_SERVER:-redis-server}" --bind 127.0.0.1 --port "$port" --dir "$folder" \
        --save '' --appendonly no >"$folder/log" 2>&1 &
    running[redis]=$!
    for _ in $(seq 100); do
        if (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then
            url=redis://127.0.0.1:$port
            return
        fi
        sleep 0.05
    done
    echo "demo: redis-server did not start; $folder/log says why" >&2
    exit 1
}

# Names of its own for each run: what one left that was interrupted is not counted by the next.
own_names() {
    local prefix
    prefix=prefix=departures-$(date +%s%N):
    case $url in
    memory:* | *prefix=*) ;;
    *\?*) url=$url\&$prefix ;;
    *) url=$url?$prefix ;;
    esac
}

# Starts the consumer of a language and waits until it has joined.
start_consumer() {
    local name=$1 language=$2
    program "$language" --url "$url" --role count --data "$data" >"$logs/$name" 2>&1 &
    running[$name]=$!
    for _ in $(seq 600); do
        if grep -qs joins "$logs/$name"; then return; fi
        sleep 0.05
    done
    echo "demo: the consumer does not join; $logs/$name says why" >&2
    exit 1
}

# Kills a consumer that is at work, without a warning.
kill_consumer() {
    local name=$1
    if ! kill -9 "${running[$name]}"; then
        echo "demo: the consumer had ended before it could be killed; see $logs/$name" >&2
        exit 1
    fi
    wait "${running[$name]}" 2>/dev/null || true
    unset "running[$name]"
    echo "a consumer is killed in the middle of its work" | tee -a "$logs/$name"
}

# Waits until a process has ended by itself, and well.
ended() {
    local name=$1 seconds=$2 pid=${running[$1]}
    for _ in $(seq $((seconds * 20))); do
        if ! kill -0 "$pid" 2>/dev/null; then
            unset "running[$name]"
            wait "$pid"
            return
        fi
        sleep 0.05
    done
    echo "demo: $name does not end" >&2
    return 1
}

all_languages() {
    local language name languages=(python node go rust)
    case $url in
    "") own_server ;;
    memory:*)
        echo "demo: memory:// is inside one process; give a redis:// URL, or none" >&2
        exit 2
        ;;
    esac
    own_names
    rm -f "$logs"/*-[12]
    for language in "${languages[@]}"; do start_consumer "$language-1" "$language"; done
    program rust --url "$url" --role board --data "$data" "$@" &
    running[board]=$!
    program node --url "$url" --role feed --data "$data" "$@" &
    running[feed]=$!
    for language in "${languages[@]}"; do
        sleep 1
        kill_consumer "$language-1"
        start_consumer "$language-2" "$language"
    done
    ended board 120
    ended feed 20
    for language in "${languages[@]}"; do ended "$language-2" 20; done
    for name in "${languages[@]/%/-1}" "${languages[@]/%/-2}"; do
        echo "$name: $(tail -n 1 "$logs/$name")"
    done | sort
}

language=rust
url=
mkdir -p "$logs"
while [ $# -gt 0 ]; do
    case $1 in
    --lang) language=$2 ;;
    --url) url=$2 ;;
    *) break ;;
    esac
    shift 2
done

case $language in
rust | python | node | go)
    prepare "$language"
    url=${url:-memory://}
    own_names
    (program "$language" --url "$url" --role all --data "$data" "$@")
    ;;
all)
    for each in rust python node go; do prepare "$each"; done
    all_languages "$@"
    ;;
*)
    echo "demo: --lang is one of rust, python, node, go, all; not $language" >&2
    exit 2
    ;;
esac
