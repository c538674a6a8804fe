#!/usr/bin/env bats
# The hook of contrib/self-hosted, called as the orchestrator of Claude Code's self-hosted environments does; and that of
# contrib/slurm with an sbatch that only says what it was told.
# bats file_tags=no-vm

load common

ORDER=0f0f0f0f-0000-4000-8000-000000000001

setup_file() {
        :
}

teardown_file() {
        :
}

setup() {
        BATS_TEST_STARTED=$(date +%s)
        export CLAUDE_VM_ORDERS=$BATS_TEST_TMPDIR/orders STUBS=$BATS_TEST_TMPDIR/stubs
        mkdir "$STUBS"
        PATH=$STUBS:$PATH
}

teardown() {
        systemctl --user stop 'claude-runner-*.service'
        systemctl --user unset-environment PATH STUBS
        common_teardown
}

# As the orchestrator: no arguments, no standard input, a process group of its own, its whole environment and the
# order's; the work order is deleted after the hook. The last line of stderr is what it shows.
spawn() {
        local hook=$1 order=$2 file status=0
        file=$(mktemp "$BATS_TEST_TMPDIR/work-order-XXXXXX")
        echo eyJ-the-order >"$file"
        CLAUDE_RUNNER_ORDER_ID=$order CLAUDE_RUNNER_WORK_ORDER_FILE=$file CLAUDE_RUNNER_ATTEMPT=0 setsid --wait timeout 60 \
                "/usr/share/claude-microvm/$hook/spawn-runner" </dev/null 3>&- 4>&- || status=$?
        rm "$file"
        return $status
}

# A claude-run that says what it was told and ends when it is stopped.
stub_claude_run() {
        cat >"$STUBS/claude-run" <<-'STUB'
	#!/bin/bash
	printf '%s\n' "$@" >"$STUBS/words.new"
	env >"$STUBS/environment"
	for word; do [[ $word != *=*/jwt ]] || cp "${word#*=}" "$STUBS/jwt"; done
	mv "$STUBS/words.new" "$STUBS/words"
	exec sleep infinity
	STUB
        chmod +x "$STUBS/claude-run"
        systemctl --user set-environment PATH="$STUBS:/usr/bin:/bin" STUBS="$STUBS"
}

units() {
        systemctl --user list-units --plain --no-legend 'claude-runner-*.service' | wc -l
}

@test "one order, twice delivered, is one VM, which has the order in a file alone" {
        stub_claude_run
        spawn self-hosted $ORDER
        wait_file "$STUBS/words"
        spawn self-hosted $ORDER
        [ "$(units)" = 1 ]
        grep --quiet --line-regexp --fixed-strings -e "SELF_HOSTED_RUNNER_ENVIRONMENT_SECRET=$CLAUDE_VM_ORDERS/$ORDER/jwt" "$STUBS/words"
        grep --quiet --line-regexp self-hosted-runner "$STUBS/words"
        [ "$(cat "$STUBS/jwt")" = eyJ-the-order ]
        run ! grep eyJ "$STUBS/environment"
        run ! grep eyJ <(systemctl --user show "claude-runner-$ORDER")
        [ "$(stat --format %a "$CLAUDE_VM_ORDERS/$ORDER/jwt")" = 600 ]
        systemctl --user stop "claude-runner-$ORDER"
        [ -z "$(find "$CLAUDE_VM_ORDERS/$ORDER" -mindepth 1)" ]
        # and not again when it is over
        spawn self-hosted $ORDER
        [ "$(units)" = 0 ]
}

@test "no capacity is 1 with a word for the user, and no order; a strange order is 2" {
        stub_claude_run
        spawn self-hosted $ORDER
        wait_file "$STUBS/words"
        CLAUDE_VM_MAX=1 run -1 spawn self-hosted "${ORDER%1}2"
        [ "${lines[-1]}" = "user-message: no capacity on this machine now" ]
        [ ! -e "$CLAUDE_VM_ORDERS/${ORDER%1}2" ]
        CLAUDE_VM_MAX=2 spawn self-hosted "${ORDER%1}2"
        [ "$(units)" = 2 ]
        for order in '' ../x -x 'a b' a.service $'a\nb' "$(printf 'a%.0s' {1..65})"; do
                run -2 spawn self-hosted "$order"
                [[ "${lines[-1]}" == "user-message: "* ]]
        done
        DBUS_SESSION_BUS_ADDRESS=unix:path=/nonexistent XDG_RUNTIME_DIR=/nonexistent run -1 spawn self-hosted "${ORDER%1}3"
        [[ "${lines[-1]}" == "user-message: "* ]]
        [ ! -e "$CLAUDE_VM_ORDERS/${ORDER%1}3" ]
}

@test "on Slurm: one order is one job, whose words and environment have no secret" {
        cat >"$STUBS/sbatch" <<-'STUB'
	#!/bin/bash
	[ ! -e "$STUBS/refuse" ] || { echo "sbatch: error: Batch job submission failed" >&2; exit 1; }
	printf '%s ' "$@" >>"$STUBS/jobs"
	echo >>"$STUBS/jobs"
	echo 17
	STUB
        chmod +x "$STUBS/sbatch"
        spawn slurm $ORDER
        spawn slurm $ORDER
        [ "$(wc -l <"$STUBS/jobs")" = 1 ]
        [ "$(cat "$CLAUDE_VM_ORDERS/$ORDER/job")" = 17 ]
        [[ "$(cat "$STUBS/jobs")" == *"--no-requeue"*"--export=HOME,PATH,"*"/runner-job $CLAUDE_VM_ORDERS/$ORDER "* ]]
        run ! grep eyJ "$STUBS/jobs"
        # the token of a job that never ran goes when none of its age can run any more
        spawn slurm "${ORDER%1}4"
        touch --date '9 hours ago' "$CLAUDE_VM_ORDERS/$ORDER/jwt"
        mkdir -p "$CLAUDE_VM_ORDERS"/{old,notes}
        touch --date '31 days ago' "$CLAUDE_VM_ORDERS"/old/{job,log} "$CLAUDE_VM_ORDERS/notes"
        spawn slurm "${ORDER%1}5"
        [ "$(cd "$CLAUDE_VM_ORDERS" && ls -- */jwt)" = "$(printf '%s/jwt\n' "${ORDER%1}4" "${ORDER%1}5")" ]
        [ -e "$CLAUDE_VM_ORDERS/$ORDER" ]
        [ ! -e "$CLAUDE_VM_ORDERS/old" ]
        # no order
        [ -e "$CLAUDE_VM_ORDERS/notes" ]
        # a hook that fails before has made no order, and a second delivery is the first one
        printf '%s\n' '#!/bin/sh' 'echo "cat: write error: No space left on device" >&2' 'exit 1' >"$STUBS/cat"
        chmod +x "$STUBS/cat"
        run -1 spawn slurm "${ORDER%1}6"
        rm "$STUBS/cat"
        [ "$(find "$CLAUDE_VM_ORDERS" -name "${ORDER%1}6" -o -name '.new.*')" = '' ]
        spawn slurm "${ORDER%1}6"
        [ -e "$CLAUDE_VM_ORDERS/${ORDER%1}6/job" ]
        touch "$STUBS/refuse"
        run -1 spawn slurm "${ORDER%1}2"
        [ "${lines[-1]}" = "user-message: the cluster takes no job now" ]
        [ ! -e "$CLAUDE_VM_ORDERS/${ORDER%1}2" ]
        run -2 spawn slurm ../x
}

@test "on Slurm: a runner's job has a directory that the epilog knows, and a SIGTERM ends its VM" {
        cat >"$STUBS/claude-run" <<-'STUB'
	#!/bin/bash
	trap 'echo stopped >"$STUBS/stopped"; exit 143' TERM
	printf '%s\n' "$@" >"$STUBS/words"
	while :; do sleep 0.1; done
	STUB
        chmod +x "$STUBS/claude-run"
        mkdir -p "$CLAUDE_VM_ORDERS/x" "$BATS_TEST_TMPDIR/tmp"
        echo eyJ >"$CLAUDE_VM_ORDERS/x/jwt"
        SLURM_JOB_ID=18 SLURM_RESTART_COUNT=1 TMPDIR=$BATS_TEST_TMPDIR/tmp /usr/share/claude-microvm/slurm/runner-job "$CLAUDE_VM_ORDERS/x" 3>&- 4>&- &
        wait_file "$STUBS/words"
        ls -d "$BATS_TEST_TMPDIR"/tmp/claude-18-1.*
        kill $!
        wait $! || [ $? = 143 ]
        [ -e "$STUBS/stopped" ]
        [ -z "$(ls "$BATS_TEST_TMPDIR/tmp" "$CLAUDE_VM_ORDERS/x" | grep --invert-match :)" ]
}

@test "on Slurm: a task is a branch, and git obeys nothing that the guest wrote" {
        cat >"$STUBS/claude-run" <<-'STUB'
	#!/bin/bash
	while [ "$1" != -- ]; do [ "$1" != --directory ] || cd "$2"; shift; done
	cat >prompt
	echo "the answer"
	# what a hostile guest leaves
	git config core.fsmonitor "touch $STUBS/ran; false"
	git config core.hooksPath "$STUBS/hooks"
	git config filter.x.clean "touch $STUBS/ran"
	echo '* filter=x' >.gitattributes
	git init --quiet below
	git -C below config core.fsmonitor "touch $STUBS/ran; false"
	mkdir closed
	touch closed/file
	chmod 0 closed
	[ "$(cat prompt)" != fail ] || exit 3
	STUB
        chmod +x "$STUBS/claude-run"
        mkdir "$STUBS/hooks" "$BATS_TEST_TMPDIR/prompts" "$BATS_TEST_TMPDIR/tmp"
        for hook in pre-commit pre-push reference-transaction; do
                printf '#!/bin/sh\ntouch %s/ran\n' "$STUBS" >"$STUBS/hooks/$hook"
                chmod +x "$STUBS/hooks/$hook"
        done
        echo hello >"$BATS_TEST_TMPDIR/prompts/1"
        echo fail >"$BATS_TEST_TMPDIR/prompts/2"
        git init --quiet --initial-branch main "$BATS_TEST_TMPDIR/repository"
        cd "$BATS_TEST_TMPDIR/repository"
        git -c user.name=t -c user.email=t@x commit --quiet --allow-empty --message begin
        export SLURM_ARRAY_JOB_ID=17 SLURM_JOB_ID=18 TMPDIR=$BATS_TEST_TMPDIR/tmp
        SLURM_ARRAY_TASK_ID=1 run -0 /usr/share/claude-microvm/slurm/claude-array . ../prompts --memory 1G
        [ "$output" = "the answer" ]
        [ "$(git show claude/17/1:prompt)" = hello ]
        SLURM_ARRAY_TASK_ID=2 run -3 /usr/share/claude-microvm/slurm/claude-array . ../prompts
        [ "$(git show claude/17/2:prompt)" = fail ]
        SLURM_ARRAY_TASK_ID=3 run -78 /usr/share/claude-microvm/slurm/claude-array . ../prompts
        git show claude/17/1:closed/file
        [ ! -e "$STUBS/ran" ]
        [ -z "$(ls "$TMPDIR")" ]
        # a repository that takes no branch: the work is beside the output
        printf '%s\n' '#!/bin/sh' "[ ! -e $STUBS/closed ]" >.git/hooks/pre-receive
        chmod +x .git/hooks/pre-receive
        touch "$STUBS/closed"
        echo hello >../prompts/4
        CLAUDE_ARRAY_WAITS='0 0' SLURM_ARRAY_TASK_ID=4 run -74 /usr/share/claude-microvm/slurm/claude-array . ../prompts
        [[ "${lines[-1]}" == *"its commit is in '$PWD/claude-17-4.bundle', for git fetch" ]]
        git fetch --quiet claude-17-4.bundle claude/17/4
        [ "$(git show FETCH_HEAD:prompt)" = hello ]
        [ -z "$(ls "$TMPDIR")" ]
        # and there it goes, when a later try succeeds
        (until [ -e claude-17-5.bundle ]; do sleep 0.1; done; rm "$STUBS/closed") 3>&- 4>&- &
        echo hello >../prompts/5
        CLAUDE_ARRAY_WAITS='1 5' SLURM_ARRAY_TASK_ID=5 run -0 /usr/share/claude-microvm/slurm/claude-array . ../prompts
        [ "$(git show claude/17/5:prompt)" = hello ]
        [ ! -e claude-17-5.bundle ]
        # nor a bundle: the attempt stays, where the epilog does not look
        touch "$STUBS/closed" claude-17-6.bundle.lock
        echo hello >../prompts/6
        CLAUDE_ARRAY_WAITS=0 SLURM_ARRAY_TASK_ID=6 run -74 /usr/share/claude-microvm/slurm/claude-array . ../prompts
        [ "$(cat "$TMPDIR"/kept-claude-18-0.*/work/prompt)" = hello ]
}
