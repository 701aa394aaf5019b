# shellcheck shell=bash
# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# The machine itself: what it is, and packages of its distribution.

# Sets OS_ID (debian or ubuntu), OS_CODENAME and OS_NAME.
require_machine() {
    [[ $EUID -eq 0 ]] || die "run this as root: it installs packages and talks to the container engine"
    [[ -r /etc/os-release ]] || die "this needs Debian or Ubuntu; /etc/os-release is missing"
    local facts
    facts=$(. /etc/os-release && printf '%s|%s|%s' "${ID:-}" "${VERSION_CODENAME:-}" "${PRETTY_NAME:-}")
    IFS='|' read -r OS_ID OS_CODENAME OS_NAME <<<"$facts"
    [[ $OS_ID == debian || $OS_ID == ubuntu ]] || die "this needs Debian or Ubuntu, and this machine is ${OS_NAME:-unknown}"
    [[ -n $OS_CODENAME ]] || die "/etc/os-release of this machine names no VERSION_CODENAME"
}

# need_apt PACKAGE...: installs those that are missing.
need_apt() {
    local missing=() package
    for package in "$@"; do
        [[ $(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null) == installed ]] || missing+=("$package")
    done
    [[ ${#missing[@]} -gt 0 ]] || return 0
    say "installing ${missing[*]}"
    local lock
    exec {lock}>"$LOGS/apt.lock"
    flock "$lock"
    if apt_lists_exist && apt_install "${missing[@]}" >"$LOGS/apt.log" 2>&1; then
        exec {lock}>&-
        return 0
    fi
    run_logged apt-update apt-get -q update
    run_logged apt apt_install "${missing[@]}"
    exec {lock}>&-
}

apt_install() {
    DEBIAN_FRONTEND=noninteractive NEEDRESTART_MODE=l \
        apt-get -q -y -o DPkg::Lock::Timeout=120 install --no-install-recommends "$@"
}

apt_lists_exist() {
    compgen -G '/var/lib/apt/lists/*_Packages*' >/dev/null
}

# apt_knows PACKAGE: whether the distribution has it.
apt_knows() {
    apt_lists_exist || run_logged apt-update apt-get -q update
    [[ -n $(apt-cache show --no-all-versions "$1" 2>/dev/null) ]]
}

# apt_mirror: where this machine gets its distribution from.
apt_mirror() {
    local mirror
    # shellcheck disable=SC2016  # the words in $() are apt's
    mirror=$(apt-get indextargets --format '$(SITE) $(RELEASE) $(COMPONENT)' 'Created-By: Packages' |
        awk -v codename="$OS_CODENAME" '
            $3 == "main" && ($2 == codename || $2 ~ /^(oldstable|stable|testing|unstable|sid)$/) {print $1; exit}')
    [[ -n $mirror ]] || die "apt of this machine has no source for '$OS_CODENAME main'; add one to /etc/apt/sources.list"
    printf '%s\n' "$mirror"
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
