#!/usr/bin/env bats
# What no project uses any more: shown first, and only what is nobody's.
# bats file_tags=no-vm

load common

data=~/.local/share/claude-microvm
states=~/.local/state/claude-microvm/suspended

setup_file() {
        API_PORT=1 new_project used '[VM]' Disk=2G Guest=of-used
}

teardown_file() {
        rm -rf ~/.config/claude-microvm/{used,broken}.ini "$data"/{disks,guests,copies,*-0123456789ab} "$states"
        systemctl --user daemon-reload
}

make_all() {
        mkdir -p "$data"/{disks,guests/{debian,of-used,of-nobody}} "$data"/{old,new,odd}-0123456789ab "$data/old-0123456789ab/.claude" "$data/mine" "$data/deep-0123456789ab/.claude/projects"
        mkdir -p "$data"/copies/{used,left,.new.left} "$states"/{used,frozen}
        touch "$states"/{used,frozen}/memory
        touch "$data"/disks/{used,gone,gone@good,notes}.raw "$data/disks/notes.txt"
        rm "$data/disks/notes.raw"
        ln -sfn "$HOME/projects" "$data/link-0123456789ab"
        touch -d '40 days ago' "$data"/{old,odd}-0123456789ab "$data/old-0123456789ab/.claude"
        # used lately, deeper than its own directory
        touch "$data/odd-0123456789ab/.claude.json"
        touch -d '40 days ago' "$data/odd-0123456789ab"
        touch "$data/deep-0123456789ab/.claude/projects/session"
        touch -d '40 days ago' "$data/deep-0123456789ab"/{,.claude{,/projects}}
}

@test "prune shows disks, images and homes of nobody, and removes nothing unasked" {
        make_all
        run -0 claude-run prune </dev/null
        [[ "$output" == *"suspended VM "*" frozen"* && "$output" == *"disk "*" gone"* && "$output" == *"image "*"/guests/of-nobody"* && "$output" == *"home "*"/old-0123456789ab"* ]]
        [[ "$output" != *used* && "$output" != *guests/debian* && "$output" != *new-0* && "$output" != *odd-0* && "$output" != *deep-0* && "$output" != *link-0* && "$output" != *notes* && "$output" != */mine* ]]
        [[ "$output" == *"Nothing is removed"*--yes* ]]
        [ -e "$data/disks/gone.raw" ]
        [ -e "$data/guests/of-nobody" ]
        [ -e "$data/old-0123456789ab" ]
        [ -e "$states/frozen/memory" ]
        [ "$(grep --count "^The copy of" <<<"$output")" = 1 ]
        [[ "$output" == *"The copy of 'left' stays"*"claude-run diff left, claude-run discard left"* ]]
}

@test "a project with a mistake keeps all homes and images" {
        make_all
        printf '[Project]\nWorkDirectory=~/projects/used\nHome=%s\nBogus=1\n' "$data/old-0123456789ab" >~/.config/claude-microvm/broken.ini
        run -0 claude-run prune --yes
        [[ "$output" == *"has a mistake"* ]]
        [ ! -e "$data/disks/gone.raw" ]
        [ -e "$data/guests/of-nobody" ]
        [ -e "$data/old-0123456789ab" ]
        rm ~/.config/claude-microvm/broken.ini
}

@test "the image that defaults.ini names is of no project, and stays" {
        make_all
        printf '[VM]\nGuest=of-nobody\n' >~/.config/claude-microvm/defaults.ini
        chmod 0600 ~/.config/claude-microvm/defaults.ini
        run -0 claude-run prune </dev/null
        rm ~/.config/claude-microvm/defaults.ini
        [[ "$output" != */guests/* && "$output" == *"home "*"/old-0123456789ab"* ]]
}

@test "prune --yes removes them, and nothing else" {
        make_all
        claude-run prune --yes
        [ ! -e "$data/disks/gone.raw" ]
        [ ! -e "$data/disks/gone@good.raw" ]
        [ ! -e "$data/guests/of-nobody" ]
        [ ! -e "$data/old-0123456789ab" ]
        [ ! -e "$states/frozen" ]
        [ -e "$states/used/memory" ]
        [ -d "$data/copies/left" ]
        [ -e "$data/disks/used.raw" ]
        [ -e "$data/disks/notes.txt" ]
        [ -e "$data/guests/debian" ]
        [ -e "$data/guests/of-used" ]
        [ -e "$data/new-0123456789ab" ]
        [ -e "$data/odd-0123456789ab" ]
        [ -L "$data/link-0123456789ab" ]
        [ -d "$data/mine" ]
        run -0 claude-run prune
        [[ "$output" == *"nothing to remove"* ]]
}

@test "the disk of a VM that runs outside of any project is left alone" {
        make_all
        touch "$data/disks/gone.raw"
        python3 - "$data/disks/gone.raw" <<-'PYTHON'
	import fcntl, os, struct, subprocess, sys
	f = open(sys.argv[1], "r+b")
	fcntl.fcntl(f, 37, struct.pack("hhqqi4x", fcntl.F_WRLCK, 0, 0, 0, 0))
	r = subprocess.run(["claude-run", "prune", "--yes"], capture_output=True, text=True)
	assert r.returncode == 1 and "Failed to remove the disk 'gone': Device or resource busy" in r.stderr, r
	PYTHON
        [ -e "$data/disks/gone.raw" ]
        [ -e "$data/disks/gone@good.raw" ]
}
