# shellcheck shell=bash
# The languages that a script is asked for: all of them, unless its argument names one. To be sourced.
#
#   languages_of "$@"     sets $languages, or says how the script is called and ends it

languages_of() {
    case ${1:-all} in
    python | node | go) languages=("$1") ;;
    all) languages=(python node go) ;;
    *)
        echo "usage: $0 [python|node|go|all]" >&2
        exit 2
        ;;
    esac
}
