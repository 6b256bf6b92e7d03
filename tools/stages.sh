# shellcheck shell=bash
# Runs the stages of a longer check one after the other, each with its time, and counts them. To be sourced.
#
#   stage "name" command args…   runs it; a failure is counted, told by $stage_status, and does not end the run
#   skip "name" "why"            says that a stage cannot run here
#   tally                        the last command: prints the counts and fails if a stage failed

stages_passed=0
stages_failed=()
stages_skipped=0
stage_status=0

stage() {
    local name=$1 from=$SECONDS
    shift
    printf '\n=== %s\n' "$name"
    # Not inside an `if` or `||`: that would switch errexit off for a command that is a shell function.
    set +e
    (
        set -e
        "$@"
    )
    stage_status=$?
    set -e
    if [ "$stage_status" -eq 0 ]; then
        stages_passed=$((stages_passed + 1))
        printf '=== %s: ok in %d s\n' "$name" $((SECONDS - from))
    else
        stages_failed+=("$name")
        printf '=== %s: FAILED (status %d) after %d s\n' "$name" "$stage_status" $((SECONDS - from))
    fi
}

skip() {
    stages_skipped=$((stages_skipped + 1))
    printf '\n=== %s: skipped: %s\n' "$1" "$2"
}

tally() {
    printf '\n%d s in all' "$SECONDS"
    if [ "$stages_skipped" -gt 0 ]; then
        printf ', %d skipped' "$stages_skipped"
    fi
    printf '\n'
    if [ "${#stages_failed[@]}" -gt 0 ]; then
        printf 'failed: %s\n' "${stages_failed[@]}"
    fi
    printf '%d passed, %d failed\n' "$stages_passed" "${#stages_failed[@]}"
    [ "${#stages_failed[@]}" -eq 0 ]
}
