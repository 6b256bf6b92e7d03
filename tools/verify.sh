#!/usr/bin/env bash
# Everything that can be checked without running the project: format, lints, docs, types, tree rules, licences.
# Changes nothing outside target/; tools/fix.sh mends what can be mended by a tool.
set -euo pipefail
cd "$(dirname "$0")/.."
source tools/stages.sh

export RUFF_NO_CACHE=true
export MYPY_CACHE_DIR=$PWD/target/mypy
export PYTHONDONTWRITEBYTECODE=1

docs() { RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps; }

check_rust() {
    stage "rust: format" cargo fmt --all --check
    stage "rust: clippy" cargo clippy --workspace --all-targets -- -D warnings
    stage "rust: docs" docs
    stage "tidy" cargo test -p ponos --test tidy
}

# The stubs are compared with the built module, so the installed one has to be that of this tree.
stubs() {
    tools/package.sh python
    tools/install.sh python
    cd target/installed/python
    bin/python -m mypy.stubtest ponos
    bin/python -m mypy --strict -p ponos
}

python_sources() {
    local folder
    for folder in tools bindings-python examples/python tests/parity tests/drivers; do
        if [ -d "$folder" ]; then echo "$folder"; fi
    done
}

check_python() {
    local sources
    if [ ! -x .venv/bin/ruff ]; then
        skip "python" "there is no .venv; tools/setup.sh makes it"
        return
    fi
    mapfile -t sources < <(python_sources)
    stage "python: lint" .venv/bin/ruff check "${sources[@]}"
    stage "python: format" .venv/bin/ruff format --check "${sources[@]}"
    if [ -d bindings-python ]; then
        stage "python: types" stubs
    else
        skip "python: types" "there is no bindings-python yet"
    fi
}

check_node() {
    local found
    if [ ! -d bindings-node/node_modules ]; then
        skip "node" "there is no bindings-node, or tools/setup.sh did not run since"
        return
    fi
    cd bindings-node
    if [ -f tsconfig.json ]; then
        stage "node: types" npx --no-install tsc --strict --noEmit
    else
        skip "node: types" "there is no bindings-node/tsconfig.json"
    fi
    found=$(compgen -G 'biome.json*' || compgen -G 'eslint.config.*' || true)
    case $found in
    biome*) stage "node: lint and format" npx --no-install biome check . ../tests/parity ../tests/drivers ../examples/node ;;
    eslint*) stage "node: lint" npx --no-install eslint . ;;
    *) skip "node: lint" "there is no biome.json or eslint.config in bindings-node" ;;
    esac
    cd ..
}

go_format() {
    local bad
    bad=$(gofmt -l "$@")
    if [ -n "$bad" ]; then
        printf 'not as gofmt writes it:\n%s\n' "$bad"
        return 1
    fi
}

go_vet() {
    # The driver of the scenarios is a module of its own: in a workspace it finds the one of this tree.
    export GOWORK=$PWD/target/verify/go.work
    mkdir -p target/verify
    rm -f "$GOWORK"
    go work init ./bindings-go ./tests/drivers/go
    go vet ./bindings-go/... ./tests/drivers/go/...
}

check_go() {
    local sources=(bindings-go tests/drivers/go)
    if [ ! -d bindings-go ]; then
        skip "go" "there is no bindings-go yet"
        return
    fi
    if [ -d examples/go ]; then sources+=(examples/go); fi
    stage "go: format" go_format "${sources[@]}"
    stage "go: vet" go_vet
}

licences() {
    if command -v cargo-deny >/dev/null; then
        cargo deny check licenses bans sources
    else
        python3 tools/licenses.py
    fi
}

check_rust
check_python
check_node
check_go
stage "licences" licences
tally
