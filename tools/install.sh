#!/usr/bin/env bash
# Installs the packages of target/packages as a user would, each into a fresh place under target/installed:
# tools/install.sh [python|node|go|all]. They are to need no others: pip and npm work offline here.
set -euo pipefail
cd "$(dirname "$0")/.."
source tools/languages.sh

root=$PWD
packages=$root/target/packages
installed=$root/target/installed

# A fresh virtual environment: the wheel alone first, then what the tests need, from what setup.sh kept.
install_python() {
    python3 -m venv "$installed/python"
    "$installed/python/bin/pip" install --quiet --no-index "$packages"/*.whl
    "$installed/python/bin/pip" install --quiet --no-index --find-links .venv/wheels \
        --requirement tools/requirements.txt
}

# An empty folder with the tarball.
install_node() {
    mkdir "$installed/node"
    cd "$installed/node"
    printf '{ "name": "installed", "private": true, "type": "module" }\n' >package.json
    npm install --offline --no-audit --no-fund --loglevel=error "$packages"/*.tgz
}

# A module in an empty folder, with a module cache of its own so that nothing of an earlier build is seen.
# Whoever runs Go in it sets GOENV to the file written here.
install_go() {
    local proxies name cache
    proxies="file://$packages/goproxy,$(go env GOPROXY)"
    name=$(cd "$packages/goproxy" && find . -name '*.mod' -exec awk '$1 == "module" { print $2 }' {} +)
    # Go remembers the files of a module by its path, also over a new installation: each build has its own.
    cache=$installed/go/modcache-$(find "$packages/goproxy" -name '*.zip' -exec sha256sum {} + | cut -c1-12)
    mkdir "$installed/go"
    cd "$installed/go"
    cat >goenv <<END
GOPROXY=$proxies
GONOSUMDB=$name
GOMODCACHE=$cache
GOFLAGS=-mod=mod -modcacherw
GOTOOLCHAIN=local
END
    unset GOPROXY GONOSUMDB GOMODCACHE GOFLAGS GOTOOLCHAIN
    export GOENV=$installed/go/goenv
    go mod init installed
    go get -t "$name/...@latest"
}

artefact() {
    case $1 in
    python) echo "$packages/*.whl" ;;
    node) echo "$packages/*.tgz" ;;
    go) echo "$packages/goproxy" ;;
    esac
}

languages_of "$@"
mkdir -p "$installed"
for language in "${languages[@]}"; do
    rm -rf "${installed:?}/$language"
    if ! compgen -G "$(artefact "$language")" >/dev/null; then
        echo "install $language: skipped: there is no package; tools/package.sh $language makes it"
    else
        echo "install $language: into target/installed/$language"
        ("install_$language")
    fi
done
