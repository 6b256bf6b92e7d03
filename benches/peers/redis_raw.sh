#!/usr/bin/env bash
# What the server itself can do, to hold the clients' figures against:
#
#   redis_raw.sh maps PORT [script.lua numkeys arg...]
#   redis_raw.sh streams PORT
#
# Prints one JSON object a measurement. For maps: HSET, SET and, if a script is given, EVALSHA of it, with 50
# connections at pipeline depths 1, 16 and 64; in the script's arguments, __rand_int__ stands for one of 1,000
# numbers, as in redis-benchmark. For streams: XADD at depths 1 and 16, each the median of three runs of 1 to 2 s
# as before, and XREADGROUP with XACK of what it gave, 500 events at a time, on one connection that waits for
# nothing. Afterwards the keys that begin with ponos-bench-raw: are deleted.
set -euo pipefail
shopt -s inherit_errexit

usage() {
    printf 'usage: %s maps PORT [script.lua numkeys arg...] | streams PORT\n' "${0##*/}" >&2
    exit 2
}

fail() {
    printf '%s: %s\n' "${0##*/}" "$*" >&2
    exit 1
}

if [[ $# -lt 2 || ! $2 =~ ^[0-9]+$ ]]; then usage; fi
case $1:$# in
maps:3) usage ;;
maps:* | streams:2) ;;
*) usage ;;
esac

readonly work=$1 port=$2 host=127.0.0.1 clients=50 keys=1000 value_bytes=100 runs=3 seconds=1.5
readonly prefix=ponos-bench-raw: backlog=400000 batch=500 stream_length=1000000
value=$(printf 'v%.0s' $(seq $value_bytes))
readonly value
shift 2

cli() { redis-cli -e -h $host -p "$port" "$@"; }

# Requests of one command so far: "calls failed". The server counts them, so that what was measured is known
# to have been done.
counted() {
    cli INFO commandstats | tr -d '\r' | awk -F '[:,=]' -v name="cmdstat_$1" '
        $1 == name { for (i = 2; i < NF; i += 2) stat[$i] = $(i + 1) }
        END { print stat["calls"] + 0, stat["failed_calls"] + stat["rejected_calls"] }'
}

# One run of redis-benchmark: requests per second, p50 and p99 in ms. The name of the test comes first in its
# CSV and may hold anything, so fields are counted from the end.
once() {
    local pipeline=$1 requests=$2 line
    shift 2
    line=$(redis-benchmark -h $host -p "$port" --csv -c $clients -P "$pipeline" -n "$requests" -r $keys "$@" |
        tail -n 1)
    awk -F '","' '
        NF >= 8 && $(NF - 6) > 0 { print $(NF - 6), $(NF - 3), $(NF - 1); good = 1 }
        END { exit !good }' <<<"$line" || fail "redis-benchmark said: $line"
}

# How many requests make a run of the length wanted, by trial runs that double until they are not too short.
requests_for() {
    local pipeline=$1 requests=$((5000 * $1)) result short=1
    shift
    while ((short)); do
        result=$(once "$pipeline" "$requests" "$@")
        short=$(awk -v n=$requests -v r="${result%% *}" 'BEGIN { print n / r < 0.3 }')
        requests=$((requests * 2))
    done
    awk -v r="${result%% *}" -v s=$seconds 'BEGIN { printf "%d\n", r * s }'
}

point() {
    local name=$1 pipeline=$2 requests before after calls failed results
    shift 2
    requests=$(requests_for "$pipeline" "$@")
    before=$(counted "$name")
    results=$(for _ in $(seq $runs); do once "$pipeline" "$requests" "$@"; done)
    after=$(counted "$name")
    calls=$((${after% *} - ${before% *})) failed=$((${after#* } - ${before#* }))
    if ((failed > 0 || calls < runs * requests)); then
        fail "$name: $calls calls instead of $((runs * requests)), $failed failed"
    fi
    sort -g <<<"$results" | sed -n $((runs / 2 + 1))p |
        awk -v name="$name" -v params="\"clients\":$clients,\"pipeline\":$pipeline,\"requests\":$requests" '{
            printf "{\"bench\":\"raw_%s\",\"params\":{%s},", name, params
            printf "\"ops_per_s\":%.2f,\"p50_us\":%.0f,\"p99_us\":%.0f}\n", $1, $2 * 1000, $3 * 1000
        }'
}

points() {
    local pipeline
    for pipeline in 1 16 64; do point "$1" "$pipeline" "${@:2}"; done
}

maps() {
    local sha
    points hset HSET "${prefix}hash" field:__rand_int__ "$value"
    points set SET "${prefix}__rand_int__" "$value"
    if (($# > 0)); then
        [[ -r $1 ]] || fail "cannot read $1"
        sha=$(cli -x SCRIPT LOAD <"$1")
        cli EVALSHA "$sha" "${@:2}" >/dev/null || fail "the script failed with these arguments"
        points evalsha EVALSHA "$sha" "${@:2}"
    fi
}

# Sends the commands of stdin without waiting for answers, and fails if one of them is an error.
pipe() {
    local said
    said=$(redis-cli -h $host -p "$port" --pipe 2>&1) || fail "redis-cli said: $said"
}

# Events get numbers for ids, so that their acks can be written before they are read.
consume() {
    local stream=${prefix}consume commands start end pending
    seq $backlog | sed "s/.*/XADD $stream 1-& e $value/" | pipe
    cli XGROUP CREATE "$stream" g 0 >/dev/null
    commands=$(awk -v stream="$stream" -v backlog=$backlog -v batch=$batch 'BEGIN {
        for (from = 1; from <= backlog; from += batch) {
            print "XREADGROUP GROUP g c COUNT", batch, "STREAMS", stream, ">"
            line = "XACK " stream " g"
            for (id = from; id < from + batch; id++) line = line " 1-" id
            print line
        }
    }')
    start=$EPOCHREALTIME
    pipe <<<"$commands"
    end=$EPOCHREALTIME
    pending=$(cli XPENDING "$stream" g | head -n 1)
    [[ $pending == 0 && $(cli XINFO GROUPS "$stream") == *"1-$backlog"* ]] || fail "$pending events without an ack"
    awk -v n=$backlog -v start="$start" -v end="$end" -v batch=$batch 'BEGIN {
        printf "{\"bench\":\"raw_consume\",\"params\":{\"batch\":%d},\"ops_per_s\":%.2f}\n", batch, n / (end - start)
    }'
}

streams() {
    local pipeline
    for pipeline in 1 16; do
        point xadd "$pipeline" XADD "${prefix}stream" MAXLEN '~' $stream_length '*' e "$value"
    done
    consume
}

clean() {
    cli --scan --pattern "$prefix*" | xargs -r redis-cli -h $host -p "$port" DEL >/dev/null
}

[[ $(cli PING) == PONG ]] || fail "no server at port $port"
trap clean EXIT
"$work" "$@"
