#!/usr/bin/env bats
# UserConfig=: what the guest has of ~/.claude, put together from links as programs that manage dot files leave it, and
# what it has not. One VM for all.

load common

setup_file() {
        local name
        start_api
        rm -rf ~/.claude ~/dotfiles
        mkdir -p ~/.claude/{skills/zebra/.git,commands,rules,projects/-work,todos,shell-snapshots} ~/dotfiles/{agents,skills/gnu}
        # three that are links, as of stow; one in a directory that a guest may have leads away, as a guest would put it there
        echo 'Remember CANARY-MEMORY.' >~/dotfiles/CLAUDE.md
        ln -s ../dotfiles/CLAUDE.md ~/.claude/CLAUDE.md
        ln -s ../dotfiles/agents ~/.claude/agents
        ln -s ../../dotfiles/skills/gnu ~/.claude/skills/gnu
        printf -- '---\nname: walrus\ndescription: CANARY-HIDDEN by its own\n---\nx\n' >~/dotfiles/agents/walrus.md
        printf -- '---\nname: gnu\ndescription: CANARY-LINKED does things\n---\nx\n' >~/dotfiles/skills/gnu/SKILL.md
        echo SECRET-OF-THE-HOST >~/private-key
        ln -s ~/private-key ~/dotfiles/agents/stolen.md

        printf -- '---\nname: zebra\ndescription: CANARY-SKILL does things\n---\nx\n' >~/.claude/skills/zebra/SKILL.md
        printf -- '---\ndescription: CANARY-COMMAND\n---\nx\n' >~/.claude/commands/c.md
        echo CANARY-RULE >~/.claude/rules/r.md
        make_plugin
        for name in .credentials.json .claude.json history.jsonl projects/-work/a.jsonl todos/a.json shell-snapshots/a.sh \
                plugins/data/key skills/zebra/.git/config; do
                echo SECRET-OF-THE-HOST >~/.claude/"$name"
        done
        cat >~/.claude/settings.json <<-'JSON'
	{"env": {"TOKEN": "SECRET-OF-THE-HOST"}, "apiKeyHelper": "echo SECRET-OF-THE-HOST", "statusLine": {"command": "SECRET-OF-THE-HOST"},
	 "hooks": {"SessionStart": [{"hooks": [{"type": "command", "command": "echo SECRET-OF-THE-HOST"}]}]},
	 "enabledPlugins": {"plug@mk": true}, "includeCoAuthoredBy": false, "cleanupPeriodDays": 77}
	JSON
        new_project uc_1 AgentStart=session
        mkdir -p ~/homes/uc_1/.claude/agents
        printf -- '---\nname: walrus\ndescription: CANARY-OWN of the guest\n---\nx\n' >~/homes/uc_1/.claude/agents/walrus.md
        echo '{"cleanupPeriodDays": 5, "env": {"OWN": "1"}}' >~/homes/uc_1/.claude/settings.json
        host_state >"$BATS_FILE_TMPDIR/before"
        claude-run start uc_1
}

make_plugin() {
        local plugins=~/.claude/plugins
        mkdir -p $plugins/{data,marketplaces/mk/.claude-plugin,cache/mk/plug/1.0.0/{.claude-plugin,skills/emu}}
        echo '{"mk": {"source": {"source": "directory", "path": "/nowhere"}, "installLocation": "/nowhere", "lastUpdated": "2026-01-01T00:00:00Z"}}' \
                >$plugins/known_marketplaces.json
        echo '{"name": "mk", "owner": {"name": "x"}, "plugins": [{"name": "plug", "source": "./plug", "version": "1.0.0"}]}' \
                >$plugins/marketplaces/mk/.claude-plugin/marketplace.json
        echo '{"name": "plug", "version": "1.0.0", "description": "p"}' >$plugins/cache/mk/plug/1.0.0/.claude-plugin/plugin.json
        printf -- '---\nname: emu\ndescription: CANARY-PLUGIN does things\n---\nx\n' >$plugins/cache/mk/plug/1.0.0/skills/emu/SKILL.md
        cp -r $plugins/cache/mk/plug/1.0.0 $plugins/marketplaces/mk/plug
}

teardown_file() {
        claude-run stop uc_1 || true
        rm -rf ~/.claude ~/dotfiles ~/private-key
        stop_api
}

# the VM is for all tests
teardown() {
        [ -n "${BATS_TEST_COMPLETED:-}" ] || journalctl --user --no-pager --since "@$BATS_TEST_STARTED" | tail -n 60
}

guest() {
        claude-run exec uc_1 -- "$@"
}

# Names, modes, targets of links and contents.
host_state() {
        find ~/.claude ~/dotfiles -printf '%P %m %l\n' | sort
        find ~/.claude ~/dotfiles -type f -print0 | sort --zero-terminated | xargs --null sha256sum
}

@test "the real Claude Code in the guest knows the user's own rules, skills, commands and plugins" {
        run -0 claude-run uc_1 -- -p 'hello there'
        [[ "$output" == *"You said: hello there"* ]]
        for canary in MEMORY LINKED SKILL COMMAND RULE OWN; do
                grep --quiet "CANARY-$canary" "$BATS_FILE_TMPDIR/api.log" || { echo "no $canary"; return 1; }
        done
        # the guest's agent of this name counts
        run ! grep --quiet CANARY-HIDDEN "$BATS_FILE_TMPDIR/api.log"
        # its first run makes the user's marketplaces known, and plugins of them count from then on
        [ "$(jq --raw-output .mk.installLocation ~/homes/uc_1/.claude/plugins/known_marketplaces.json)" = \
                /var/lib/claude-vm-user-config/plugins/marketplaces/mk ]
}

# What it has, but for the answer that Claude Code writes down by itself.
guest_settings() {
        jq --compact-output --sort-keys 'del(.skipDangerousModePermissionPrompt)' ~/homes/uc_1/.claude/settings.json
}

@test "of the rest nothing is in the guest, and of the settings what names no program and no secret" {
        run -0 guest sudo sh -c 'cd /var/lib/claude-vm-user-config && find . -printf "%P\n" | sort'
        [ "$output" = "$(printf '%s\n' '' CLAUDE.md agents agents/walrus.md commands commands/c.md plugins plugins/cache \
                plugins/cache/mk plugins/cache/mk/plug plugins/cache/mk/plug/1.0.0 plugins/cache/mk/plug/1.0.0/.claude-plugin \
                plugins/cache/mk/plug/1.0.0/.claude-plugin/plugin.json plugins/cache/mk/plug/1.0.0/skills \
                plugins/cache/mk/plug/1.0.0/skills/emu plugins/cache/mk/plug/1.0.0/skills/emu/SKILL.md \
                plugins/known_marketplaces.json plugins/marketplaces plugins/marketplaces/mk plugins/marketplaces/mk/.claude-plugin \
                plugins/marketplaces/mk/.claude-plugin/marketplace.json plugins/marketplaces/mk/plug \
                plugins/marketplaces/mk/plug/.claude-plugin plugins/marketplaces/mk/plug/.claude-plugin/plugin.json \
                plugins/marketplaces/mk/plug/skills plugins/marketplaces/mk/plug/skills/emu \
                plugins/marketplaces/mk/plug/skills/emu/SKILL.md rules rules/r.md skills skills/gnu skills/gnu/SKILL.md \
                skills/zebra skills/zebra/SKILL.md | sort)" ]
        run ! guest sudo grep -rsl 'SECRET-OF-THE-HOS[T]' /var/lib /home /run /etc /work /root /proc/self/environ \
                /sys/firmware/qemu_fw_cfg/by_name
        [ -z "$output" ]
        [ "$(guest_settings)" = \
                '{"cleanupPeriodDays":5,"enabledPlugins":{"plug@mk":true},"env":{"OWN":"1"},"includeCoAuthoredBy":false}' ]
        # the link that a guest of ~/dotfiles could have made
        journalctl --user --no-pager --output=cat --unit claude-vm-virtiofsd@uc_1:user_config.service |
                grep --quiet "UserConfig=: not in the guest: '$HOME/dotfiles/agents/stolen.md' is or leads through"
}

@test "the guest's root changes nothing of it on the host" {
        run guest sudo sh -c 'cd /var/lib/claude-vm-user-config; mount -o remount,rw . || mount -o remount,rw,bind .
                echo x >CLAUDE.md; echo x >>skills/zebra/SKILL.md; echo x >skills/evil.md; rm -rf commands rules/r.md; ln -s /etc/passwd agents/link
                mv skills/gnu skills/gone; chmod 777 CLAUDE.md; chown 0 CLAUDE.md; touch plugins/cache/new; ln CLAUDE.md hard
                setfattr -n user.evil -v 1 CLAUDE.md; cat ../../../../home/tester/private-key; true'
        run -0 diff "$BATS_FILE_TMPDIR/before" <(host_state)
        [ "$(stat --format=%a ~/.claude/skills/zebra/SKILL.md)" != 777 ]
        # the agent adds to what is its own
        run -0 guest sh -c 'mkdir ~/.claude/skills/new && echo x >~/.claude/skills/new/SKILL.md && cat ~/.claude/skills/zebra/SKILL.md'
}

@test "UserConfig=no takes links and settings back, and leaves what is the guest's" {
        claude-run stop uc_1
        # links in the home lead nowhere on this machine
        [ -z "$(find ~/homes/uc_1/.claude -lname '/var/lib/claude-vm-user-config/*' -exec test -e {} ';' -print)" ]
        assert_nothing_left uc_1
        [ -z "$(ls -d "$XDG_RUNTIME_DIR/claude-vm-fs/uc_1:user_config"* 2>/dev/null)" ]
        printf '[Project]\nUserConfig=no\n' >>~/.config/claude-microvm/uc_1.ini
        claude-run start uc_1
        run -0 guest find /home/claude/.claude -lname '/var/lib/claude-vm-user-config/*'
        [ -z "$output" ]
        # the place itself may be on the VM's disk
        run -0 guest sh -c 'ls -A /var/lib/claude-vm-user-config 2>/dev/null || true'
        [ -z "$output" ]
        run -0 guest sh -c 'cat ~/.claude/agents/walrus.md; ls ~/.claude/skills'
        [[ "$output" == *CANARY-OWN*new ]]
        [ "$(guest_settings)" = '{"cleanupPeriodDays":5,"env":{"OWN":"1"}}' ]
}
