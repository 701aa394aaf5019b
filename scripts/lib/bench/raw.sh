#!/usr/bin/env bash
# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# The least that a deploy without lost requests can be.
#   raw.sh deploy PREFIX OLD_SLOT NEW_SLOT IMAGE NETWORK ENV_FILE SWITCH_FOLDER ADDRESS...
#   raw.sh remove PREFIX
set -euo pipefail

deploy() {
    local prefix=$1 old=$2 new=$3 image=$4 network=$5 env_file=$6 switch=$7 address started=() containers
    for address in "${@:8}"; do
        docker run --detach --rm --name "$prefix-$new-${address##*.}" --network "$network" --ip "$address" \
            --env-file "$env_file" "$image" >/dev/null &
        started+=($!)
    done
    for job in "${started[@]}"; do wait "$job"; done
    for address in "${@:8}"; do
        until curl --silent --fail --max-time 1 --output /dev/null "http://$address:3000/health/ready"; do sleep 0.05; done
    done
    if [[ $new == green ]]; then touch "$switch/green"; else rm -f "$switch/green"; fi
    mapfile -t containers < <(docker ps --quiet --filter "name=^/$prefix-$old-")
    if [[ ${#containers[@]} -gt 0 ]]; then docker stop "${containers[@]}" >/dev/null; fi
}

# One that was stopped is just being removed by the engine.
remove() {
    local containers
    while mapfile -t containers < <(docker ps --all --quiet --filter "name=^/$1-(blue|green)-") && [[ ${#containers[@]} -gt 0 ]]; do
        docker rm --force "${containers[@]}" >/dev/null 2>&1 || sleep 0.1
    done
}

"$@"
