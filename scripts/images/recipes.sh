# shellcheck shell=bash disable=SC2034
# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# What each image is made of, and how. Sourced by build.

SERVICE_IMAGES=(nginx:1.30 nginx:1.22 redis:8.0 node:24 mongo:8.0)
MONITORING_IMAGES=(
    prom/prometheus:v3.5.3 prom/alertmanager:v0.33.1 prom/blackbox-exporter:v0.28.0 prom/node-exporter:v1.11.1
    oliver006/redis_exporter:v1.86.0 percona/mongodb_exporter:0.44.0 mtail:3.2.24
)

# recipe NAME: sets what is known about an image.
#   RECIPE directory beside this file · BASE its base · OFFICIAL the image it stands in for, if any
#   REGISTERED whether it goes to the registry · NEEDS images made before, the last of which it is made from · SHOW_VERSION a command in it
recipe() {
    RECIPE=$ROOT/scripts/images/${1%%[:-]*} BASE=new OFFICIAL=$1 REGISTERED=yes NEEDS="" PROGRAM=""
    case $1 in
    nginx:1.30) SHOW_VERSION="nginx -v" ;;
    nginx:1.22) BASE=old SHOW_VERSION="nginx -v" ;;
    redis:8.0) SHOW_VERSION="redis-server --version | cut -c 1-20" ;;
    node:24) OFFICIAL=node:24-alpine SHOW_VERSION="echo node \$(node --version), npm \$(npm --version)" ;;
    mongo:8.0) BASE=old SHOW_VERSION="echo SecantusDB \$(ls /opt/secantus | sed -n 's/^secantusdb-\(.*\).dist-info/\1/p')" ;;
    certbot/certbot:*) RECIPE=$ROOT/scripts/images/certbot BASE=old SHOW_VERSION="certbot --version" ;;
    certbot/dns-rfc2136:*) RECIPE=$ROOT/scripts/images/certbot-dns-rfc2136 BASE=old NEEDS=certbot/certbot:${1##*:} SHOW_VERSION="certbot --version" ;;
    prom/* | oliver006/redis_exporter:* | mtail:*) watching "$1" ;;
    percona/mongodb_exporter:*) RECIPE=$ROOT/scripts/images/mongodb-exporter BASE=old SHOW_VERSION="echo pymongo \$(ls /opt/exporter | sed -n 's/^pymongo-\(.*\).dist-info/\1/p')" ;;
    registry) BASE=old OFFICIAL=registry:2 REGISTERED=no SHOW_VERSION="docker-registry --version | cut -d ' ' -f 1,3" ;;
    testhost) BASE=host OFFICIAL="" REGISTERED=no SHOW_VERSION="systemctl --version | cut -d ' ' -f 1,2" ;;
    testhost-docker) BASE=host OFFICIAL="" REGISTERED=no NEEDS=testhost SHOW_VERSION="dockerd --version | cut -d , -f 1" ;;
    testhost-13) BASE=host13 OFFICIAL="" REGISTERED=no SHOW_VERSION="systemctl --version | cut -d ' ' -f 1,2" ;;
    testhost-13-docker) BASE=host13 OFFICIAL="" REGISTERED=no NEEDS=testhost-13 SHOW_VERSION="dockerd --version | cut -d , -f 1" ;;
    kubernetes) BASE=host OFFICIAL="" REGISTERED=no NEEDS="testhost testhost-docker" SHOW_VERSION="kubelet --version" ;;
    *) die "no image is called $1; read the head of scripts/images/build" ;;
    esac
}

# watching NAME: one of MONITORING_IMAGES. They differ in the program that they start, and share one recipe.
watching() {
    RECIPE=$ROOT/scripts/images/monitoring BASE=monitoring
    case $1 in
    prom/prometheus:*) PROGRAM=prometheus ;;
    prom/alertmanager:*) PROGRAM=prometheus-alertmanager ;;
    prom/blackbox-exporter:*) PROGRAM=prometheus-blackbox-exporter ;;
    prom/node-exporter:*) PROGRAM=prometheus-node-exporter ;;
    oliver006/*) PROGRAM=prometheus-redis-exporter ;;
    mtail:*) PROGRAM=mtail OFFICIAL="" ;;
    esac
    SHOW_VERSION="$PROGRAM --version 2>&1 | cut -d '(' -f 1"
}

# base NAME: what a base holds. One tree of packages serves several images: they share its layer,
# and nothing is downloaded inside a build.
base() {
    case $1 in
    new) BASE_SUITE=forky BASE_PACKAGES=nginx,redis-server,libatomic1,libstdc++6,ca-certificates ;;
    monitoring) BASE_SUITE=forky BASE_PACKAGES=prometheus,prometheus-alertmanager,prometheus-blackbox-exporter,prometheus-node-exporter,prometheus-redis-exporter,mtail,ca-certificates ;;
    old) BASE_SUITE=bookworm BASE_PACKAGES=nginx,docker-registry,python3-minimal,libpython3-stdlib,ca-certificates ;;
    host | host13) BASE_SUITE=bookworm BASE_PACKAGES=systemd,systemd-sysv,dbus,openssh-server,python3,python3-apt,sudo,ca-certificates,iproute2,procps,iptables,kmod ;;
    esac
    if [[ $1 == host13 ]]; then BASE_SUITE=trixie; fi
    # Ubuntu's mirrors carry no Debian: there, what the machine's own release has must do.
    if [[ ${OS_ID:-debian} == ubuntu ]]; then BASE_SUITE=$OS_CODENAME; fi
}

# local_name NAME: as the engine of this machine calls it.
local_name() {
    case $1 in
    registry) echo "$REGISTRY_IMAGE" ;;
    testhost) echo tagadodo/testhost:debian12 ;;
    testhost-docker) echo tagadodo/testhost:debian12-docker ;;
    testhost-13) echo tagadodo/testhost:debian13 ;;
    testhost-13-docker) echo tagadodo/testhost:debian13-docker ;;
    kubernetes) echo tagadodo/testhost:kubernetes ;;
    *) echo "$REGISTRY/$1" ;;
    esac
}

# image_is_there NAME: official, or built from the recipe as it is now; and in the registry.
image_is_there() {
    local hash label
    recipe "$1"
    hash=$(recipe_hash)
    label=$(docker image inspect --format '{{index .Config.Labels "tagadodo.recipe"}}' "$(local_name "$1")" 2>/dev/null) || return 1
    [[ -z $label || $label == "$hash" ]] || return 1
    [[ $REGISTERED == no ]] || registry_has "$1"
}

recipe_hash() {
    { cat "$ROOT/scripts/images/recipes.sh" && find "$RECIPE" -type f -print0 | sort -z | xargs -0 cat; } |
        sha256sum | cut -c 1-16
}

# build_bases NAME...: the bases these images need, side by side.
build_bases() {
    local name needed="" job jobs=()
    for name in "$@"; do
        recipe "$name"
        [[ $needed == *" $BASE "* ]] || needed+=" $BASE "
    done
    for name in $needed; do
        base "$name"
        local label
        label=$(docker image inspect --format '{{index .Config.Labels "tagadodo.base"}}' "tagadodo/base:$name" 2>/dev/null) || label=""
        [[ $label != "$BASE_SUITE $BASE_PACKAGES" ]] || continue
        need_apt mmdebstrap
        say "making the base of images from packages of $BASE_SUITE"
        build_base "$name" &
        jobs+=($!)
    done
    for job in "${jobs[@]}"; do wait "$job" || exit 1; done
}

build_base() {
    local log=$LOGS/base-$1.log mirror options=()
    base "$1"
    mirror=$(apt_mirror)
    if ! import_base "$1" >"$log" 2>&1; then
        # A mirror that is a frozen copy of a moving suite: its signature still holds, its date does not.
        if grep -q 'is expired' "$log"; then
            say "the mirror's $BASE_SUITE is an old copy: its signature is checked, its age is not"
            options=(--aptopt='Acquire::Check-Valid-Until "false"')
            if import_base "$1" >"$log" 2>&1; then return 0; fi
        fi
        grep -E '^(E|W|Err|dpkg: error)' "$log" | tail -n 5 >&2
        die "cannot make a base image from packages of $BASE_SUITE (all of the output: $log)"
    fi
}

import_base() {
    local components=main setting
    if [[ $OS_ID == ubuntu ]]; then components=main,universe; fi
    # How this machine reaches its mirror holds for the new tree as well.
    for setting in Acquire::http::Proxy Acquire::https::Proxy; do
        local value
        value=$(apt-config dump --format '%v%n' "$setting")
        if [[ -n $value ]]; then options+=("--aptopt=$setting \"$value\""); fi
    done
    # shellcheck disable=SC2016  # $1 is mmdebstrap's: the tree
    mmdebstrap --variant=minbase --components="$components" --include="$BASE_PACKAGES" \
        --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/man/*' \
        --dpkgopt='path-exclude=/usr/share/locale/*' --aptopt='APT::Install-Recommends "false"' "${options[@]}" \
        --essential-hook='printf "%s\n" nginx:x:101:101::/nonexistent:/usr/sbin/nologin redis:x:999:999::/data:/usr/sbin/nologin >>"$1/etc/passwd"' \
        --essential-hook='printf "%s\n" nginx:x:101: redis:x:999: >>"$1/etc/group"' \
        "$BASE_SUITE" "$BUILD/base-$1.tar" "$mirror" &&
        docker import --change "LABEL tagadodo.base=\"$BASE_SUITE $BASE_PACKAGES\"" "$BUILD/base-$1.tar" "tagadodo/base:$1" &&
        rm -f "$BUILD/base-$1.tar"
}

# build_stand_in NAME: from its base, its directory and, if it names any, wheels.
build_stand_in() {
    local context=$BUILD/image dockerfile=Dockerfile arguments=()
    recipe "$1"
    rm -rf "$context"
    cp -r "$RECIPE" "$context"
    if [[ -f $context/wheels.txt ]]; then unpack_wheels "$context"; fi
    if [[ $1 == testhost*-docker ]]; then dockerfile=docker.Dockerfile; fi
    if [[ -n $NEEDS ]]; then
        arguments=(--build-arg "HOST=$(local_name "${NEEDS##* }")")
    fi
    if [[ -n $PROGRAM ]]; then arguments+=(--build-arg "PROGRAM=$PROGRAM"); fi
    run_logged "image-${1//[:\/]/-}" docker build --network host --tag "$(local_name "$1")" --file "$context/$dockerfile" \
        --build-arg "BASE=tagadodo/base:$BASE" "${arguments[@]}" --label "tagadodo.recipe=$(recipe_hash)" "${PROXY_ARGS[@]}" "$context"
    rm -rf "$context"
}

# unpack_wheels CONTEXT: packages for the Python of the base, whatever Python this machine has.
unpack_wheels() {
    local platforms=() glibc version
    for glibc in 2_17 2_24 2_27 2_28; do platforms+=(--platform "manylinux_${glibc}_$(uname -m)"); done
    version=$(docker run --rm --network none "tagadodo/base:$BASE" sh -c 'python3 --version 2>/dev/null || echo Python 3.11.0')
    version=${version#Python }
    ensure_venv runtime
    run_logged wheels "$VENV/bin/python" -m pip install --quiet --disable-pip-version-check --no-compile \
        --target "$1/python" --only-binary :all: --python-version "${version%.*}" \
        --platform "manylinux2014_$(uname -m)" "${platforms[@]}" --requirement "$1/wheels.txt"
    find "$1/python" \( -name tests -o -name include -o -name '*.pyi' \) -prune -exec rm -rf {} +
}
