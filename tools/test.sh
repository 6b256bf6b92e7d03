#!/usr/bin/env bash
# The whole test run: the core, then the installed packages of each language, then all languages together.
# Tests that need a redis-server start it themselves: the one in PATH, or PONOS_REDIS_SERVER.
set -euo pipefail
cd "$(dirname "$0")/.."
source tools/stages.sh
source tools/crates.sh

# Tests run in the installed places: this is how they find the files of this tree (the scenarios, say).
export PONOS_ROOT=$PWD
export PONOS_INSTALLED=$PWD/target/installed
export PYTHONDONTWRITEBYTECODE=1

test_python() {
    cd "$PONOS_INSTALLED/python"
    bin/python -m pytest -p no:cacheprovider "$PONOS_ROOT/bindings-python/tests"
}

# The tests are copied: in Node an import is looked for upwards from the file that has it.
test_node() {
    local files
    cd "$PONOS_INSTALLED/node"
    rm -rf tests
    cp -R "$PONOS_ROOT/bindings-node/tests" tests
    mapfile -t files < <(find tests -name '*.test.mjs' -o -name '*.test.js' -o -name '*.test.cjs' | sort)
    node --test "${files[@]:?no tests named *.test.mjs}"
}

# test_go [FLAGS]: vets and tests the installed module.
test_go() {
    local name
    name=$(awk '$1 == "module" { print $2 }' "$PONOS_ROOT/bindings-go/go.mod")
    cd "$PONOS_INSTALLED/go"
    export GOENV=$PWD/goenv
    go vet "$name/..."
    go test -timeout 10m "$@" "$name/..."
}

# language NAME TESTS: packages, installs and tests one binding; TESTS is where its tests are, as a pattern.
language() {
    local name=$1 tests=$2
    if [ ! -d "bindings-$name" ]; then
        skip "$name" "there is no bindings-$name yet"
        return
    fi
    stage "$name: package" tools/package.sh "$name"
    if [ "$stage_status" -eq 0 ]; then
        stage "$name: install" tools/install.sh "$name"
    fi
    if [ "$stage_status" -ne 0 ]; then
        skip "$name: tests" "it is not installed"
    elif ! compgen -G "$tests" >/dev/null; then
        skip "$name: tests" "there is no $tests yet"
    else
        stage "$name: tests" "test_$name"
    fi
}

# All its programs are built: the driver for Rust is one of them.
run_program() {
    cargo build --release -p ponos-tests --bins
    cargo run --release -p ponos-tests --bin "$1"
}

# together PROGRAM: runs one of the programs that drive all languages.
together() {
    if has_program ponos-tests "$1"; then
        stage "$1" run_program "$1"
    else
        skip "$1" "the workspace has no crate ponos-tests with this program yet"
    fi
}

stage "setup" tools/setup.sh
stage "rust: tests" cargo test --workspace --no-fail-fast
language python bindings-python/tests
language node bindings-node/tests
language go 'bindings-go/*_test.go'
if [ "$stage_status" -eq 0 ]; then
    stage "go: tests with the race detector" test_go -race
else
    skip "go: tests with the race detector" "they do not pass without it, or it is not installed"
fi
together scenarios
together cross
together parity
stage "demo in all languages" tools/demo.sh --lang all
tally
