#!/usr/bin/env bats
# Two VMs with one home of the agent: the file that every Claude Code changes. And secrets
# that systemd-creds keeps.

load common

# What Claude Code does to ~/.claude.json (2.1.331): a directory as lock, read again, write
# beside, rename. With names cached in the guest for a second, one of the two loses nearly all
# of its changes.
write_changer() {
        cat >"$1" <<-'PYTHON'
	import json, os, random, sys, time
	path, who, count = "/home/claude/.claude.json", sys.argv[1], int(sys.argv[2])
	for i in range(count):
	    while True:
	        try:
	            os.mkdir(path + ".lock")
	            break
	        except FileExistsError:
	            time.sleep(0.001 + random.random() * 0.004)
	    config = json.load(open(path))
	    config[who] = config.get(who, 0) + 1
	    with open(f"{path}.tmp.{who}", "w") as f:
	        json.dump(config, f)
	    os.rename(f"{path}.tmp.{who}", path)
	    os.rmdir(path + ".lock")
	PYTHON
}

@test "two VMs change the agent's configuration at once, and no change is lost" {
        echo deciphered | systemd-creds encrypt --user --name=KEPT - "$HOME/kept.cred"
        new_project twin-a AgentStart=session '[EncryptedCredentials]' KEPT=~/kept.cred
        new_project twin-b AgentStart=session
        # the same home for both
        sed -i "s|^Home=.*|Home=$HOME/homes/twin-a|" ~/.config/claude-microvm/twin-b.ini
        # a share in the home is over it, and not hidden by it
        mkdir -p ~/projects/skills
        echo careful >~/projects/skills/review.md
        sed -i "s|^WorkDirectory=.*|&\nShare=skills:~/projects/skills:/home/claude/.claude/skills:ro|" ~/.config/claude-microvm/twin-b.ini
        systemctl --user daemon-reload
        systemctl --user start claude-vm@twin-a claude-vm@twin-b
        # a first session waits for the master, and has no login of its own beside it: two processes are one connection
        [ "$(claude-run exec twin-b -- pgrep --count --exact sshd-session)" = 2 ]
        write_changer "$HOME/homes/twin-a/change.py"
        claude-run exec twin-a -- python3 /home/claude/change.py a 60 3>&- 4>&- &
        local other=$!
        run -0 claude-run exec twin-b -- python3 /home/claude/change.py b 60
        wait $other
        [ "$(jq --compact-output '[.a, .b]' "$HOME/homes/twin-a/.claude.json")" = "[60,60]" ]
        # what was there before is there still
        [ "$(jq .hasCompletedOnboarding "$HOME/homes/twin-a/.claude.json")" = true ]

        [ "$(claude-run exec twin-a -- sh -c 'echo $KEPT')" = deciphered ]
        run ! grep --recursive --quiet deciphered "$XDG_RUNTIME_DIR/claude-vm" "$HOME/homes/twin-a" <(vm_journal twin-a)

        [ "$(claude-run exec twin-b -- cat .claude/skills/review.md /home/claude/.claude/skills/review.md 2>/dev/null)" = careful ]
        # nor does root in the guest write to it: the virtiofsd refuses
        run ! claude-run exec twin-b -- sudo sh -c 'cd /home/claude/.claude/skills
                mount -o remount,rw . || true; echo careless >review.md || touch new || rm review.md'
        [ "$(cat ~/projects/skills/*)" = careful ]

        # a program that maps a file of its home
        run -0 claude-run exec twin-a -- python3 -c 'import mmap
f = open("/home/claude/mapped", "w+b"); f.truncate(4096)
m = mmap.mmap(f.fileno(), 4096); m[:4] = b"word"; m.flush(); f.seek(0); assert f.read(4) == b"word"'
        claude-run stop twin-a twin-b
        assert_nothing_left twin-a
        assert_nothing_left twin-b
}

@test "a file that systemd-creds has not made, or for another name, is refused" {
        new_project wrong AgentStart=session '[EncryptedCredentials]' KEPT=~/kept.cred
        for how in 'echo plain' 'echo secret | systemd-creds encrypt --user --name=OTHER - -'; do
                bash -c "$how" >"$HOME/kept.cred"
                run ! systemctl --user start claude-vm@wrong
                [ "$(vm_property wrong ExecMainStatus)" = 78 ]
                [[ "$(vm_property wrong StatusText)" == *KEPT*"cannot be decrypted"*"systemd-creds encrypt --user"* ]]
        done
        systemctl --user reset-failed
        assert_nothing_left wrong
}
