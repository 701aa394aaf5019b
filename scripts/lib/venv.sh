# shellcheck shell=bash
# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# The Python environment in .venv, with what requirements/ pins.

# ensure_venv [runtime|demo|test]: puts its programs first in PATH. Each includes the one before.
ensure_venv() {
    local wanted=${1:-runtime} stamp lock
    export PATH=$VENV/bin:$PATH VIRTUAL_ENV=$VENV
    stamp=$(cat "$ROOT"/requirements/*.txt | sha256sum | cut -c1-16)
    exec {lock}>"$LOGS/venv.lock" # two may ask for it at the same time
    flock "$lock"
    if ! venv_has "$stamp" "$wanted"; then make_venv "$stamp" "$wanted"; fi
    exec {lock}>&-
}

# make_venv STAMP runtime|demo|test
make_venv() {
    local python
    if ! "$VENV/bin/python" -c 'import pip' 2>/dev/null; then
        find_python
        python=$PYTHON
        say "making a Python environment ($("$python" --version))"
        rm -rf "$VENV"
        run_logged venv "$python" -m venv "$VENV"
    fi
    say "installing Python requirements ($2)"
    run_logged pip "$VENV/bin/python" -m pip install --quiet --disable-pip-version-check --no-compile \
        --requirement "$ROOT/requirements/$2.txt"
    echo "$1 $2" >"$VENV/.installed"
}

# venv_has STAMP runtime|demo|test
venv_has() {
    [[ -x $VENV/bin/python && -f $VENV/.installed ]] || return 1
    local installed
    installed=$(<"$VENV/.installed")
    case $2 in
    runtime) [[ $installed == "$1 "* ]] ;;
    *) [[ $installed == "$1 $2" || $installed == "$1 test" ]] ;;
    esac
}

# ensure_tool NAME VERSION: a program of PyPI in an environment of its own, because it needs other versions of
# what we use: .venv/tools/NAME/bin.
ensure_tool() {
    local place=$VENV/tools/$1
    [[ $(cat "$place/.installed" 2>/dev/null) != "$2" ]] || return 0
    say "installing $1 $2"
    rm -rf "$place"
    run_logged "venv-$1" "$VENV/bin/python" -m venv "$place"
    run_logged "pip-$1" "$place/bin/python" -m pip install --quiet --disable-pip-version-check --no-compile "$1==$2"
    echo "$2" >"$place/.installed"
}

# find_python: sets PYTHON to one that the pinned Ansible runs on (3.11 to 3.14), with venv.
find_python() {
    local candidate
    # The distribution's own first: it is built with optimization, which one that was built by hand often is not.
    for candidate in /usr/bin/python3 python3 python3.13 python3.12 python3.11 python3.14; do
        if python_fits "$candidate"; then
            PYTHON=$candidate
            break
        fi
    done
    if [[ -z ${PYTHON:-} ]]; then
        # Ubuntu 22.04 has Python 3.10, and 3.11 beside it.
        apt_knows python3.11 || apt_knows python3 ||
            die "Python 3.11 to 3.14 is needed, and $OS_NAME has no such package"
        if apt_knows python3.11; then PYTHON=python3.11; else PYTHON=python3; fi
        need_apt "$PYTHON" "$PYTHON-venv"
        python_fits "$PYTHON" ||
            die "Python 3.11 to 3.14 is needed, and $OS_NAME has $("$PYTHON" --version); use a newer release of it"
    fi
    "$PYTHON" -c 'import ensurepip, venv' 2>/dev/null || need_apt "$(venv_package)"
}

python_fits() {
    "$1" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 14))' 2>/dev/null
}

venv_package() {
    "$PYTHON" -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])'
}
