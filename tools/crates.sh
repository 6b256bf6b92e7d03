# shellcheck shell=bash
# What crates and programs the workspace has. To be sourced.
#
#   has_crate ponos-go               is it a member of the workspace?
#   has_program ponos-tests cross    does this member have this binary?

has_program() {
    cargo metadata --no-deps --format-version 1 | python3 -c '
import json, sys

crate, program = sys.argv[1:]
for package in json.load(sys.stdin)["packages"]:
    programs = [target["name"] for target in package["targets"] if "bin" in target["kind"]]
    if package["name"] == crate and (not program or program in programs):
        sys.exit(0)
sys.exit(1)' "$1" "${2-}"
}

has_crate() {
    has_program "$1"
}
