#!/usr/bin/env bats
# Ways into a running VM: one VM for all of them, since each test only adds a session.

load common

setup_file() {
        start_api
        new_project in AgentStart=session '[Network]' 'Publish=18080:8080' '[Environment]' 'ODD=a "b" \c $d & é'
        claude-run start in
}

teardown_file() {
        claude-run stop in
        stop_api
}

teardown() {
        # a VM that stands still would stop all that comes after it
        pkill -CONT --full 'qemu-system.* -name claude-vm@in ' || true
        [ -n "${BATS_TEST_COMPLETED:-}" ] || journalctl --user --no-pager --since "@$BATS_TEST_STARTED" | tail -n 40
}

get() {
        python3 -c 'import sys, urllib.request; print(urllib.request.urlopen(sys.argv[1], timeout=20).read().decode(), end="")' "$1"
}

# A server on the guest's loopback, port 8080.
serve_in_guest() {
        claude-run exec in -- sh -c 'mkdir -p /tmp/www && cd /tmp/www && echo guest >index.html &&
                setsid python3 -m http.server 8080 --bind 127.0.0.1 >log 2>&1 </dev/null &
                until curl --silent --output /dev/null http://127.0.0.1:8080/; do sleep 0.2; done'
}

@test "the agent's environment reaches sessions byte for byte" {
        run -0 claude-run exec in -- sh -c 'printf %s "$ODD"'
        [ "$output" = 'a "b" \c $d & é' ]
        # and what the agent has for a key, for an agent that is run in a session
        run -0 claude-run exec in -- sh -c 'printf %s "$ANTHROPIC_API_KEY"'
        [[ "$output" == *-claude-microvm-placeholder-* ]]
}

@test "xclip and wl-paste say what lets the guest have an image of the clipboard" {
        local program
        for program in 'xclip -selection clipboard -o -t TARGETS' 'wl-paste --list-types' 'wl-paste --type image/png'; do
                # shellcheck disable=SC2086 # words
                run -1 --separate-stderr claude-run exec in -- $program
                [ "$output" = "" ]
                [ "$stderr" = "${program%% *}: this VM may not see the host's clipboard; Clipboard=image in its ini allows images" ]
        done
}

@test "words with spaces, quotes, newlines and bytes that are no UTF-8 arrive unchanged" {
        run -0 claude-run exec in -- printf '<%s>' 'a  b' "'" '"' $'x\ny' '$(id)' '' '\'
        [ "$output" = "<a  b><'><\"><x"$'\n'"y><\$(id)><><\\>" ]
        claude-run exec in -- printf '%s' $'\xff\xfe' | cmp - <(printf '\xff\xfe')
        head -c 100000 /dev/urandom >"$BATS_TEST_TMPDIR/bytes"
        claude-run exec in -- cat <"$BATS_TEST_TMPDIR/bytes" | cmp - "$BATS_TEST_TMPDIR/bytes"
}

@test "exec without --, in the directory of the caller, and in the background" {
        mkdir -p "$(project_dir in)/front end"
        cd "$(project_dir in)/front end"
        [ "$(claude-run exec in pwd)" = "$PWD" ]
        [ "$(claude-run exec -u root in sh -c 'id -un; pwd')" = $'root\n'"$PWD" ]
        [ "$(claude-run exec -- pwd 2>/dev/null)" = "$PWD" ]
        run -78 claude-run exec pwd now
        [[ "$output" == *"claude-run exec -- pwd"* ]]
        cd /
        [ "$(claude-run exec in pwd)" = "$(project_dir in)" ]
        run -0 timeout 180 claude-run exec --detach in sh -c 'echo in the journal; sleep 1; touch /work/detached; sleep 100'
        [ -z "$output" ]
        wait_file "$(project_dir in)/detached"
        wait_journal in 'exec.*: in the journal'
        run -2 claude-run exec --detach --tty in true
        run -1 claude-run rm --yes in
        run -1 claude-run rename in other
}

@test "a session that ends with its VM says why, and one that a signal ended says nothing" {
        new_project ends AgentStart=session
        claude-run start ends
        run -255 timeout 180 claude-run exec ends sh -c 'kill -KILL $$'
        [ -z "$output" ]
        run -255 timeout 180 claude-run exec -u root ends sh -c 'kill -KILL $$'
        [ -z "$output" ]
        claude-run exec ends sleep 300 2>"$BATS_TEST_TMPDIR/said" 3>&- 4>&- &
        local other=$!
        pkill -KILL --full 'qemu-system.* -name claude-vm@ends '
        wait $other && false
        grep --quiet "^claude-run: VM 'ends' has ended: QEMU" "$BATS_TEST_TMPDIR/said"
        systemctl --user reset-failed
        rm ~/.config/claude-microvm/ends.ini
}

@test "versions: what runs, and what the image has; an update of another user's image is that user's" {
        local agents
        agents="claude $(jq --raw-output .agents.claude /var/lib/claude-microvm/guests/debian/guest.json)"
        [ "$(claude-run versions --json | jq --raw-output '.[] | select(.name == "in") | "\(.runs)|\(.image)|\(.directory)"')" = \
                "$agents|$agents|/var/lib/claude-microvm/guests/debian" ]
        run -0 claude-run versions
        [[ "$output" == NAME*RUNS*IMAGE* ]]
        run ! grep --quiet 'It runs' <(claude-run list)
        # as if the image had been replaced meanwhile
        sed --in-place '1s/.*/claude 1.0.1/' "$XDG_RUNTIME_DIR/claude-vm/in/guest"
        grep --quiet "^  It runs claude 1.0.1; its guest image has $agents by now, for the next start: claude-run restart in\$" <(claude-run list)
        sed --in-place "1s/.*/$agents/" "$XDG_RUNTIME_DIR/claude-vm/in/guest"
        # another image of this user's, which is older
        local images=~/.local/share/claude-microvm/guests
        run ! grep --quiet '^Guest image' <(claude-run list)
        mkdir -p $images/earlier $images/unfinished
        echo '{"agents": {"claude": "2.1.99", "codex": "0.9"}}' >$images/earlier/guest.json
        [ "$(claude-run list | grep '^Guest image')" = \
                "Guest image '$images/earlier' has claude 2.1.99, and '/var/lib/claude-microvm/guests/debian' has ${agents#* }. To renew it: claude-run update earlier" ]
        rm -r $images/earlier $images/unfinished
        run -1 claude-run update /usr/lib/guest
        [[ "$output" == *"sudo claude-vm-mkguest --update --directory /usr/lib/guest" ]]
}

@test "attributes of programs are kept in shares, and no others" {
        touch "$(project_dir in)/marked"
        run -0 claude-run exec -u root in python3 -c 'import os
for d in "/work", "/home/claude":
    p = d + "/marked"; open(p, "a").close()
    os.setxattr(p, "user.color", b"red")
    for name in "security.x", "trusted.x":
        try: os.setxattr(p, name, b"x"); print(name, "is taken")
        except OSError: pass
    print(*os.listxattr(p))'
        [ "$output" = $'user.color\nuser.color' ]
        [ "$(python3 -c 'import os, sys; p = sys.argv[1]; print(os.listxattr(p), os.getxattr(p, "user.color"))' "$(project_dir in)/marked")" = "['user.color'] b'red'" ]
}

@test "output and errors apart, exit status, SIGINT and a closed pipe" {
        run -9 --separate-stderr claude-run exec in -- sh -c 'echo out; echo err >&2; exit 9'
        [ "$output" = out ]
        [ "$stderr" = err ]
        # ssh's master holds our output until the guest's command has ended, as ssh always does
        run -124 timeout --signal=INT 2 env --default-signal=INT bash -c 'exec claude-run exec in -- sleep 100 >/dev/null 2>&1'
        run -0 bash -c 'claude-run exec in -- yes | head -n 1'
        [ "$output" = y ]
        run -0 claude-run exec in -- sh -c '! pgrep -x yes'
}

@test "plain ssh, scp and rsync by name" {
        run -0 ssh claude-vm/in id -un
        [ "$output" = claude ]
        echo by-name >"$BATS_TEST_TMPDIR/file"
        scp -q "$BATS_TEST_TMPDIR/file" claude-vm.in:/tmp/by-scp
        run -0 ssh claude-vm.in cat /tmp/by-scp
        [ "$output" = by-name ]
        mkdir "$BATS_TEST_TMPDIR/to-sync"
        cp "$BATS_TEST_TMPDIR/file" "$BATS_TEST_TMPDIR/to-sync/"
        rsync --archive "$BATS_TEST_TMPDIR/to-sync/" claude-vm.in:/tmp/by-rsync/
        run -0 ssh claude-vm.in cat /tmp/by-rsync/file
        [ "$output" = by-name ]
        run ! ssh claude-vm.nobody true
        [[ "$output" == *"is not running"*"systemctl --user start claude-vm@nobody"* ]]
        run -0 claude-run ssh in -- -o LogLevel=QUIET id -u
        [ "$output" = 1000 ]
}

@test "cp both ways, files and directories, relative to the project" {
        mkdir -p "$BATS_TEST_TMPDIR/tree/sub dir"
        echo one >"$BATS_TEST_TMPDIR/tree/sub dir/a \"quote\""
        claude-run cp "$BATS_TEST_TMPDIR/tree" in:/tmp/
        claude-run cp 'in:/tmp/tree/sub dir/a "quote"' "$BATS_TEST_TMPDIR/back"
        [ "$(cat "$BATS_TEST_TMPDIR/back")" = one ]
        claude-run cp "$BATS_TEST_TMPDIR/back" in:relative
        [ "$(cat "$(project_dir in)/relative")" = one ]
        cd "$(project_dir in)"
        claude-run cp :relative "$BATS_TEST_TMPDIR/here"
        run -2 claude-run cp a b
        [[ "$output" == *NAME:PATH* ]]
        run -2 claude-run cp in:a in:b
        run -1 claude-run cp a b in:nowhere
        [[ "$output" == *"a: No such file"* ]]
        touch a b
        run -1 claude-run cp a b in:nowhere/
        [[ "$output" == *"nowhere/: no such directory in the VM"* ]]
        run -1 claude-run cp in:missing .
        [[ "$output" == *"guest| "*"missing: no such file in the VM"* ]]
        # and the input stays the caller's
        run -0 bash -c 'printf rest | { claude-run cp in:/etc/hosts stays && cat; }'
        [ "$output" = rest ]
}

@test "cp: links stay links, names are taken as they are, what is there is merged" {
        cd "$BATS_TEST_TMPDIR"
        mkdir -p lnk/sub
        ln -s nowhere lnk/dangling
        ln -s . lnk/loop
        ln -s ../app lnk/toapp
        echo star >'lnk/*'
        echo dash >-r
        touch -d @1000000000 lnk/sub/old
        chmod 0640 lnk/sub/old
        touch -d '1 hour' lnk/sub/from-the-future
        run -0 claude-run cp -r lnk ./-r 'in:/tmp/'
        [ -z "$output" ]
        run -0 claude-run cp in:/tmp/lnk ./back
        [ -z "$output" ]
        [ "$(readlink back/dangling back/loop back/toapp)" = $'nowhere\n.\n../app' ]
        [ "$(find back | wc -l)" = "$(find lnk | wc -l)" ]
        [ "$(stat --format '%a %Y' back/sub/old)" = '640 1000000000' ]
        claude-run cp 'in:/tmp/lnk/*' 'in:/tmp/-r' sub-star 2>/dev/null && false
        mkdir into
        claude-run cp 'in:/tmp/lnk/*' 'in:/tmp/-r' into/
        [ "$(cat 'into/*' into/-r)" = $'star\ndash' ]
        # merged, and through no link that lies in the way
        mkdir -p there/lnk
        echo mine >there/lnk/mine
        echo precious >precious
        ln -s "$PWD/precious" 'there/lnk/*'
        claude-run cp in:/tmp/lnk there
        [ "$(cat there/lnk/mine precious 'there/lnk/*')" = $'mine\nprecious\nstar' ]
        claude-run cp 'in:/tmp/-r' there/lnk/mine
        [ "$(cat there/lnk/mine)" = dash ]
        claude-run exec in -- mkdir -p /home/claude/kept
        claude-run cp precious 'in:~/kept/other'
        [ "$(claude-run exec in cat /home/claude/kept/other)" = precious ]
        run ! ls -d .claude-run.* there/.claude-run.*
        # nor of one that is ended
        claude-run exec in -- truncate --size=100G /tmp/huge
        run -143 timeout --preserve-status 3 claude-run cp in:/tmp/huge into/
        claude-run exec in -- rm /tmp/huge
        run ! ls -d into/.claude-run.*
}

@test "cp: a name that tar would unquote is that name, in either direction" {
        local name='x\057..\057..\057secret\057key'
        cd "$BATS_TEST_TMPDIR"
        mkdir -p secret work/x arrived
        echo secret >secret/key
        echo mine >"work/$name"
        (cd work && claude-run cp * in:/tmp/)
        run ! claude-run exec in -- sh -c 'cat /tmp/key /tmp/secret/key 2>/dev/null'
        [ -z "$output" ]
        claude-run cp "in:/tmp/$name" arrived/
        [ "$(cat "arrived/$name")" = mine ]
        run ! grep --recursive --quiet secret arrived
}

@test "cp: a file that changes while it is read gives a warning, in either direction" {
        local changing
        cd "$BATS_TEST_TMPDIR"
        head --bytes=8M /dev/urandom >log
        while [ -e log ]; do touch --no-create log; sleep 0.01; done 3>&- &
        changing=$!
        run -0 claude-run cp log in:/tmp/
        kill "$changing"
        [[ "$output" == *"log: file changed as we read it"* ]]
        claude-run exec --detach in -- sh -c 'while [ -e /tmp/log ]; do touch --no-create /tmp/log; sleep 0.01; done'
        run -0 claude-run cp in:/tmp/log back
        claude-run exec in rm /tmp/log
        [[ "$output" == *"log: file changed as we read it"* ]]
        cmp log back
}

@test "cp: a guest that sends more than was asked for, or a path that leads out, writes nothing else" {
        local evil=$BATS_TEST_TMPDIR/evil
        cd "$BATS_TEST_TMPDIR"
        mkdir -p "$evil/x" target
        echo bad | tee "$evil/asked" "$evil/.bashrc" "$evil/x/file" >/dev/null
        ln -s "$PWD" "$evil/out"
        # the guest's own tar sends what it likes
        claude-run exec -u root in sh -c 'printf "%s\n" "#!/bin/sh" "exec cat /tmp/evil.tar" >/usr/local/bin/tar && chmod +x /usr/local/bin/tar && touch /work/asked'
        tar -cPf evil.tar -C "$evil" asked .bashrc x
        claude-run exec in sh -c 'cat >/tmp/evil.tar' <evil.tar
        claude-run cp in:asked target
        [ "$(ls -A target)" = asked ]
        [ "$(cat target/asked)" = bad ]
        # over a link that it brings along, and with a name that leads out
        tar -cPf evil.tar -C "$evil" asked out x/file --transform 's,^x/file,out/written,'
        tar -rPf evil.tar -C "$evil" --transform 's,^,../climbed,' asked
        claude-run exec in sh -c 'cat >/tmp/evil.tar' <evil.tar
        rm target/asked
        run ! claude-run cp in:asked target
        claude-run exec -u root in rm /usr/local/bin/tar
        [ -z "$(ls -A target)" ]
        [ ! -e written ]
        [ ! -e climbedasked ]
        [ ! -e target/climbedasked ]
}

@test "ports: from the ini, added, removed, reverse; a port in use is an error" {
        serve_in_guest
        [ "$(get http://127.0.0.1:18080/)" = guest ]
        run -0 claude-run ports in
        [[ "$output" == *127.0.0.1:18080*8080*ini* ]]
        claude-run ports in add 127.0.0.1:18081:8080
        [ "$(get http://127.0.0.1:18081/)" = guest ]
        run -1 claude-run ports in add 18081:9
        [[ "$output" == *"already forwarded"* ]]
        run -2 claude-run ports in add nonsense
        # the API of the tests listens on the host's loopback
        run -1 claude-run ports in add "$API_PORT:1"
        [[ "$output" == *"Failed to add"* ]]
        claude-run ports in reverse "$API_PORT:7777"
        run -0 claude-run exec in -- curl --silent --output /dev/null --write-out '%{http_code}' http://127.0.0.1:7777/
        [ "$output" != 000 ]
        [ "$(claude-run ports in --json | jq --compact-output '[.[] | .direction]')" = '["publish","publish","reverse"]' ]
        claude-run ports in remove 18081 7777
        run ! get http://127.0.0.1:18081/
        [ "$(claude-run ports in --json | jq length)" = 1 ]
}

@test "the ssh master comes back after SIGKILL, with its ports, and the agent does not notice" {
        local before
        # what stands for the agent where sessions start one
        before=$(claude-run exec in -- pgrep -xf 'sleep infinity')
        claude-run ports in add 18082:8080
        systemctl --user kill --signal=KILL claude-vm-ssh@in.service
        # ssh goes to the background when its socket is there
        wait_journal claude-vm-ssh@in.service 'Started claude-vm-ssh@in.service'
        [ -S "$XDG_RUNTIME_DIR/claude-vm/in/ssh/control" ]
        [ "$(claude-run exec in -- pgrep -xf 'sleep infinity')" = "$before" ]
        serve_in_guest
        [ "$(get http://127.0.0.1:18082/)" = guest ]
        claude-run ports in remove 18082
}

@test "fifty sessions at once" {
        local i pids=()
        for ((i = 0; i < 50; i++)); do
                claude-run exec in -- sh -c "sleep 3; echo $i" >"$BATS_TEST_TMPDIR/$i" 3>&- 4>&- &
                pids+=($!)
        done
        wait "${pids[@]}"
        for ((i = 0; i < 50; i++)); do
                [ "$(cat "$BATS_TEST_TMPDIR/$i")" = $i ]
        done
}

@test "a session that floods does not keep others out" {
        claude-run exec in -- cat /dev/zero >/dev/null 3>&- 4>&- &
        local flood=$!
        run -0 timeout 180 claude-run exec in -- echo through
        kill $flood
        [ "$output" = through ]
}

@test "a wrong host key is refused" {
        local config=$BATS_TEST_TMPDIR/config
        ssh-keygen -q -t ed25519 -N '' -f "$BATS_TEST_TMPDIR/other"
        echo "claude-vm $(cat "$BATS_TEST_TMPDIR/other.pub")" >"$BATS_TEST_TMPDIR/known_hosts"
        sed "s|UserKnownHostsFile .*|UserKnownHostsFile $BATS_TEST_TMPDIR/known_hosts|; s|ControlPath .*|ControlPath none|" \
                "$XDG_RUNTIME_DIR/claude-vm/in/ssh.config" >"$config"
        run -255 ssh -F "$config" -o LogLevel=INFO claude-vm true
        [[ "$output" == *"Host key verification failed"* ]]
        # another key of ours does not open it either, and no agent is forwarded
        sed "s|IdentityFile .*|IdentityFile $BATS_TEST_TMPDIR/other|; s|ControlPath .*|ControlPath none|" \
                "$XDG_RUNTIME_DIR/claude-vm/in/ssh.config" >"$config"
        run -255 ssh -F "$config" claude-vm true
        run ! claude-run exec in -- sh -c 'test -n "$SSH_AUTH_SOCK"'
        # but with -A, for that session alone
        run -1 env --unset SSH_AUTH_SOCK claude-run ssh in -- -A true
        [[ "$output" == *"SSH_AUTH_SOCK is not set"* ]]
        run -0 ssh-agent sh -c "ssh-keygen -q -t ed25519 -N '' -C lent -f '$BATS_TEST_TMPDIR/lent' && ssh-add -q '$BATS_TEST_TMPDIR/lent' && claude-run ssh in -- -A ssh-add -l"
        [[ "$output" == *" lent "* ]]
        run ! claude-run exec in -- sh -c 'test -n "$SSH_AUTH_SOCK"'
}

@test "list and status know memory, viewers, directory and state; logs are this VM's" {
        run -0 claude-run list
        [[ "$output" == *MEMORY*DIRECTORY* ]]
        run -0 claude-run list --wide
        [[ "$output" == *MEMORY*VIEWERS*UUID*DIRECTORY* ]]
        [ "$(claude-run list --json | jq --raw-output '.[] | select(.name == "in") | .state')" = active ]
        [ "$(claude-run status in --json | jq --raw-output .directory)" = "$(project_dir in)" ]
        run -0 claude-run logs in --since -1h
        [[ "$output" == *"guest is ready"* ]]
        claude-run logs in --json --since -1h | tail -n 1 | jq --exit-status .MESSAGE
        [ "$(claude-run logs in -n 2 | wc -l)" = 2 ]
}

@test "a wedged guest: verbs say so instead of hanging" {
        local qemu
        qemu=$(pgrep --full 'qemu-system.* -name claude-vm@in ')
        kill -STOP "$qemu"
        run -0 timeout 180 claude-run list
        run -0 timeout 180 claude-run ports in
        kill -CONT "$qemu"
        run -0 timeout 180 claude-run exec in -- true
}
