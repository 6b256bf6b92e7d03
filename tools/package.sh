#!/usr/bin/env bash
# Builds what users install, into target/packages: tools/package.sh [python|node|go|all]
set -euo pipefail
cd "$(dirname "$0")/.."
source tools/languages.sh

packages=$PWD/target/packages

package_python() {
    rm -f "$packages"/*.whl
    .venv/bin/maturin build --release --strip --manifest-path bindings-python/Cargo.toml \
        --interpreter .venv/bin/python --out "$packages"
}

package_node() {
    rm -f "$packages"/*.tgz
    cd bindings-node
    npm run build
    npm pack --pack-destination "$packages"
}

# The static library goes into the module's tree (ignored by git), then the tree into a proxy of files.
package_go() {
    local platform library
    rm -rf "$packages/goproxy"
    platform="$(go env GOOS)_$(go env GOARCH)"
    library=$(cargo build --release -p ponos-go --message-format json-render-diagnostics |
        python3 tools/staticlib.py ponos-go)
    mkdir -p "bindings-go/lib/$platform"
    strip -g -o "bindings-go/lib/$platform/libponos.a" "$library"
    python3 tools/goproxy.py bindings-go "$packages/goproxy"
}

languages_of "$@"
mkdir -p "$packages"
for language in "${languages[@]}"; do
    if [ ! -d "bindings-$language" ]; then
        echo "package $language: skipped: there is no bindings-$language yet"
    else
        echo "package $language: building"
        ("package_$language")
    fi
done
