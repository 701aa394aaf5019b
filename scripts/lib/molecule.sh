#!/usr/bin/env bash
# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Every molecule scenario, the test hosts side by side: one process for each, with names of its own.
# Needs the registry with the images, and those of the test hosts (scripts/lib/images.sh).
set -euo pipefail

ROOT=$(cd "$(dirname "$0")/../.." && pwd)
PREFIX=${MOLECULE_PREFIX:-tagadodo-molecule}
LOGS=$ROOT/build/logs
# Test host: the scenarios it is for. The slowest first.
HOSTS=("whole app" "bare docker" "equipped mongodb nginx redis backup")

main() {
    local host failed=0 passed=0 processes=()
    trap interrupted INT TERM
    mkdir -p "$LOGS"
    cd "$ROOT"
    for host in "${HOSTS[@]}"; do
        # shellcheck disable=SC2086 # a host and its scenarios
        scenarios $host >"$LOGS/molecule-${host%% *}.log" 2>&1 </dev/null &
        processes+=("$!")
    done
    for host in "${HOSTS[@]}"; do
        if ! wait "${processes[0]}"; then
            failed=1
            printf 'molecule failed on %s; the end of build/logs/molecule-%s.log:\n' "${host%% *}" "${host%% *}"
            tail -n 80 "$LOGS/molecule-${host%% *}.log"
        fi
        processes=("${processes[@]:1}")
        passed=$((passed + $(passed_in "$LOGS/molecule-${host%% *}.log")))
    done
    printf '%d passed\n' "$passed"
    return "$failed"
}

# scenarios HOST NAME...
scenarios() {
    local host=$1
    shift
    export MOLECULE_HOSTS=$host MOLECULE_PREFIX=$PREFIX-$host MOLECULE_GLOB='molecule/*/molecule.yml'
    # Processes would overwrite each other's files in molecule's own choice of a directory.
    export MOLECULE_EPHEMERAL_DIRECTORY=$ROOT/build/molecule/$PREFIX-$host
    export NO_COLOR=1 ANSIBLE_NOCOLOR=1
    mkdir -p "$MOLECULE_EPHEMERAL_DIRECTORY"
    molecule test "${@/#/--scenario-name=}"
    rm -rf "$MOLECULE_EPHEMERAL_DIRECTORY"
}

# Molecule destroys nothing when it is ended, so its hosts are removed by their names.
interrupted() {
    local network
    trap '' INT TERM
    kill -TERM 0
    wait || true
    while pgrep --pgroup 0 ansible >/dev/null; do sleep 0.2; done
    docker ps --all --quiet --filter "name=^/?$PREFIX-" | xargs --no-run-if-empty docker rm --force --volumes >/dev/null
    docker volume ls --quiet --filter "name=$PREFIX-" | xargs --no-run-if-empty docker volume rm --force >/dev/null
    for network in $(docker network ls --quiet --filter "name=$PREFIX-"); do
        # The registry is in it too.
        docker network inspect --format '{{range $id, $_ := .Containers}}{{$id}} {{end}}' "$network" |
            xargs --no-run-if-empty -n 1 docker network disconnect --force "$network"
        docker network rm "$network" >/dev/null
    done
    rm -rf "$ROOT/build/molecule/$PREFIX-"* "$ROOT/build/$PREFIX-"*
    exit 1
}

passed_in() {
    sed -n 's/^=* \([0-9]*\) passed.*/\1/p' "$1" | awk '{ sum += $1 } END { print sum + 0 }'
}

main
