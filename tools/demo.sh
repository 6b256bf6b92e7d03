#!/usr/bin/env bash
# Runs the departures demo: tools/demo.sh [--lang rust|python|node|go|all] [--url URL] [arguments of the program…]
#
# Every language has the same program with the same arguments:
#   --url URL               the engine
#   --role node|board|all   node: publish departures; board: show them; all: both in one process
#   --part i/n              which part of the departures this process publishes
#   --data DIR              where flights and airports are
# With "all", four processes share one map: Rust has the board, each publishes its quarter. Processes can share
# a map only on a server, so without --url a redis-server of our own runs for as long as the demo does.
set -euo pipefail
cd "$(dirname "$0")/.."

root=$PWD
installed=$root/target/installed
data=$root/examples/data
started=()

finish() {
    local pid
    for pid in ${started[@]+"${started[@]}"}; do
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
    local port folder=$root/target/demo-redis
    port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
    mkdir -p "$folder"
    "${PONOS_REDIS_SERVER:-redis-server}" --bind 127.0.0.1 --port "$port" --dir "$folder" \
        --save '' --appendonly no >"$folder/log" 2>&1 &
    started+=("$!")
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

all_languages() {
    local language part=2
    case $url in
    "") own_server ;;
    memory:*)
        echo "demo: memory:// is inside one process; give a redis:// URL, or none" >&2
        exit 2
        ;;
    esac
    for language in python node go; do
        program "$language" --url "$url" --role node --part "$part/4" --data "$data" "$@" \
            > >(sed -u "s/^/[$language] /") 2>&1 &
        started+=("$!")
        part=$((part + 1))
    done
    (program rust --url "$url" --role all --part 1/4 --data "$data" "$@")
}

language=rust
url=
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
    (program "$language" --url "${url:-memory://}" --role all --part 1/1 --data "$data" "$@")
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
