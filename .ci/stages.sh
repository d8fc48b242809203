# How a run goes through its stages: each within its budget, with what it took against that.
# shellcheck shell=bash

failed=0
deadline=0

# Run a stage's command, say what it took, and go on: a change that fails its style should still hear
# from its tests. What the command runs under `within` is ended when the budget is used up.
stage() {
    local name=$1 budget=$2 began=$SECONDS code=0 verdict=
    shift 2
    deadline=$((SECONDS + budget))
    "$@" </dev/null || code=$?
    if ((code == 124)); then verdict=", ended at its budget"; elif ((code)); then verdict=", failed"; fi
    echo "run: $name $((SECONDS - began)) s of $budget s$verdict" >&2
    if ((code)); then failed=$code; fi
}

# Run a command for as long as the stage's budget lasts.
within() {
    local left=$((deadline - SECONDS))
    ((left > 0)) || return 124
    timeout --kill-after=20 "$left" "$@"
}
