#!/usr/bin/env bash
# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# The example's own lint and tests: in the image it is built in, against the servers it is deployed with.
# shellcheck source=scripts/lib/common.sh
source "$(dirname "$0")/common.sh"

NAME=tagadodo-app-test-$$

main() {
    ensure_registry
    trap clean EXIT
    build_test_image backend
    build_test_image frontend
    docker network create "$NAME" >/dev/null
    docker run --detach --name "$NAME-redis" --network "$NAME" --network-alias redis "$REGISTRY/redis:8.0" >/dev/null
    docker run --detach --name "$NAME-mongo" --network "$NAME" --network-alias mongo "$REGISTRY/mongo:8.0" >/dev/null
    lint_lease_holder
    docker run --rm --name "$NAME-backend" --network "$NAME" \
        --env MONGO_URI=mongodb://mongo:27017/ --env REDIS_HOST=redis "$NAME:backend" npx vitest run
    docker run --detach --name "$NAME-page" --publish 127.0.0.1::8080 --read-only --tmpfs /tmp \
        --cap-drop ALL --security-opt no-new-privileges "$REGISTRY/tagadodo/frontend:1.0.0" >/dev/null
    docker run --rm --network host --env "FRONTEND_URL=http://$(docker port "$NAME-page" 8080)" \
        "$NAME:frontend" npm run --silent test:image
}

# The stage runs lint and the tests that need no service while it is built.
build_test_image() {
    echo "building the $1's tests"
    KEEP_TESTS=yes build_app_context "$1" docker build --quiet --network host --target test --tag "$NAME:$1" \
        --build-arg "NODE_IMAGE=$REGISTRY/node:24" --build-arg "NGINX_IMAGE=$REGISTRY/nginx:1.30" "${PROXY_ARGS[@]}"
}

# The script that holds a lease runs in images like this one, and lies in Python only to travel with a module.
lint_lease_holder() {
    local script
    script=$(mktemp -d)/lease-holder.mjs
    PYTHONPATH=$ROOT/collections python3 - >"$script" <<'PYTHON'
from ansible_collections.tagadodo.deploy.plugins.module_utils._lease_holder import SCRIPT

print(SCRIPT, end="")
PYTHON
    docker run --rm --network none --volume "$script:/app/lease-holder.mjs:ro" "$NAME:backend" \
        npx biome ci lease-holder.mjs
    rm -r "${script%/*}"
}

clean() {
    docker ps --all --quiet --filter "name=$NAME-" | xargs --no-run-if-empty docker rm --force --volumes >/dev/null
    docker network rm "$NAME" >/dev/null 2>&1 || true
    docker rmi --force "$NAME:backend" "$NAME:frontend" >/dev/null 2>&1 || true
}

main
