# shellcheck shell=bash
# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Images in the registry of this machine: those of the services, and the example's.

# ensure_all runtime|demo|test [NAME...]: engine, Python environment, registry and images, what is slow side by side.
ensure_all() {
    local requirements=$1 bases
    shift
    require_machine
    ensure_engine
    "$ROOT/scripts/images/build" --bases "$@" &
    bases=$!
    ensure_venv "$requirements"
    wait "$bases" || exit 1
    ensure_registry
    ensure_images "$@"
}

# ensure_images [NAME...]: what scripts/images/build makes, if it is missing.
ensure_images() {
    "$ROOT/scripts/images/build" "$@"
}

# Builds reach package registries as this machine does.
PROXY_ARGS=()
for variable in http_proxy https_proxy no_proxy HTTP_PROXY HTTPS_PROXY NO_PROXY; do
    if [[ -n ${!variable:-} ]]; then PROXY_ARGS+=(--build-arg "$variable=${!variable}"); fi
done
unset variable

# build_app_image VERSION [NAME=VALUE...]: backend and frontend of examples/tagadodo, with those build
# arguments (FAULT_...), as REGISTRY/tagadodo/{backend,frontend}:VERSION.
build_app_image() {
    local part
    for part in backend frontend; do build_app_part "$part" "$@"; done
}

# build_app_part PART VERSION [NAME=VALUE...]
build_app_part() {
    local part=$1 version=$2 image hash argument arguments=()
    image=$REGISTRY/tagadodo/$part:$version
    shift 2
    hash=$(app_hash "$part" "$@")
    if [[ $(docker image inspect --format '{{index .Config.Labels "tagadodo.recipe"}}' "$image" 2>/dev/null) == "$hash" ]] &&
        registry_has "tagadodo/$part:$version"; then
        return 0
    fi
    for argument in "$@"; do arguments+=(--build-arg "$argument"); done
    say "building tagadodo/$part:$version${*:+ with $*}"
    run_logged "app-$part-$version" build_app_context "$part" docker build --network host --tag "$image" \
        --build-arg "NODE_IMAGE=$REGISTRY/node:24" --build-arg "NGINX_IMAGE=$REGISTRY/nginx:1.30" \
        --build-arg "VERSION=$version" --label "tagadodo.recipe=$hash" "${PROXY_ARGS[@]}" "${arguments[@]}"
    run_logged push docker push --quiet "$image"
}

# build_app_context PART COMMAND...: runs it with the sources (of APP_SOURCES), and the machine's CA bundle if it names one.
build_app_context() {
    local part=$1 authority=${NODE_EXTRA_CA_CERTS:-${SSL_CERT_FILE:-}} context
    shift
    context=$(mktemp -d "$BUILD/app.XXXXXX")
    # An engine without BuildKit runs every stage: that of the tests too, which only they need (KEEP_TESTS).
    tar -C "${APP_SOURCES:-$ROOT/examples/tagadodo}/$part" --exclude ./node_modules --exclude ./dist -c . | tar -C "$context" -x
    [[ -n ${KEEP_TESTS:-} ]] || sed -i '/ AS test$/,/^$/d' "$context/Dockerfile"
    if [[ -n $authority ]]; then cp "$authority" "$context/ca.pem"; fi
    local failed=0
    "$@" "$context" || failed=$?
    rm -rf "$context"
    return "$failed"
}

app_hash() {
    local sources=$ROOT/examples/tagadodo/$1
    shift
    {
        printf '%s\n' "$@"
        docker image inspect --format '{{.Id}}' "$REGISTRY/node:24" "$REGISTRY/nginx:1.30"
        find "$sources" \( -name node_modules -o -name dist -o -name coverage \) -prune -o -type f -print0 | sort -z | xargs -0 cat
    } | sha256sum | cut -c 1-16
}

# Removes every image made here. The registry's content goes with drop_registry.
remove_images() {
    local images
    # One that was built again has lost its tag, and goes by its number.
    mapfile -t images < <(
        docker images --format '{{.Repository}}:{{.Tag}} {{.ID}}' |
            grep -E '^(127\.0\.0\.1:[0-9]+/(nginx|redis|node|mongo|certbot/[a-z0-9-]+|prom/[a-z-]+|oliver006/redis_exporter|percona/mongodb_exporter|mtail|tagadodo/[a-z]+)|tagadodo/(base|registry|testhost)):' |
            sed 's/^[^ ]*:<none> //; s/ .*//' | sort -u
    )
    if [[ ${#images[@]} -gt 0 ]]; then
        docker rmi "${images[@]}" >"$LOGS/remove-images.log" 2>&1 || say "some images are still in use and stay (build/logs/remove-images.log)"
    fi
    mapfile -t images < <(docker images --quiet --filter dangling=true --filter label=tagadodo.recipe)
    if [[ ${#images[@]} -gt 0 ]]; then docker rmi "${images[@]}" >/dev/null 2>&1 || true; fi
}
