#!/usr/bin/env bats
# The guest has the work directory at its path of the host, and the repository that it is a worktree of.

load common

# A linked worktree with a blank in its name, a second one that the guest does not have, and a share in the first.
setup_file() {
        start_api
        new_project same 'AgentStart=session' 'Share=lib:~/projects/same-lib:/work/lib'
        export WORK="$HOME/projects/same path" ORIGIN=$HOME/projects/origin
        rm -rf ~/projects/{same-lib,beside,origin,other,late} "$WORK" "$(project_dir same)"
        mkdir -p ~/projects/same-lib ~/projects/beside
        new_repository "$ORIGIN"
        git -C "$ORIGIN" worktree add --quiet -b topic "$WORK"
        git -C "$ORIGIN" worktree add --quiet -b other ~/projects/other
        printf '#!/bin/sh\nexit 0\n' >"$ORIGIN/.git/hooks/pre-commit"
        chmod +x "$ORIGIN/.git/hooks/pre-commit"
        sed -i 's|^\(WorkDirectory=.*\)/same$|\1/same path|' ~/.config/claude-microvm/same.ini
        sed -i 's|projects/same"|projects/same path"|' ~/homes/same/.claude.json
        echo of the share >~/projects/same-lib/file
        claude-run start same
}

teardown_file() {
        systemctl --user stop claude-vm@same || true
        rm -rf ~/.config/claude-microvm/same.ini ~/projects/{same-lib,beside,origin,other,late} "$WORK"
        systemctl --user daemon-reload
        stop_api
}

# new_repository DIRECTORY [git init's OPTIONS]
new_repository() {
        git init --quiet --initial-branch=main "${@:2}" "$1"
        git -C "$1" config user.name a
        git -C "$1" config user.email a@example.org
        echo one >"$1/file"
        git -C "$1" add file
        git -C "$1" commit --quiet --message=one
}

in_guest() {
        ssh -F "$XDG_RUNTIME_DIR/claude-vm/same/ssh.config" claude-vm "$@"
}

# The VM of setup_file goes on.
teardown() {
        systemctl --user reset-failed || true
}

@test "commands, shells, git and the agent are at the host's path, and /work is its other name" {
        cd "$WORK"
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
        [ "$output" = $'origin\nsame path\nprojects\nroot\nroot' ]
}

@test "what writes its path down works on both sides: virtual environments, compile commands, links" {
        cd "$WORK"
        /usr/bin/python3 -m venv --without-pip from-host
        claude-run exec same -- python3 -m venv --without-pip from-guest
        printf '#!%s\nimport sys; print(sys.prefix)\n' "$WORK/from-host/bin/python3" >from-host/bin/tool.py
        [ "$(claude-run exec same -- bash -c '. from-host/bin/activate && python3 -c "import sys; print(sys.prefix)"; echo "$VIRTUAL_ENV"')" = "$WORK/from-host"$'\n'"$WORK/from-host" ]
        [ "$(bash -c '. from-guest/bin/activate && python3 -c "import sys; print(sys.prefix)"; echo "$VIRTUAL_ENV"')" = "$WORK/from-guest"$'\n'"$WORK/from-guest" ]
        echo content >source.c
        ln -s "$WORK/source.c" link
        printf '[{"directory": "%s", "file": "%s/source.c"}]\n' "$WORK" "$WORK" >compile_commands.json
        [ "$(claude-run exec same -- bash -c 'cat link "$(jq --raw-output ".[0].file" compile_commands.json)"')" = $'content\ncontent' ]
        claude-run exec same -- sh -c 'ln -s "$PWD/source.c" of-guest; echo "$PWD" >CMakeCache.txt'
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
        [ -d 'b/same path' ]
        [ ! -L 'b/same path' ]
        claude-run cp one same:two
        [ "$(cat "$WORK/two")" = one ]
}

@test "worktree: commit, branch, rebase, stash and log from the guest and the host" {
        run -0 claude-run exec same -- bash -e <<-'END'
		echo two >>file && git commit --quiet --all --message=guest-one
		git checkout --quiet -b side && echo s >side && git add side && git commit --quiet --message=side
		git checkout --quiet topic && echo t >t && git add t && git commit --quiet --message=guest-two
		git checkout --quiet side && git rebase --quiet topic
		echo x >>file && git stash --quiet && git stash pop --quiet && git checkout --quiet file
		git checkout --quiet topic && git merge --quiet side && git branch --quiet --delete side && git tag from-guest
	END
        cd "$WORK"
        [ "$(git log --format=%s | tr '\n' ' ')" = 'side guest-two guest-one one ' ]
        [ -z "$(git status --short --untracked-files=no)" ]
        echo h >h && git add h && git commit --quiet --message=host
        [ "$(claude-run exec same -- git log --format=%s --max-count=1)" = host ]
        [ "$(git -C "$ORIGIN" log --format=%s --max-count=1 from-guest)" = side ]
}

@test "worktree: both sides commit and pack references at once, and no commit is lost" {
        local loop='for i in {1..6}; do git commit --quiet --allow-empty --message=$i || exit 1; git pack-refs --all 2>/dev/null; done; exit 0' guest
        claude-run exec same -- bash -c "$loop" 3>&- 4>&- &
        guest=$!
        cd ~/projects/other
        bash -c "$loop"
        wait $guest
        [ "$(git rev-list --count main..other)" = 6 ]
        [ "$(git rev-list --count from-guest..topic)" = 7 ]
        git fsck --strict
}

@test "worktree: the guest sees no other one, cannot change what git keeps about it, and forgets none" {
        local late
        run -0 in_guest "sudo bash -s" <<-'END'
		cd /home/tester/projects/origin || exit 1
		[ "$(ls -A . .git/worktrees)" = $'.:\n.git\n\n.git/worktrees:\nother\nsame-path' ] || ls -A . .git/worktrees
		tries=('echo x >.git/worktrees/other/HEAD' 'rm -r .git/worktrees/other' 'mv .git/worktrees/other .git/worktrees/x' 'mkdir .git/worktrees/new'
		  'mv .git/worktrees .git/x' 'rmdir .git/worktrees/other' 'echo evil >.git/hooks/pre-commit' 'echo evil >.git/hooks/new' 'mv .git/hooks .git/h'
		  'mount -o remount,rw .git && echo x >.git/worktrees/other/HEAD' 'mv .git/worktrees/same-path .git/worktrees/y' 'echo x >/work/.git')
		for try in "${tries[@]}"; do
		        ! (eval "$try") 2>/dev/null || echo "done: $try"
		done
	END
        [ -z "$output" ] || { echo "$output"; return 1; }
        git -C "$ORIGIN" worktree add --quiet -b late ~/projects/late
        # by itself the guest's git leaves them alone, and told otherwise it goes on past them
        run -0 claude-run exec same -- bash -c 'git config --system gc.worktreePruneExpire; git -c gc.worktreePruneExpire=now gc --quiet --prune=now 2>/dev/null; git worktree prune --expire=now 2>/dev/null; git count-objects -v 2>/dev/null | grep ^packs'
        [ "$output" = $'never\npacks: 1' ]
        for late in other late; do
                [ -e "$ORIGIN/.git/worktrees/$late/HEAD" ]
                [ "$(git -C ~/projects/$late rev-parse --abbrev-ref HEAD)" = $late ]
                [ -z "$(git -C ~/projects/$late status --short)" ]
        done
        [ -z "$(git -C "$ORIGIN" worktree prune --dry-run)" ]
        git -C "$ORIGIN" fsck
        git -C "$ORIGIN" worktree remove ~/projects/late
}

@test "worktree: settings of one worktree, and relative links" {
        cd "$WORK"
        git config extensions.worktreeConfig true
        git config --worktree user.name only-here
        [ "$(claude-run exec same -- bash -c 'git commit --quiet --allow-empty --message=x && git log --format=%an --max-count=1')" = only-here ]
        echo '../../../../same path/.git' >"$ORIGIN/.git/worktrees/same-path/gitdir"
        echo 'gitdir: ../origin/.git/worktrees/same-path' >.git
        in_guest 'echo 2 | sudo tee /proc/sys/vm/drop_caches >/dev/null'
        run -0 claude-run exec same -- bash -c 'cat .git; git commit --quiet --allow-empty --message=relative'
        [ "$output" = 'gitdir: ../origin/.git/worktrees/same-path' ]
        [ "$(git log --format=%s --max-count=1)" = relative ]
        [ -z "$(git status --short --untracked-files=no)" ]
}

@test "changes: the repository of the worktree is looked at, too" {
        run -0 claude-run exec same -- git config core.fsmonitor ./x
        run -0 --separate-stderr claude-run changes same
        [[ "$output" == *"new      setting     $ORIGIN/.git/config: core.fsmonitor = ./x"* ]]
        claude-run exec same -- git -c core.fsmonitor= config --unset core.fsmonitor
}

@test "a worktree of a bare repository with a submodule, ad hoc, and the submodule alone" {
        local run=(claude-run --allow "host:$API_PORT" --memory 1536M --cpus 1 --accelerator tcg --env "$SMALL_AGENT" -- -p) at=$BATS_TEST_TMPDIR
        export CLAUDE_HOME=$HOME/homes/same ANTHROPIC_API_KEY=sk-test-key ANTHROPIC_BASE_URL=http://10.0.2.2:$API_PORT
        new_repository "$at/lib"
        new_repository "$at/first"
        git -C "$at/first" -c protocol.file.allow=always submodule --quiet add "$at/lib" lib
        git -C "$at/first" commit --quiet --message=lib
        git clone --quiet --bare "$at/first" "$at/bare.git"
        git -C "$at/bare.git" config user.name a
        git -C "$at/bare.git" config user.email a@example.org
        git -C "$at/bare.git" worktree add --quiet "$at/tree" main
        cd "$at/tree"
        git -c protocol.file.allow=always submodule --quiet update --init
        git -C lib checkout --quiet -B main
        git -C lib config user.name a
        git -C lib config user.email a@example.org
        make_small_agent "$PWD"
        echo agent.js >>../bare.git/info/exclude
        "${run[@]}" 'cd lib && git commit --quiet --allow-empty --message=in-lib && cd .. && git commit --quiet --all --message=bump; touch ../bare.git/hooks/new ../bare.git/worktrees/tree/modules/lib/hooks/new || true'
        [ "$(git log --format=%s --max-count=1)" = bump ]
        [ "$(git -C lib log --format=%s --max-count=1)" = in-lib ]
        [ -z "$(git status --short)" ]
        [ ! -e ../bare.git/hooks/new ]
        [ ! -e ../bare.git/worktrees/tree/modules/lib/hooks/new ]
        # the submodule alone gets its own repository, and no more
        new_project alone
        sed -i "s|^WorkDirectory=.*|WorkDirectory=$at/tree/lib|" ~/.config/claude-microvm/alone.ini
        run -0 --separate-stderr /usr/lib/systemd/user-generators/claude-vm-generator --dry-run
        [[ "$output" == *"\"CLAUDE_VM_SHARE_git_common=rw,optional:$at/bare.git/worktrees/tree/modules/lib:$at/bare.git/worktrees/tree/modules/lib\""* ]]
        rm ~/.config/claude-microvm/alone.ini
}

@test "GuestDirectory=/work is the old way, and an image of an earlier version has no other" {
        local image
        new_project old 'AgentStart=session' 'GuestDirectory=/work'
        run -0 claude-run start old
        [ "$(claude-run exec old -- sh -c 'pwd -P; readlink /work || echo no link')" = $'/work\nno link' ]
        run ! claude-run exec old -- ls "$HOME"
        # a file that leads to somebody else's worktree does not get its repository
        claude-run exec old -- sh -c "echo 'gitdir: $ORIGIN/.git/worktrees/other' >.git"
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
        run ! claude-run exec old -- ls "$ORIGIN/.git"
        [[ "$(unit_property claude-vm@old.service Environment)" != *git_common* ]]
        run /usr/lib/systemd/user-generators/claude-vm-generator --check ~/.config/claude-microvm/old.ini
        [[ "$output" == *"leads to '$ORIGIN/.git/worktrees/other', which is not shared: it does not lead back here"* ]]
        claude-run stop old
        rm ~/.config/claude-microvm/old.ini
        systemctl --user daemon-reload
}
