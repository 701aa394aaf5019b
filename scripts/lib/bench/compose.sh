# shellcheck shell=bash
# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Docker Compose 2, from the distribution, without installing anything: the program alone, in build/.

# Sets and exports COMPOSE, which stays empty where there is no such package.
find_compose() {
    local folder=$BUILD/compose
    if [[ ! -x $folder/docker-compose ]]; then
        say "fetching docker compose"
        rm -rf "$folder"
        mkdir -p "$folder"
        (fetch_compose "$folder") >"$LOGS/compose.log" 2>&1 ||
            say "docker compose cannot be had (build/logs/compose.log)"
    fi
    COMPOSE=
    if [[ -x $folder/docker-compose ]]; then COMPOSE=$folder/docker-compose; fi
    export COMPOSE
}

# fetch_compose FOLDER
fetch_compose() {
    local package=docker-compose suite=trixie components=main
    if [[ $OS_ID == ubuntu ]]; then
        package=docker-compose-v2 suite=$OS_CODENAME components='main universe'
    fi
    download_package "$1" "$package" "$suite" "$components" &&
        dpkg-deb --extract "$1"/*.deb "$1/package" &&
        mv "$1/package/usr/libexec/docker/cli-plugins/docker-compose" "$1/" &&
        rm -rf "$1/package" "$1"/*.deb
}
