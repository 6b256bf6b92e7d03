#!/usr/bin/env bash
# Measures Ponos beside its peers: tools/bench.sh [maps|streams] [ROUNDS|tables]. Before streams are measured it fetches
# nats-server, unless there is one: Debian's package is unpacked under target/nats and nothing is installed, because
# an installed one is started as a service. Without it the rows beside NATS are left out, and it says why.
set -euo pipefail
cd "$(dirname "$0")/.."

say() { printf 'bench: %s\n' "$*"; }

# apt's own user, who downloads when we are root, may not write here.
download() { (cd "$1" && apt-get -qq -o APT::Sandbox::User=root download nats-server); }

fetch() {
    local folder=target/nats
    rm -rf $folder
    mkdir -p $folder
    # A list of packages that is old or was never fetched; to get a new one needs root.
    download $folder || { apt-get -qq update && download $folder; } || return
    dpkg-deb --extract $folder/nats-server_*.deb $folder
}

nats() {
    local server=${PONOS_NATS_SERVER:-nats-server}
    if PATH=$PATH:/usr/sbin command -v "$server" >/dev/null || [ -x target/nats/usr/sbin/nats-server ]; then
        return
    fi
    if ! command -v apt-get >/dev/null || ! command -v dpkg-deb >/dev/null; then
        say "NATS is skipped: there is no nats-server and no apt-get; name one in PONOS_NATS_SERVER" >&2
        return
    fi
    say "nats-server: fetching Debian's package into target/nats"
    if ! fetch; then
        rm -rf target/nats
        say "NATS is skipped: apt-get has no nats-server to give; name one in PONOS_NATS_SERVER" >&2
    fi
}

if [[ " $* " == *" streams "* || " $* " != *" maps "* ]]; then nats; fi
exec tools/run.sh ponos-benches "$@"
