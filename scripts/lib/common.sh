# shellcheck shell=bash
# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Sourced by every script: strict mode, progress lines, and everything the machine must have.
# Each ensure_* costs nothing when there is nothing to do.

set -euo pipefail

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
BUILD=$ROOT/build
LOGS=$BUILD/logs
VENV=$ROOT/.venv
export STARTED=${STARTED:-$EPOCHSECONDS}
# Python keeps what it has compiled, whatever the environment says: every module would compile it again.
unset PYTHONDONTWRITEBYTECODE
mkdir -p "$LOGS"

# A progress line: seconds since the script started, then what is happening.
say() {
    printf '%4ds  %s\n' "$((EPOCHSECONDS - STARTED))" "$*"
}

die() {
    printf 'error: %s\n' "$*" >&2
    exit 1
}

# help_asked ARGUMENT...: whether -h or --help is among them.
help_asked() {
    [[ " $* " == *" -h "* || " $* " == *" --help "* ]]
}

# usage: what the comment at the head of the script says, below its licence.
usage() {
    awk 'NR > 1 && !/^#/ {exit} told {sub(/^# ?/, ""); print} /^#$/ {told = 1}' "$0"
}

# refuse TEXT: what was typed is not understood.
refuse() {
    printf 'error: %s\n' "$*" >&2
    exit 2
}

# run_logged NAME COMMAND...: quiet; its output goes to build/logs/NAME.log, whose end is shown if it fails.
run_logged() {
    local log=$LOGS/$1.log
    shift
    if ! "$@" >"$log" 2>&1 </dev/null; then
        tail -n 15 "$log" >&2
        die "this failed: $* (all of its output: $log)"
    fi
}

# shellcheck source=scripts/lib/machine.sh
source "$ROOT/scripts/lib/machine.sh"
# shellcheck source=scripts/lib/engine.sh
source "$ROOT/scripts/lib/engine.sh"
# shellcheck source=scripts/lib/venv.sh
source "$ROOT/scripts/lib/venv.sh"
# shellcheck source=scripts/lib/registry.sh
source "$ROOT/scripts/lib/registry.sh"
# shellcheck source=scripts/lib/images.sh
source "$ROOT/scripts/lib/images.sh"
