# shellcheck shell=bash
# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# kubectl, from the distribution, without installing anything: the program alone, in build/.

# Sets and exports KUBECTL. Ubuntu packages none: there, the machine's own must do.
ensure_kubectl() {
    local folder=$BUILD/kubectl
    KUBECTL=$folder/kubectl
    if [[ $OS_ID == ubuntu ]]; then
        KUBECTL=$(command -v kubectl) || die "kubectl is missing, and Ubuntu has no package of it; install it by its own means"
    elif [[ ! -x $KUBECTL ]]; then
        say "fetching kubectl"
        rm -rf "$folder"
        mkdir -p "$folder"
        run_logged kubectl fetch_kubectl "$folder"
    fi
    export KUBECTL
}

# fetch_kubectl FOLDER
fetch_kubectl() {
    download_package "$1" kubectl forky main &&
        dpkg-deb --extract "$1"/*.deb "$1/package" &&
        mv "$1/package/usr/bin/kubectl" "$1/" &&
        rm -rf "$1/package" "$1"/*.deb
}
