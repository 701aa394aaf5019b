#!/usr/bin/env bash
# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# ansible-test sanity over an export of the collection: every test, with the ansible-core that is first
# in PATH. `compile` and `import` run on each supported Python that is here, the rest on ansible-core's own.
#   scripts/lib/sanity.sh [ARGUMENT...]    arguments go to ansible-test, for example: --test pylint
# What it installs for itself stays in build/sanity, so that only the first run takes minutes.
set -euo pipefail

ROOT=$(cd "$(dirname "$0")/../.." && pwd)
HOMES=$ROOT/build/sanity
# What takes longest, and as long as all others together.
SLOW=(pylint validate-modules)

main() {
    local exported slow quick failed=0
    exported=$(mktemp -d)
    # shellcheck disable=SC2064 # the directory of now
    trap "rm -rf '$exported'" EXIT
    export_collection "$exported/ansible_collections/tagadodo/deploy"
    cd "$exported/ansible_collections/tagadodo/deploy"
    add_pythons
    if [[ $# -gt 0 ]]; then
        sanity quick "$@"
        return
    fi
    sanity slow "${SLOW[@]/#/--test=}" >"$exported/slow.log" 2>&1 &
    slow=$!
    sanity quick "${SLOW[@]/#/--skip-test=}" >"$exported/quick.log" 2>&1 &
    quick=$!
    wait "$quick" || failed=1
    wait "$slow" || failed=1
    if [[ $failed -eq 1 ]]; then
        grep -hE '^(ERROR|[a-z-]+$)' "$exported/quick.log" "$exported/slow.log" || true
        # What ended a test itself comes with its traceback.
        grep -hE -A 30 '^FATAL' "$exported/quick.log" "$exported/slow.log" || true
    else
        printf '%d sanity tests passed\n' "$(cat "$exported"/*.log | grep -c '^Running sanity test')"
        grep -h '^WARNING: .*[Ss]kip' "$exported/quick.log" | sort -u || true
    fi
    return "$failed"
}

# export_collection FOLDER: the files of the repository but the example application and the images, which
# are no part of the collection. A repository of its own, as ansible-test asks git what there is.
export_collection() {
    mkdir -p "$1"
    (cd "$ROOT" && git ls-files -z --cached --others --exclude-standard -- . \
        ':!examples' ':!collections/ansible_collections' ':!scripts/images' |
        tar --create --null --files-from - --ignore-failed-read) | tar --extract --directory "$1"
    git -C "$1" init --quiet
    printf 'tests/output/\n' >>"$1/.gitignore"
}

# Interpreters that pyenv keeps to itself.
add_pythons() {
    local python
    for python in "${PYENV_ROOT:-$HOME/.pyenv}"/versions/3.*/bin; do
        if [[ -d $python ]]; then PATH=$PATH:$python; fi
    done
}

# sanity HOME ARGUMENT...: with a home of its own, whose pip comes from the interpreter rather than from the net.
sanity() {
    local home=$HOMES/$1 pip
    shift
    pip=$home/.ansible/test/cache/get_pip_24_2.py
    mkdir -p "${pip%/*}"
    printf 'import ensurepip\n\nensurepip.bootstrap(upgrade=True)\n' >"$pip"
    mkdir -p "$home/.config/pip"
    pip_settings >"$home/.config/pip/pip.conf"
    HOME=$home ansible-test sanity --color no "$@" </dev/null
}

# What pip knows here: ansible-test hands on neither the environment nor the user's own file.
pip_settings() {
    echo '[global]'
    {
        # Its own environment variables come first in this list.
        python -m pip config list
        if [[ -n ${SSL_CERT_FILE:-} ]]; then printf "global.cert='%s'\n" "$SSL_CERT_FILE"; fi
    } | sed -n "s/^[^.]*\.\(:env:\.\)\?\([a-z-]*\)='\(.*\)'$/\2 = \3/p" |
        awk '!known[$1]++'
}

main "$@"
