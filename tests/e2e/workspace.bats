#!/usr/bin/env bats
# What a guest can leave in the work directory, and what an honest one can do there.

load common

setup_file() {
        start_api
        new_project space 'AgentStart=session' 'Share=lib:~/projects/space-lib:/lib-of-mine'
        mkdir -p ~/projects/space-lib/.vscode
        cd "$(project_dir space)"
        git init --quiet --initial-branch=main
        git config user.name a
        git config user.email a@example.org
        echo one >file
        mkdir .husky .vscode
        echo '#!/bin/sh' >.git/hooks/pre-commit
        chmod +x .git/hooks/pre-commit
        echo 'export A=1' >.envrc
        echo '{}' >.vscode/tasks.json
        echo 'exit 0' >.husky/pre-push
        git add . && git commit --quiet --message=one
        claude-run start space
}

teardown_file() {
        systemctl --user stop claude-vm@space || true
        rm -rf ~/.config/claude-microvm/space.ini ~/projects/space-lib
        systemctl --user daemon-reload
        stop_api
}

# The VM of setup_file goes on.
teardown() {
        systemctl --user reset-failed || true
}

in_guest() {
        ssh -F "$XDG_RUNTIME_DIR/claude-vm/space/ssh.config" claude-vm "$@"
}

@test "Protect=: root of the guest cannot change, move or replace what programs of the host obey" {
        local before after
        before=$(cd "$(project_dir space)" && find .git/hooks .envrc .vscode .husky -type f -exec sha256sum {} +)
        # each of these must fail, whatever the others do
        run -0 in_guest "sudo bash -s" <<-'END'
		cd /work
		umask 000
		tries=(
		  'echo evil >.git/hooks/pre-commit' 'echo evil >.git/hooks/post-checkout' 'rm .git/hooks/pre-commit'
		  'chmod 0777 .git/hooks/pre-commit' 'mv .git git' 'mv .git/hooks .git/old' 'rm -r .git/hooks' 'rmdir .git/hooks'
		  'mount -o remount,rw /work && echo evil >.envrc' 'mount --bind /tmp .git/hooks && umount .git/hooks && echo evil >.git/hooks/x'
		  'echo evil >.envrc' 'mv .envrc x' 'rm .envrc' 'ln -f file .envrc' 'ln .envrc y' 'ln -sfn /tmp .vscode'
		  'echo evil >.vscode/tasks.json' 'echo evil >.vscode/launch.json' 'mv .vscode v' 'echo evil >.husky/pre-push'
		  'cp file new && mv -f new .envrc' 'python3 -c "import os; os.rename(\".git\", \"g\")"'
		  'mkdir g && python3 -c "import ctypes; c = ctypes.CDLL(None, use_errno=True); exit(c.renameat2(-100, b\"g\", -100, b\".git\", 2))"'
		  'setfattr -n user.x -v 1 .envrc' 'touch .envrc' 'truncate -s 0 .envrc'
		  'echo evil >/lib-of-mine/.vscode/tasks.json' 'mv /lib-of-mine/.vscode /lib-of-mine/v'
		)
		for try in "${tries[@]}"; do
		        ! (eval "$try") 2>/dev/null || echo "done: $try"
		done
		rm -rf g new
	END
        [ -z "$output" ] || { echo "$output"; return 1; }
        after=$(cd "$(project_dir space)" && find .git/hooks .envrc .vscode .husky -type f -exec sha256sum {} +)
        [ "$before" = "$after" ]
        [ -d "$(project_dir space)/.git" ]
}

@test "Protect=: git in the guest commits, branches, rebases, stashes, clones and collects garbage" {
        run -0 in_guest "bash -e -s" <<-'END'
		cd /work
		git checkout --quiet -b topic && echo two >>file && git commit --quiet --all --message=two
		git checkout --quiet main && echo three >other && git add other && git commit --quiet --message=three
		git checkout --quiet topic && git rebase --quiet main
		echo four >>file && git stash --quiet && git stash pop --quiet && git checkout --quiet file
		git config branch.topic.description text && git branch --quiet -D main && git branch main && git tag t
		git worktree add --quiet /tmp/tree main && git worktree remove /tmp/tree
		git clone --quiet . /work/copy && rm -rf copy
		git gc --quiet && git fsck --strict && git -c status.showUntrackedFiles=no status
		git log --format=%s | tr '\n' ' '
	END
        [[ "${lines[-1]}" == "two three one "* ]]
        cd "$(project_dir space)"
        [ "$(git log --format=%s | tr '\n' ' ')" = 'two three one ' ]
        # and what the host does is not hindered
        echo 'export A=2' >.envrc.new && mv .envrc.new .envrc
        echo '# host' >>.git/hooks/pre-commit
        # the guest keeps names for a second
        in_guest 'echo 2 | sudo tee /proc/sys/vm/drop_caches >/dev/null'
        [ "$(in_guest 'cat /work/.envrc; tail -n 1 /work/.git/hooks/pre-commit')" = $'export A=2\n# host' ]
}

@test "Protect=: a name that is a symbolic link, or has a second name, is said in the journal" {
        local dir
        new_project linked 'AgentStart=session'
        dir=$(project_dir linked)
        ln -s /etc/passwd "$dir/.envrc"
        echo x >"$dir/.npmrc" && ln "$dir/.npmrc" "$dir/second"
        run -0 claude-run start linked
        run -0 journalctl --user --no-pager --output=cat --unit claude-vm-virtiofsd@linked:work.service --since "@$BATS_TEST_STARTED"
        [[ "$output" == *"Not protected in '$dir': '.envrc' is or goes through a symbolic link"* ]]
        [[ "$output" == *"Not protected in '$dir': '.npmrc' is or has a file with another name"* ]]
        # nothing was made in the project
        [ "$(ls -A "$dir")" = $'.envrc\n.npmrc\nsecond' ]
        systemctl --user stop claude-vm@linked
        rm ~/.config/claude-microvm/linked.ini
}

@test "Protect=no and a list of names" {
        new_project open 'AgentStart=session' 'Protect=tools/run.sh'
        mkdir "$(project_dir open)/tools"
        echo x | tee "$(project_dir open)/tools/run.sh" >"$(project_dir open)/.envrc"
        run -0 claude-run start open
        run -0 claude-run exec open -- sh -c 'cd /work && echo y >.envrc && ! echo y >tools/run.sh && ! mv tools t && echo y >tools/new'
        sed -i 's/^Protect=.*/Protect=no/' ~/.config/claude-microvm/open.ini
        run -0 claude-run restart open
        run -0 claude-run exec open -- sh -c 'cd /work && echo y >tools/run.sh && mv tools t'
        systemctl --user stop claude-vm@open
        rm ~/.config/claude-microvm/open.ini
}

@test "changes: what the guest leaves is named while the VM runs, at its end, in the journal and afterwards" {
        local dir
        new_project left 'AgentStart=session'
        dir=$(project_dir left)
        git -C "$dir" init --quiet --initial-branch=main
        echo x >"$dir/.envrc"
        run -0 claude-run start left
        [ "$(claude-run changes left)" = "Nothing that programs of this machine obey is new or changed since 'left' started." ]
        run -0 claude-run exec left -- sh -ec 'cd /work
                git config core.fsmonitor .git/fsm; git config user.name me; printf "#!/bin/sh\ntouch /tmp/pwned\n" >.git/fsm; chmod +x .git/fsm
                mkdir -p node_modules/.bin sub/.git .claude; echo x >node_modules/.bin/vite; chmod +x node_modules/.bin/vite
                printf "[core]\n\thooksPath = evil\n" >sub/.git/config; echo "{}" >.claude/settings.json; echo x >new'
        run -0 --separate-stderr claude-run changes left
        [ "$output" = "new      setting     .git/config: core.fsmonitor = .git/fsm
new      setting     sub/.git/config: core.hookspath = evil
new      file        .claude/settings.json
new      repository  sub/.git
new      program     node_modules/.bin/vite" ]
        # and git was not run there
        [ ! -e /tmp/pwned ]
        cd "$dir"
        run -0 --separate-stderr claude-run changes --json
        jq --exit-status '.name == "left" and .running and .complete and (.changes | length) == 5 and
                .changes[0] == {change: "new", kind: "setting", path: ".git/config", name: "core.fsmonitor", value: ".git/fsm"}' <<<"$output"
        run -0 claude-run stop left
        [[ "$output" == *"core.fsmonitor in .git/config, core.hookspath in sub/.git/config, .claude/settings.json, sub/.git; 1 program in directories like node_modules/.bin. Look first: claude-run changes left" ]]
        vm_journal left --since "@$BATS_TEST_STARTED" | grep --quiet "core.fsmonitor in .git/config"
        run -0 claude-run changes left
        [ "${#lines[@]}" = 5 ]
        # the next one begins with what is there now
        run -0 claude-run start left
        [[ "$(claude-run changes)" == Nothing* ]]
        run -0 claude-run exec left -- git -C /work config alias.x '!id'
        systemctl --user kill --signal=KILL --kill-whom=main claude-vm@left
        wait_inactive left
        [ "$(claude-run changes left)" = "new      setting     .git/config: alias.x = !id" ]
        rm ~/.config/claude-microvm/left.ini
}
