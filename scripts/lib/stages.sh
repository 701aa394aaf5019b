# shellcheck shell=bash
# Copyright (c) 2026, Taga Dodo deploy contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
#
# Runs stages, which are functions stage_NAME: one after another or beside each other, each with a log
# of its own, and tells at the end how many passed. Needs say and LOGS (scripts/lib/common.sh).

STAGES_GRACE=${STAGES_GRACE:-60} # seconds a stage that is interrupted has to clean up
STAGES_PASSED=0
STAGES_FAILED=()
declare -A STAGE_PID STAGE_BEGAN

# run_stage NAME: whatever becomes of it, the others are to be run.
run_stage() {
    start_stage "$1"
    join_stage "$1" || true
}

# start_stage NAME: begins it beside everything else; join_stage waits for it.
start_stage() {
    say "$1 …"
    STAGE_BEGAN[$1]=$SECONDS
    # A process group of its own, so that its end is the end of everything it started.
    set -m
    (
        set -e
        "stage_$1"
    ) >"$LOGS/test-$1.log" 2>&1 </dev/null &
    STAGE_PID[$1]=$!
    set +m
}

# join_stage NAME: waits for it, tells how it ended, and is true if it passed.
join_stage() {
    local told took failed=0
    wait "${STAGE_PID[$1]}" || failed=1
    unset "STAGE_PID[$1]"
    if [[ $failed -eq 0 ]]; then
        took=$((SECONDS - STAGE_BEGAN[$1]))
        told=$(grep -aE '^=* ?[0-9]+ passed' "$LOGS/test-$1.log" | tail -n 1 | tr -d '=' || true)
        say "$1 passed in ${took} s${told:+ ($(xargs <<<"$told"))}"
        STAGES_PASSED=$((STAGES_PASSED + 1))
    else
        say "$1 FAILED; the end of build/logs/test-$1.log:"
        tail -n 60 "$LOGS/test-$1.log" | sed 's/\x1b\[[0-9;]*m//g'
        STAGES_FAILED+=("$1")
    fi
    [[ $failed -eq 0 ]]
}

# For a trap: ends the stages that still run, asks them to clean up first, and keeps the exit status.
end_stages() {
    local status=$? process
    trap - EXIT INT TERM
    for process in "${STAGE_PID[@]}"; do
        kill -INT -- "-$process" 2>/dev/null || true
    done
    for process in "${STAGE_PID[@]}"; do
        ends_within "$STAGES_GRACE" "$process" || kill -KILL -- "-$process" 2>/dev/null || true
        wait "$process" || true
    done
    exit "$status"
}

# ends_within SECONDS PROCESS: whether the group of a process does. One that was started where nobody listens
# to interrupts, as jobs in the background of a script are, does not.
ends_within() {
    local tenth
    for ((tenth = 0; tenth < 10 * $1; tenth++)); do
        kill -0 -- "-$2" 2>/dev/null || return 0
        sleep 0.1
    done
    return 1
}

# The last line, and the exit status.
conclude_stages() {
    [[ ${#STAGES_FAILED[@]} -eq 0 ]] || say "failed: ${STAGES_FAILED[*]}"
    printf 'stages: %d passed, %d failed\n' "$STAGES_PASSED" "${#STAGES_FAILED[@]}"
    [[ ${#STAGES_FAILED[@]} -eq 0 ]]
}
