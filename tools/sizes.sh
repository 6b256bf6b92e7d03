#!/usr/bin/env bash
# Prints how large the packages of target/packages are: as they are downloaded, and the native library inside.
set -euo pipefail
cd "$(dirname "$0")/../target/packages"

# say NAME PACKAGE LIBRARY-SIZE
say() { printf '%-8s %5.1f MB, its library %5.1f MB\n' "$1" "$(mega "$(stat -c %s "$2")")" "$(mega "$3")"; }
mega() { awk -v bytes="$1" 'BEGIN { print bytes / 1e6 }'; }

# Of a zip: the size of the member that the pattern names, unpacked.
in_zip() { python3 -c 'import re, sys, zipfile
print(sum(each.file_size for each in zipfile.ZipFile(sys.argv[1]).infolist() if re.search(sys.argv[2], each.filename)))' "$@"; }

for package in *.whl; do
    if [ -e "$package" ]; then say python "$package" "$(in_zip "$package" '\.so$')"; fi
done
for package in *.tgz; do
    if [ -e "$package" ]; then say node "$package" "$(tar -tvzf "$package" | awk '/\.node$/ { print $3 }')"; fi
done
for package in goproxy/github.com/*/*/@v/*.zip; do
    if [ -e "$package" ]; then say go "$package" "$(in_zip "$package" '\.a$')"; fi
done
