# shellcheck shell=bash
# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# A registry on this machine, so that pulls and digests are real.
# It listens on 127.0.0.1 and on the gateway of the default bridge, for engines in containers.

REGISTRY_CONTAINER=tagadodo-registry
REGISTRY_IMAGE=tagadodo/registry:2

# Sets and exports REGISTRY (127.0.0.1:PORT). The port is REGISTRY_PORT, or the next free one from 5000.
ensure_registry() {
    local port gateway
    command -v ip >/dev/null || need_apt iproute2
    port=$(registry_port)
    if [[ -z $port ]]; then
        "$ROOT/scripts/images/build" registry
        port=$(free_registry_port)
        gateway=$(bridge_gateway)
        docker rm --force "$REGISTRY_CONTAINER" >/dev/null 2>&1 || true
        run_logged registry docker run --detach --name "$REGISTRY_CONTAINER" --restart unless-stopped \
            --publish "127.0.0.1:$port:5000" --publish "$gateway:$port:5000" \
            --volume "$REGISTRY_CONTAINER:/var/lib/registry" \
            --read-only --cap-drop ALL --security-opt no-new-privileges "$REGISTRY_IMAGE"
        wait_for_registry "$port"
        say "registry at 127.0.0.1:$port"
    fi
    export REGISTRY=127.0.0.1:$port
}

# The port of the registry that runs, or nothing.
registry_port() {
    [[ $(docker inspect --format '{{.State.Running}}' "$REGISTRY_CONTAINER" 2>/dev/null) == true ]] || return 0
    docker port "$REGISTRY_CONTAINER" 5000 | sed -n 's/^127\.0\.0\.1://p'
}

# GATEWAY:PORT, as containers on the default bridge see the registry.
registry_for_containers() {
    printf '%s:%s\n' "$(bridge_gateway)" "${REGISTRY##*:}"
}

# The engine's answer is empty where the bridge has its default address.
bridge_gateway() {
    local gateway
    gateway=$(docker network inspect bridge --format '{{range .IPAM.Config}}{{println .Gateway}}{{end}}' | grep -m 1 -F .) ||
        gateway=$(ip -4 -o address show docker0 | sed -n 's/.* inet \([0-9.]*\).*/\1/p')
    [[ -n $gateway ]] || die "the engine's default bridge has no address; the registry needs one"
    printf '%s\n' "$gateway"
}

free_registry_port() {
    local wanted=${REGISTRY_PORT:-5000} port
    for ((port = wanted; port < wanted + 100; port++)); do
        if ! (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then
            [[ $port -eq $wanted ]] || say "port $wanted is taken: the registry gets $port" >&2
            printf '%s\n' "$port"
            return
        fi
    done
    die "no free port from $wanted to $((wanted + 99)) for the registry; set REGISTRY_PORT"
}

wait_for_registry() {
    local deadline=$((SECONDS + 15))
    until registry_answers "$1"; do
        if ((SECONDS > deadline)); then
            docker logs --tail 10 "$REGISTRY_CONTAINER" >&2
            die "the registry does not answer on 127.0.0.1:$1"
        fi
        sleep 0.1
    done
}

registry_answers() {
    registry_says "$1" /v2/
}

# registry_has NAME:TAG
registry_has() {
    registry_says "${REGISTRY##*:}" "/v2/${1%:*}/manifests/${1##*:}"
}

# registry_says PORT PATH: whether it answers 200.
registry_says() {
    local types='application/vnd.docker.distribution.manifest.v2+json, application/vnd.oci.image.index.v1+json'
    types+=', application/vnd.docker.distribution.manifest.list.v2+json, application/vnd.oci.image.manifest.v1+json'
    (
        exec 3<>"/dev/tcp/127.0.0.1/$1" &&
            printf 'HEAD %s HTTP/1.0\r\nAccept: %s\r\n\r\n' "$2" "$types" >&3 &&
            timeout 5 head -n 1 <&3 | grep -q ' 200 '
    ) 2>/dev/null
}

# Removes the registry and what it holds.
drop_registry() {
    docker rm --force --volumes "$REGISTRY_CONTAINER" >/dev/null 2>&1 || true
    docker volume rm --force "$REGISTRY_CONTAINER" >/dev/null
}
