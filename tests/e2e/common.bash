# What the end-to-end tests share. They run in the test host, in an unprivileged
# user's session, with the project installed and a guest image in place.

bats_require_minimum_version 1.5.0

# The real Claude Code against the scripted API, a service of the host's loopback that the guest may reach.
start_api() {
        coproc API { exec "$BATS_TEST_DIRNAME/fake-api" --log "$BATS_FILE_TMPDIR/api.log" 3>&- 4>&-; }
        read -r -u "${API[0]}" API_PORT
        export API_PORT API_PID
}

stop_api() {
        kill "$API_PID"
}

# new_project NAME [INI-LINE…]: a project directory, an agent's home in which the
# first-run questions are answered, and an ini. Lines may start a section. TEST_GUEST: another guest image.
new_project() {
        local name=$1 work home lines disk='' cpus=''
        shift
        lines=$'\n'$(printf '%s\n' "$@")
        work=$(project_dir "$name")
        home=$HOME/homes/$name
        rm -rf "$work" "$home"
        # most tests want a fresh guest, and a second less; one CPU, because two VMs at a time keep the machine busy
        [[ $lines == *$'\nDisk='* ]] || disk=Disk=no
        [[ $lines == *$'\nCPUs='* ]] || cpus=CPUs=1
        mkdir -p "$work" "$home" "$HOME/.config/claude-microvm"
        chmod 0700 "$home"
        cat >"$home/.claude.json" <<-JSON
        {"hasCompletedOnboarding": true, "theme": "dark", "bypassPermissionsModeAccepted": true,
         "customApiKeyResponses": {"approved": ["sk-test-key", "e-key-is-on-the-host"], "rejected": []},
         "projects": {"$work": {"hasTrustDialogAccepted": true, "hasCompletedProjectOnboarding": true}}}
	JSON
        (umask 077 && echo sk-test-key >"$HOME/api-key")
        {
                cat <<-INI
		[Project]
		WorkDirectory=$work
		Home=$home
		[VM]
		Memory=1536M
		$cpus
		Accelerator=tcg
		${TEST_GUEST:+Guest=$TEST_GUEST}
		$disk
		[Environment]
		ANTHROPIC_BASE_URL=http://10.0.2.2:$API_PORT
		CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC=1
		[Credentials]
		ANTHROPIC_API_KEY=~/api-key
		[Network]
		Allow=host:$API_PORT
		[Project]
		INI
                printf '%s\n' "$@"
        } >"$HOME/.config/claude-microvm/$name.ini"
        systemctl --user daemon-reload
}

# Claude Code takes as long to begin as two guests. Where a test is of what is around an agent, its program runs this
# before it reads anything of its own: the command, or else its prompt, which is its last word or its input, as a line of
# shell, with its status. make_small_agent DIRECTORY [COMMAND]: one without a prompt has a terminal, and needs the command.
SMALL_AGENT=BUN_OPTIONS=--preload=/work/agent.js
make_small_agent() {
        local word='process.argv.at(-1)'
        [ -z "${2:-}" ] || word=$(jq --null-input --arg command "$2" '$command')
        cat >"$1/agent.js" <<-JS
	const word = $word;
	const { status } = require("node:child_process").spawnSync("sh", word === "-p" ? [] : ["-c", word], { stdio: "inherit" });
	process.exit(status ?? 1);
	JS
}

# small_project NAME COMMAND: a project whose agent is this command.
small_project() {
        new_project "$1" "AgentArguments=-p '$2'" '[Environment]' "$SMALL_AGENT"
        make_small_agent "$(project_dir "$1")"
}

project_dir() {
        echo "$HOME/projects/$1"
}

unit_property() {
        systemctl --user show --value --property "$2" "$1"
}

vm_property() {
        unit_property "claude-vm@$1.service" "$2"
}

# Starts the VM and waits for its end, five minutes at the most.
run_vm() {
        timeout 300 systemctl --user start --wait "claude-vm@$1"
}

vm_journal() {
        journalctl --user --no-pager --output=cat --unit "claude-vm@$1.service" "${@:2}"
}

# Waits for a line of the journal of a VM, or of another UNIT, since the test began.
wait_journal() {
        local unit=claude-vm@$1.service
        [[ $1 != *.service ]] || unit=$1
        timeout 240 grep --quiet --max-count=1 -e "$2" \
                <(journalctl --user --follow --lines=all --output=cat --unit "$unit" --since "@$BATS_TEST_STARTED")
}

wait_inactive() {
        "$BATS_TEST_DIRNAME/../wait-inactive" "${2:-claude-vm@$1.service}"
}

# until_true COMMAND…: within three minutes
until_true() {
        local deadline=$((SECONDS + 180))
        until "$@"; do
                [ $SECONDS -lt $deadline ] || { echo "not true in time: $*"; return 1; }
                sleep 0.1
        done
}

# Waits for a file that the guest makes: the host's own inotify sees it, because
# it is virtiofsd that makes it.
wait_file() {
        timeout 240 python3 - "$1" <<-'PYTHON'
	import ctypes, os, struct, sys
	path = sys.argv[1]
	libc = ctypes.CDLL(None)
	fd = libc.inotify_init()
	libc.inotify_add_watch(fd, os.path.dirname(path).encode(), 0x100 | 0x80)  # IN_CREATE | IN_MOVED_TO
	while not os.path.exists(path):
	    os.read(fd, 4096)
	PYTHON
}

# Nothing of a VM may remain: process, socket, runtime directory, running unit.
assert_nothing_left() {
        local name=$1 left tag unit
        wait_inactive "$name"
        # the share units end when QEMU has hung up, a moment after it
        for tag in work home; do
                wait_inactive "$name" "claude-vm-virtiofsd@$name:$tag.service"
                wait_inactive "$name" "claude-vm-virtiofsd@$name:$tag.socket"
        done
        for unit in ssh@$name.service clipboard@$name.service clipboard@$name.socket; do
                wait_inactive "$name" "claude-vm-$unit"
        done
        left=$(
                pgrep --full --list-full "claude-vm(-helper)?[ @/].*$name" | grep -v "$BATS_TEST_FILENAME" || true
                ls -d "$XDG_RUNTIME_DIR/claude-vm/$name" "$XDG_RUNTIME_DIR/claude-vm-fs/$name:"* \
                        "$XDG_RUNTIME_DIR/claude-vm-clipboard/$name.sock" \
                        "$XDG_RUNTIME_DIR/systemd/user/claude-vm@$name.service.wants" 2>/dev/null || true
                systemctl --user list-units --plain --no-legend --state=active,activating,deactivating,failed \
                        "claude-vm-*@$name*" "claude-vm-virtiofsd@$name:*"
        )
        [ -z "$left" ] || { echo "left behind by $name:" "$left"; return 1; }
}

# assert_plain TEXT: it has no escape sequence, no other control of a terminal and no override of its direction.
assert_plain() {
        run ! grep --quiet --text --perl-regexp '\x1b|\xc2[\x80-\x9f]|\xe2\x80[\xaa-\xae]|\xe2\x81[\xa6-\xa9]' <<<"$1"
}

# terminal NAME [DIRECTORY [COLUMNS [ROWS]]]: a tmux session with a shell
terminal() {
        # without the descriptors of bats, which waits for their end
        tmux new-session -d -s "$1" -x "${3:-100}" -y "${4:-30}" -c "${2:-$HOME}" 'bash --norc' 3>&- 4>&-
}

screen() {
        tmux capture-pane -p -t "$1"
}

# Waits for a text on a terminal's screen: tmux hands what is written there to a pipe, and each burst of it is
# a reason to look again.
wait_screen() {
        local pipe deadline=$((SECONDS + 240)) fd
        pipe=$(mktemp -u "$BATS_TEST_TMPDIR/screen.XXXXXX")
        mkfifo "$pipe"
        exec {fd}<>"$pipe"
        tmux pipe-pane -t "$1" "exec cat >'$pipe'"
        until screen "$1" | grep --quiet -e "$2"; do
                LC_ALL=C read -r -N 1 -t $((deadline > SECONDS ? deadline - SECONDS : 1)) -u "$fd" _ || {
                        echo "no '$2' on the screen of $1:"
                        screen "$1"
                        return 1
                }
                LC_ALL=C read -r -N 65536 -t 0.05 -u "$fd" _ || true
        done
        exec {fd}>&-
        tmux pipe-pane -t "$1"
}

# All that the tests know of Claude Code's own screen, which an update of it may change.
#
#   wait_agent TERMINAL drawn        its head is there
#   wait_agent TERMINAL ready        it takes input (with --dangerously-skip-permissions)
#   wait_agent TERMINAL typed TEXT   this is in its input line
#   wait_agent TERMINAL wrote        its tool has made a file
#   wait_agent TERMINAL columns N    it has drawn itself for so many columns
wait_agent() {
        case $2 in
        drawn) wait_screen "$1" 'Claude Code v[0-9]' ;;
        ready) wait_screen "$1" 'bypass permissions on' ;;
        typed) wait_screen "$1" "^.\{1,3\}$3" ;;
        wrote) wait_screen "$1" 'Done: File created' ;;
        columns) wait_screen "$1" "^─\{$3\}$" ;;
        *) return 2 ;;
        esac
}

setup_file() {
        start_api
}

teardown_file() {
        stop_api
}

setup() {
        BATS_TEST_STARTED=$(date +%s)
}

teardown() {
        common_teardown
}

# A failed test shows what the machine saw.
common_teardown() {
        [ -n "${BATS_TEST_COMPLETED:-}" ] || {
                systemctl --user --no-pager status 'claude-vm*' || true
                journalctl --user --no-pager --since "@$BATS_TEST_STARTED" | tail -n 60
        }
        systemctl --user stop 'claude-vm@*.service' || true
        systemctl --user reset-failed || true
}
