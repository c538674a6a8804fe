#!/usr/bin/env bats
# contrib/slurm on a real Slurm, as its README says: eight prompts, two at a time. An agent fails, a prompt is missing, a
# task is cancelled, and a node dies under another one, which is done again. All of it happens once, in setup_file, and
# each test looks at one side of it.

bats_require_minimum_version 1.5.0
load cluster

setup_file() {
        start_cluster
        rm -rf $W
        as_user mkdir -p $W/prompts
        start_api
        make_repository
        make_prompts
        JOB=$(submit prompts --array=1-8%2 --requeue)
        export JOB
        wait_for 300 "the agents of tasks 1 and 2 at work" at_work "${JOB}_1" "${JOB}_2"
        keys_in_files >"$BATS_FILE_TMPDIR/keys"
        lose_node "$(node_of "${JOB}_1")"
        wait_for 900 "the end of all tasks" over "$JOB"
        keys_in_files >>"$BATS_FILE_TMPDIR/keys"
        scontrol show job "$JOB" >"$BATS_FILE_TMPDIR/jobs"
}

make_repository() {
        as_user git init --quiet --initial-branch main $W/repository
        user_git commit --quiet --allow-empty --message begin
        as_user sh -c "umask 077; echo sk-test-key >$W/key"
}

# `sleep 300` alone did not keep the agent busy
ENDLESS="until [ -e /work/never ]; do sleep 0.2; done"

make_prompts() {
        # the first attempt never finds this file, because it comes into the repository later
        as_user tee $W/prompts/1 <<<"run: touch /work/begun; until [ -e /work/again ]; do sleep 0.2; done; cp /work/again /work/1.txt"
        as_user tee $W/prompts/2 <<<"run: touch /work/begun; $ENDLESS"
        as_user tee $W/prompts/3 <<<"error: 400"
        for n in 4 5 7 8; do as_user tee $W/prompts/$n <<<"write: $n.txt answer-$n"; done
}

# Task 1 loses its node, and task 2 is cancelled meanwhile.
lose_node() {
        local id
        node_dies "$1"
        id=$(id_of "${JOB}_2")
        scancel "${JOB}_2"
        wait_for 120 "the end of task 2, which was cancelled" over "${JOB}_2"
        nodes_files "claude-$id-*" >"$BATS_FILE_TMPDIR/cancelled"
        wait_for 240 "Slurm to give $1 up, and to requeue task 1" is_requeued "${JOB}_1"
        as_user tee $W/repository/again <<<"done again"
        user_git add again
        user_git commit --quiet --message again
        systemctl start "node@$1"
        # Slurm lets a requeued job wait for two minutes
        scontrol update "JobId=${JOB}_1" StartTime=now
}

# Files of Slurm's with a key in them. It keeps jobs in memory for some seconds before it writes them.
keys_in_files() {
        scontrol show job "$JOB" --details >/var/log/slurm-jobs.log
        grep --recursive --files-with-matches --regexp sk-test-key --regexp sk-exported-key /var/lib/slurm /var/log/slurm* $W/claude-* || true
}

teardown_file() {
        stop_cluster
        systemctl stop fake-api
}

teardown() {
        [ -n "${BATS_TEST_COMPLETED:-}" ] || show_cluster
}

# records: a line for each task, as Slurm has it
records() {
        tr '\n' ' ' <"$BATS_FILE_TMPDIR/jobs" | sed 's/JobId=[0-9]* Array/\n&/g'
}

# field TASK NAME
field() {
        records | grep --word-regexp "ArrayTaskId=$1" | grep --only-matching --perl-regexp "(?<=\s$2=)\S+"
}

# ended TASK STATE EXIT
ended() {
        local is
        is="$(field "$1" JobState) $(field "$1" ExitCode)"
        [ "$is" = "$2 $3" ] || {
                echo "task $1: $is"
                tail $W/claude-"$JOB"_"$1".*
                return 1
        }
}

file_of_branch() {
        user_git show "claude/$JOB/$1:$1.txt"
}

@test "a task is a prompt: its output is the answer, its changes are a branch" {
        for n in 4 5 7 8; do
                ended $n COMPLETED 0:0
                [[ "$(cat $W/claude-"$JOB"_$n.out)" == "Done: "* ]]
                [ "$(file_of_branch $n)" = "answer-$n" ]
        done
}

@test "an agent that fails and a missing prompt: the task's status says it" {
        ended 3 FAILED 1:0
        grep --quiet 400 $W/claude-"$JOB"_3.out
        ended 6 FAILED 78:0
        [ "$(cat $W/claude-"$JOB"_6.err)" = "claude-array: no prompt '$W/prompts/6'" ]
}

@test "no branch of another task, and no other change of the repository" {
        [ "$(user_git for-each-ref --format '%(refname)' refs/heads)" = "$(printf 'refs/heads/%s\n' claude/"$JOB"/{1,4,5,7,8} main)" ]
        [ "$(user_git ls-tree --name-only main)" = again ]
        for n in 1 4 5 7 8; do [ "$(user_git rev-list --count "main..claude/$JOB/$n")" = 1 ]; done
        [ -z "$(user_git status --porcelain)" ]
}

@test "two tasks at a time, and no more" {
        local task most
        # at one and the same second the end comes first
        most=$(for task in {1..8}; do
                echo "$(date --date "$(field $task StartTime)" +%s) 1"
                echo "$(date --date "$(field $task EndTime)" +%s) -1"
        done | sort --key 1,1n --key 2,2n | awk '{ now += $2; if (now > most) most = now } END { print most }')
        [ "$most" = 2 ]
}

@test "a cancelled task: SIGTERM ends its VM, and neither clone nor branch is there" {
        [ "$(field 2 JobState)" = CANCELLED ]
        grep --quiet "^claude-run: VM '.*': Stopped by SIGTERM$" $W/claude-"$JOB"_2.err
        [ ! -s $W/claude-"$JOB"_2.out ]
        [ ! -s "$BATS_FILE_TMPDIR/cancelled" ]
        run ! file_of_branch 2
}

@test "a node dies: its task is done again, in a clone of its own" {
        ended 1 COMPLETED 0:0
        [ "$(field 1 Restarts)" = 1 ]
        [ "$(file_of_branch 1)" = "done again" ]
}

@test "no key is in Slurm's files, neither that of --credential nor an exported one" {
        # which has the jobs
        grep --quiet --recursive claude-array /var/lib/slurm/ctld
        run -0 cat "$BATS_FILE_TMPDIR/keys"
        [ -z "$output" ]
}

@test "no process and no file of a task is left on a node" {
        [ -z "$(programs)$(nodes_files '*')" ]
}

# Moves all that runs on a node but slurmd into a cgroup, as Slurm does on a machine with cgroups: until none is left,
# because some start others.
move_job() {
        local main procs pid
        main=$(systemctl show --value --property MainPID "node@$1")
        procs=/sys/fs/cgroup$(systemctl show --value --property ControlGroup "node@$1")/cgroup.procs
        while pid=$(grep --line-regexp --invert-match --max-count=1 "$main" "$procs"); do
                echo "$pid" >"$2/cgroup.procs" || true
        done
}

@test "the epilog: what a killed slurmstepd has left ends, and what belongs to others stays" {
        local job node tmp scope other
        as_user mkdir -p $W/more
        as_user tee $W/more/1 <<<"run: $ENDLESS"
        job=$(submit more)
        wait_for 120 "QEMU of job $job" pgrep --uid tester qemu-system
        node=$(node_of "$job")
        # as Debian's slurmd names it
        scope=/sys/fs/cgroup/system.slice/${node}_slurmstepd.scope
        mkdir -p "$scope/job_$job/step_batch" "$scope/job_${job}0"
        kill -KILL "$(pgrep --full "^slurmstepd: \[$job\.batch\]")"
        move_job "$node" "$scope/job_$job/step_batch"
        # of a job with a number that begins like this one's, and of a user who wants another's files removed
        sleep 300 3>&- 4>&- &
        other=$!
        echo $other >"$scope/job_${job}0/cgroup.procs"
        tmp=$(dirname "$(nodes_files "claude-$job-0.*")")
        install -d -o tester "$tmp/claude-${job}0-0.x"
        mkdir "$tmp/claude-$job-0.y"
        no_programs && return 1

        scancel "$job"
        wait_for 60 "the end of the VM of job $job" no_programs
        wait_for 60 "the end of job $job" over "$job"
        [ "$(nodes_files 'claude-[0-9]*' | sort)" = "$(printf '%s\n' "$tmp/claude-${job}0-0.x" "$tmp/claude-$job-0.y" | sort)" ]
        # and it was no end of its own
        [ ! -s "$(echo $W/claude-"$job"_*.out)" ]
        kill $other
}
