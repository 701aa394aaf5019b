# shellcheck shell=bash
# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# The container engine: the one that answers, or one started here, which stop_engine stops again.

# Holds "systemd" or a process id while an engine started here, by this script or one before, may be running.
ENGINE_STATE=$BUILD/engine.started
ENGINE_IS_OWN=no # whether this script started it

engine_answers() {
    timeout 20 docker version >/dev/null 2>&1
}

ensure_engine() {
    engine_answers && return 0
    [[ -z ${DOCKER_HOST:-} ]] || die "the engine at DOCKER_HOST=$DOCKER_HOST does not answer"
    local packages=(docker.io iptables ca-certificates)
    if ! command -v dockerd >/dev/null || ! command -v docker >/dev/null; then
        if apt_knows docker-cli; then packages+=(docker-cli); fi
        need_apt "${packages[@]}"
    fi
    ENGINE_IS_OWN=yes
    if engine_answers; then
        # Its package starts it where systemd runs.
        echo systemd >"$ENGINE_STATE"
        return 0
    fi
    say "starting the container engine"
    if [[ -d /run/systemd/system ]]; then
        run_logged engine systemctl start docker
        echo systemd >"$ENGINE_STATE"
    else
        start_dockerd
    fi
    wait_for_engine
}

start_dockerd() {
    # In a session of its own, so that Ctrl-C does not reach it.
    setsid dockerd --pidfile "$BUILD/dockerd.pid" >"$LOGS/dockerd.log" 2>&1 </dev/null &
    echo $! >"$ENGINE_STATE"
    disown
}

wait_for_engine() {
    local deadline=$((SECONDS + 60)) state
    state=$(<"$ENGINE_STATE")
    until engine_answers; do
        if [[ $state != systemd && ! -d /proc/$state ]] || ((SECONDS > deadline)); then
            rm -f "$ENGINE_STATE"
            tail -n 10 "$LOGS/dockerd.log" >&2 2>/dev/null || true
            die "the container engine does not start here (see above, or journalctl -u docker)"
        fi
        sleep 0.2
    done
}

# Stops the engine only if this script started it: in one that runs since an earlier one there may be a demo.
stop_own_engine() {
    if [[ $ENGINE_IS_OWN == yes ]]; then stop_engine; fi
}

# Stops the engine only if it was started here.
stop_engine() {
    [[ -f $ENGINE_STATE ]] || return 0
    local state
    state=$(<"$ENGINE_STATE")
    rm -f "$ENGINE_STATE"
    say "stopping the container engine that was started here"
    if [[ $state == systemd ]]; then
        run_logged engine systemctl stop docker.service docker.socket
    elif [[ $(cat "/proc/$state/comm" 2>/dev/null) == dockerd ]]; then
        kill "$state"
        while readlink "/proc/$state/exe" >/dev/null; do sleep 0.1; done
    fi
}
