# A Slurm of one controller and two nodes on the test host, for tests that run as root. A node is a unit with a /tmp of
# its own: SIGKILL of the unit is a power failure, because it ends slurmd, its steps and their VMs, and /tmp goes, too.

USER_HOME=/home/tester
W=$USER_HOME/slurm
CONTRIB=/usr/share/claude-microvm/slurm

# as_user COMMAND…: without a bus and a session, because the nodes of a cluster have none for him
as_user() {
        runuser -u tester -- env -i HOME=$USER_HOME USER=tester PATH=/usr/bin:/bin "$@"
}

# wait_for SECONDS WHAT COMMAND…: until the command succeeds. Says what did not happen, and what there was instead.
wait_for() {
        local deadline=$((SECONDS + $1)) seconds=$1 what=$2 said tries=0
        shift 2
        until said=$("$@" 2>&1); do
                tries=$((tries + 1))
                [ $SECONDS -lt $deadline ] || {
                        echo "waited $seconds s for this: $what; in the last of $tries looks '$*' said '$said', and there was:"
                        show_cluster
                        return 1
                }
                sleep 0.2
        done
}

# For a test that failed. The files of tasks are short.
show_cluster() {
        sinfo --Node --long || true
        squeue --array --long || true
        programs | cut --bytes 1-150
        nodes_files '*'
        tail -n 15 /var/log/slurmctld.log /var/log/slurmd-node?.log || true
        tail -n 5 $W/claude-*.err || true
}

# No cgroups: the controllers of the machine below may be v1, and slurmd refuses a mixture. So Slurm follows processes by
# their parents, and limits nothing. The other lines of the example are tried as they are.
write_configuration() {
        cat >/etc/slurm/slurm.conf <<-CONF
	ClusterName=test
	SlurmctldHost=$(hostname)
	SlurmUser=slurm
	AuthType=auth/munge
	StateSaveLocation=/var/lib/slurm/ctld
	SlurmdSpoolDir=/var/lib/slurm/%n
	SlurmctldPidFile=/run/slurmctld.pid
	SlurmdPidFile=/run/slurmd-%n.pid
	SlurmctldLogFile=/var/log/slurmctld.log
	SlurmdLogFile=/var/log/slurmd-%n.log
	ProctrackType=proctrack/linuxproc
	TaskPlugin=task/none
	SelectType=select/cons_tres
	SelectTypeParameters=CR_Core_Memory
	SchedulerParameters=batch_sched_delay=1,sched_min_interval=500000
	SlurmdParameters=config_overrides
	ReturnToService=2
	MinJobAge=3600
	SlurmdTimeout=10
	MailProg=/bin/true
	Licenses=claude:2
	NodeName=node[1-2] NodeHostname=$(hostname) NodeAddr=127.0.0.1 Port=[17001-17002] CPUs=2 RealMemory=3000 State=UNKNOWN
	PartitionName=agents Nodes=node[1-2] Default=YES LLN=YES MaxTime=30 State=UP
	CONF
        grep --invert-match --extended-regexp '^(#|ProctrackType=|TaskPlugin=|JobAcctGatherType=|Licenses=)' $CONTRIB/slurm.conf.example >>/etc/slurm/slurm.conf
        echo 'CgroupPlugin=disabled' >/etc/slurm/cgroup.conf
        cat >/run/systemd/system/node@.service <<-'UNIT'
	[Service]
	Type=exec
	ExecStart=/usr/sbin/slurmd -D -N %i
	PrivateTmp=yes
	LimitNOFILE=131072
	TasksMax=infinity
	UNIT
        systemctl daemon-reload
}

start_cluster() {
        write_configuration
        # no jobs of an earlier run
        rm -rf /var/lib/slurm/ctld /var/lib/slurm/node?
        install -d -o slurm -g slurm -m 0700 /var/lib/slurm/ctld
        install -d /var/lib/slurm/node1 /var/lib/slurm/node2
        install -o slurm -g slurm -m 0644 /dev/null /var/log/slurmctld.log
        rm -f /var/log/slurmd-node?.log
        systemctl restart munge slurmctld node@node1 node@node2
        wait_for 60 "two idle nodes" idle_nodes 2
}

# As a power failure: a slurmstepd would wait for the controller. A test makes the scopes.
stop_cluster() {
        local scope
        systemctl kill --signal=KILL 'node@*' || true
        for scope in /sys/fs/cgroup/system.slice/*slurmstepd.scope; do
                [ ! -e "$scope" ] || echo 1 >"$scope/cgroup.kill"
        done
        systemctl stop 'node@*' slurmctld munge
}

idle_nodes() {
        [ "$(sinfo --noheader --states=idle --format %D)" = "$1" ]
}

# Slurm took it from its node, and will do it again.
is_requeued() {
        squeue --noheader --array --job="$1" --format %T | grep --line-regexp PENDING
}

node_dies() {
        systemctl kill --signal=KILL "node@$1"
        wait_for 30 "the end of all that ran on $1" eval "! systemctl --quiet is-active node@$1"
        systemctl reset-failed "node@$1"
}

# Where a task of a job runs: nothing if it does not.
node_of() {
        squeue --noheader --array --job="$1" --states=RUNNING --format %N
}

over() {
        [ -z "$(squeue --noheader --array --job="$1" --format %i 2>/dev/null)" ]
}

# A job's own number, which a task has besides that of the array. Only once it runs, or has run.
id_of() {
        squeue --noheader --array --job="$1" --states=all --format %A
}

# at_work JOB…: each agent has made this file in its clone.
at_work() {
        local job id
        for job; do
                id=$(id_of "$job")
                compgen -G "/tmp/systemd-private-*-node@*/tmp/claude-$id-0.*/work/begun" || return
        done
}

programs() {
        pgrep --list-full --uid tester 'qemu-system|virtiofsd|pasta|dnsmasq|haproxy|claude-vm-helpe|claude-run|claude-array' || true
}

no_programs() {
        [ -z "$(programs)" ]
}

# nodes_files PATTERN: what tasks have in the nodes' /tmp
nodes_files() {
        find /tmp/systemd-private-*-node@*/tmp -mindepth 1 -maxdepth 1 -name "$1" 2>/dev/null || true
}

start_api() {
        systemd-run --quiet --collect --unit=fake-api --uid=tester --property=StandardOutput=truncate:$W/port /src/tests/e2e/fake-api
        wait_for 30 "the port of fake-api" test -s $W/port
        export API_PORT
        API_PORT=$(cat $W/port)
}

# submit PROMPTS [WORDS FOR sbatch…]: claude-array on the repository and $W/PROMPTS, with the smallest VM; --mem is the sum
# of README. Prints the job's number. The exported key is the mistake that README warns of.
submit() {
        local prompts=$1
        shift
        (cd $W && as_user ANTHROPIC_API_KEY=sk-exported-key sbatch --parsable --licenses=claude:1 --mem=1408M --cpus-per-task=1 --time=20 "$@" \
                $CONTRIB/claude-array $W/repository "$W/$prompts" --memory 1G --cpus 1 --accelerator tcg \
                --allow "host:$API_PORT" --env "ANTHROPIC_BASE_URL=http://10.0.2.2:$API_PORT" --env CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC=1 \
                --credential ANTHROPIC_API_KEY=$W/key)
}

user_git() {
        as_user git -C $W/repository -c user.name=t -c user.email=t@x "$@"
}
