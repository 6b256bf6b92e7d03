#!/usr/bin/env bash
# Runs a program of the workspace in release mode: tools/run.sh CRATE [--bin NAME] [arguments…]
set -euo pipefail
cd "$(dirname "$0")/.."
source tools/crates.sh

crate=$1
shift
bin=()
if [ "${1-}" = --bin ]; then
    bin=(--bin "$2")
    shift 2
fi
if ! has_program "$crate" "${bin[1]-}"; then
    echo "skipped: the workspace has no ${bin[1]:-program} in the crate $crate yet" >&2
    exit 1
fi
exec cargo run --release -p "$crate" ${bin[@]+"${bin[@]}"} -- "$@"
