#!/usr/bin/env bats
# The guest has the work directory at its path of the host.

load common

# With a blank, and a share in it.
setup_file() {
        start_api
        new_project same 'AgentStart=session' 'Share=lib:~/projects/same-lib:/work/lib'
        rm -rf ~/projects/same-lib "$HOME/projects/same path"
        mkdir -p ~/projects/same-lib ~/projects/beside
        mv "$(project_dir same)" "$HOME/projects/same path"
        sed -i 's|^\(WorkDirectory=.*\)/same$|\1/same path|' ~/.config/claude-microvm/same.ini
        sed -i 's|projects/same"|projects/same path"|' ~/homes/same/.claude.json
        echo of the share >~/projects/same-lib/file
        export WORK="$HOME/projects/same path"
        claude-run start same
}

teardown_file() {
        systemctl --user stop claude-vm@same || true
        rm -rf ~/.config/claude-microvm/same.ini ~/projects/same-lib ~/projects/beside "$WORK"
        systemctl --user daemon-reload
        stop_api
}

# The VM of setup_file goes on.
teardown() {
        systemctl --user reset-failed || true
}

@test "commands, shells, git and the agent are at the host's path, and /work is its other name" {
        cd "$WORK"
        git init --quiet --initial-branch=main
        mkdir -p 'front end'
        run -0 claude-run exec same -- sh -c 'pwd; pwd -P; echo "$PWD"; realpath /work; git rev-parse --show-toplevel; git -C /work rev-parse --show-toplevel; readlink /work'
        [ "$output" = "$(printf '%s\n' "$WORK" "$WORK" "$WORK" "$WORK" "$WORK" "$WORK" "$WORK")" ]
        [ "$(cd 'front end' && claude-run exec -- python3 -c 'import os; print(os.getcwd())')" = "$WORK/front end" ]
        [ "$(claude-run shell same <<<'pwd; exit')" = "$WORK" ]
        [ "$(cd / && claude-run exec same -- cat /work/lib/file)" = 'of the share' ]
        [ "$(claude-run exec same -- cat "$WORK/lib/file")" = 'of the share' ]
        claude-run exec same -- /usr/lib/claude-vm/agent-exec -p --dangerously-skip-permissions 'run: pwd >seen'
        [ "$(cat seen)" = "$WORK" ]
        # where Claude Code keeps its conversations of this path
        [ -d "$HOME/homes/same/.claude/projects/$(tr -c 'A-Za-z0-9\n' - <<<"$WORK")" ]
}

@test "nothing of the path above is there but empty directories of the guest's own" {
        run -0 claude-run exec same -- sh -c 'ls -A "$1/projects"; ls -A "$1"; stat --format=%U "$1" "$1/projects"; ! touch "$1/projects/x" 2>/dev/null && ! ls "$1/projects/beside" 2>/dev/null' sh "$HOME"
        [ "$output" = $'same path\nprojects\nroot\nroot' ]
}

@test "what writes its path down works on both sides: virtual environments, compile commands, links" {
        cd "$WORK"
        /usr/bin/python3 -m venv --without-pip from-host
        claude-run exec same -- python3 -m venv --without-pip from-guest
        printf '#!%s\nimport sys; print(sys.prefix)\n' "$WORK/from-host/bin/python3" >from-host/bin/tool.py
        [ "$(claude-run exec same -- bash -c '. from-host/bin/activate && python3 -c "import sys; print(sys.prefix)"; echo "$VIRTUAL_ENV"')" = "$WORK/from-host"$'\n'"$WORK/from-host" ]
        [ "$(bash -c '. from-guest/bin/activate && python3 -c "import sys; print(sys.prefix)"; echo "$VIRTUAL_ENV"')" = "$WORK/from-guest"$'\n'"$WORK/from-guest" ]
        echo content >file
        ln -s "$WORK/file" link
        printf '[{"directory": "%s", "file": "%s/file"}]\n' "$WORK" "$WORK" >compile_commands.json
        [ "$(claude-run exec same -- bash -c 'cat link "$(jq --raw-output ".[0].file" compile_commands.json)"')" = $'content\ncontent' ]
        claude-run exec same -- sh -c 'ln -s "$PWD/file" of-guest; echo "$PWD" >CMakeCache.txt'
        [ "$(cat of-guest)" = content ]
        [ "$(cat CMakeCache.txt)" = "$WORK" ]
}

@test "cp: relative paths are the project's, and the project itself has its name" {
        cd "$BATS_TEST_TMPDIR"
        echo one >"$WORK/one"
        claude-run cp same:one .
        [ "$(cat one)" = one ]
        mkdir a b c
        claude-run cp same:. a
        claude-run cp same:/work b
        claude-run cp "same:$WORK" c
        [ "$(cat 'a/same path/one' 'b/same path/one' 'c/same path/one')" = $'one\none\none' ]
        [ -d 'b/same path' ] && [ ! -L 'b/same path' ]
        claude-run cp one same:two
        [ "$(cat "$WORK/two")" = one ]
}

@test "GuestDirectory=/work is the old way, and an image of an earlier version has no other" {
        local image
        new_project old 'AgentStart=session' 'GuestDirectory=/work'
        run -0 claude-run start old
        [ "$(claude-run exec old -- sh -c 'pwd -P; readlink /work || echo no link')" = $'/work\nno link' ]
        run ! claude-run exec old -- ls "$HOME"
        # an image of an earlier version knows no link; that it has one by itself does no harm
        image=$BATS_TEST_TMPDIR/image
        mkdir "$image"
        ln -s /var/lib/claude-microvm/guests/debian/{kernel,initrd,root.erofs,cmdline} "$image"
        sed 's/"format": 2/"format": 1/' /var/lib/claude-microvm/guests/debian/guest.json >"$image/guest.json"
        sed -i "s|^GuestDirectory=.*|GuestDirectory=same|; s|^\[VM\]|&\nGuest=$image|" ~/.config/claude-microvm/old.ini
        claude-run stop old
        assert_nothing_left old
        run -0 claude-run start old
        [ "$(claude-run exec old -- pwd -P)" = /work ]
        vm_journal old --since "@$BATS_TEST_STARTED" | grep --quiet "is of an earlier version. Make it again with: claude-vm-mkguest --force"
        claude-run stop old
        rm ~/.config/claude-microvm/old.ini
        systemctl --user daemon-reload
}
