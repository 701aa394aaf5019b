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

# download_package FOLDER PACKAGE SUITE COMPONENTS: one of another suite than this machine's, with apt's
# lists in that folder. A mirror may be a frozen copy: the signature is checked, the age is not.
download_package() {
    local folder=$1 mirror options
    mirror=$(apt_mirror)
    mkdir -p "$folder/apt/lists/partial" "$folder/apt/archives/partial"
    echo "deb [signed-by=/usr/share/keyrings/$OS_ID-archive-keyring.gpg] $mirror $3 $4" >"$folder/apt/sources.list"
    options=(
        --option "Dir::Etc::sourcelist=$folder/apt/sources.list" --option Dir::Etc::sourceparts=-
        --option "Dir::State::lists=$folder/apt/lists" --option "Dir::Cache=$folder/apt"
        --option Dir::State::status=/dev/null --option Acquire::Languages=none
        --option Acquire::Check-Valid-Until=false --option APT::Sandbox::User=root
    )
    apt-get "${options[@]}" --quiet update &&
        (cd "$folder" && apt-get "${options[@]}" --quiet download "$2") &&
        rm -rf "$folder/apt"
}
