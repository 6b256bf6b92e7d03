#!/usr/bin/env bash
# Installs what building and testing need beyond the four toolchains: redis-server (by apt), the tools of
# tools/requirements.txt in .venv, the packages of bindings-node. Nothing else leaves this tree.
set -euo pipefail
cd "$(dirname "$0")/.."

say() { printf 'setup: %s\n' "$*"; }

# at_least NAME WANTED FOUND: fails with a sentence when a toolchain is missing or too old.
at_least() {
    if [ -z "$3" ] || [ "$(printf '%s\n%s\n' "$2" "$3" | sort -V | head -n 1)" != "$2" ]; then
        say "$1 $2 or newer is needed, found: ${3:-none}" >&2
        exit 1
    fi
}

toolchains() {
    at_least Rust 1.95 "$(rustc --version 2>/dev/null | cut -d ' ' -f 2)"
    at_least Python 3.11 "$(python3 --version 2>/dev/null | cut -d ' ' -f 2)"
    at_least Node 20 "$(node --version 2>/dev/null | tr -d v)"
    at_least Go 1.26 "$(go version 2>/dev/null | cut -d ' ' -f 3 | sed 's/^go//')"
}

redis() {
    local server=${PONOS_REDIS_SERVER:-redis-server} root=()
    if command -v "$server" >/dev/null; then
        say "redis-server: skipped, $(command -v "$server") is there"
        return
    fi
    if ! command -v apt-get >/dev/null; then
        say "redis-server is missing and there is no apt-get: install it, or name one in PONOS_REDIS_SERVER" >&2
        exit 1
    fi
    if [ "$(id -u)" -ne 0 ]; then
        if ! command -v sudo >/dev/null; then
            say "redis-server is missing and we are not root: install it, or name one in PONOS_REDIS_SERVER" >&2
            exit 1
        fi
        root=(sudo)
    fi
    say "redis-server: installing by apt-get"
    ${root[@]+"${root[@]}"} apt-get -qq -o DPkg::Lock::Timeout=300 update
    ${root[@]+"${root[@]}"} env DEBIAN_FRONTEND=noninteractive apt-get -qq -y -o DPkg::Lock::Timeout=300 \
        install --no-install-recommends redis-server >/dev/null
}

# The wheels are kept in .venv/wheels: tools/install.sh makes its fresh environments from them, offline.
python_tools() {
    local want
    want="$(python3 --version) $(sha256sum <tools/requirements.txt)"
    if [ "$(cat .venv/ponos-setup 2>/dev/null)" = "$want" ]; then
        say "python tools: skipped, .venv is as tools/requirements.txt says"
        return
    fi
    say "python tools: making .venv"
    python3 -m venv --clear .venv
    .venv/bin/pip download --quiet --dest .venv/wheels --requirement tools/requirements.txt
    .venv/bin/pip install --quiet --no-index --find-links .venv/wheels --requirement tools/requirements.txt
    printf '%s\n' "$want" >.venv/ponos-setup
}

# What the installed packages depend on: a changed answer means that they are to be installed again.
node_state() {
    node --version
    sha256sum bindings-node/package.json
    if [ -f bindings-node/package-lock.json ]; then sha256sum bindings-node/package-lock.json; fi
}

# The lock file leaves out where packages were downloaded from: that is the business of each machine. `npm ci` takes
# such a file for incomplete where a package has a variant for each platform, so `npm install` keeps to it instead.
node_packages() {
    if [ ! -f bindings-node/package.json ]; then
        say "node packages: skipped, there is no bindings-node/package.json yet"
        return
    fi
    if [ "$(cat bindings-node/node_modules/.ponos-setup 2>/dev/null)" = "$(node_state)" ]; then
        say "node packages: skipped, bindings-node/node_modules is as package.json says"
        return
    fi
    say "node packages: npm install in bindings-node"
    (cd bindings-node && npm install --no-save --omit-lockfile-registry-resolved --no-audit --no-fund --loglevel=error)
    mkdir -p bindings-node/node_modules
    node_state >bindings-node/node_modules/.ponos-setup
}

toolchains
redis
python_tools
node_packages
