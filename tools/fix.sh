#!/usr/bin/env bash
# Mends what tools/verify.sh finds, as far as tools can.
set -euo pipefail
cd "$(dirname "$0")/.."

cargo clippy --workspace --all-targets --fix --allow-dirty --allow-staged
cargo fmt --all

if [ -x .venv/bin/ruff ]; then
    sources=(tools)
    for folder in bindings-python examples/python tests/parity tests/drivers; do
        if [ -d "$folder" ]; then sources+=("$folder"); fi
    done
    .venv/bin/ruff check --no-cache --fix "${sources[@]}"
    .venv/bin/ruff format --no-cache "${sources[@]}"
else
    echo "fix: python skipped: there is no .venv; tools/setup.sh makes it"
fi

if [ -d bindings-node/node_modules ]; then
    cd bindings-node
    if compgen -G 'biome.json*' >/dev/null; then
        npx --no-install biome check --write . ../tests/parity ../tests/drivers
    elif compgen -G 'eslint.config.*' >/dev/null; then
        npx --no-install eslint --fix .
    fi
    cd ..
else
    echo "fix: node skipped: there is no bindings-node, or tools/setup.sh did not run since"
fi

for folder in bindings-go examples/go tests/drivers/go; do
    if [ -d "$folder" ]; then gofmt -w "$folder"; fi
done
