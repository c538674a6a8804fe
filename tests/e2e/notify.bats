#!/usr/bin/env bats
# Notify=: what is saved on the host is an event in the guest, and no storm. One VM.

load common

setup_file() {
        start_api
        new_project noted 'AgentStart=session'
        mkdir -p "$(project_dir noted)/src" "$(project_dir noted)/node_modules"
        echo one >"$(project_dir noted)/src/app.js"
        claude-run start noted
        # as a dev server watches: events of a directory, of which the name is looked at
        in_guest 'cat >/tmp/watch.py' <<-'END'
		import ctypes, os, struct, sys
		libc = ctypes.CDLL(None)
		fd = libc.inotify_init()
		libc.inotify_add_watch(fd, b"/work/src", 0x2 | 0x4 | 0x40 | 0x80 | 0x100 | 0x200)
		print("watching", os.listdir("/work/src"), flush=True)
		while True:
		    data = os.read(fd, 65536)
		    while data:
		        _, mask, _, size = struct.unpack_from("iIII", data)
		        name, data = data[16:16 + size].rstrip(b"\0").decode(), data[16 + size:]
		        path = os.path.join("/work/src", name)
		        if not name:
		            print("directory", *sorted(os.listdir(path)), flush=True)
		        elif os.path.exists(path):
		            print(name, os.stat(path).st_mtime_ns, open(path).read().strip(), flush=True)
	END
}

teardown_file() {
        systemctl --user stop claude-vm@noted || true
        rm -f ~/.config/claude-microvm/noted.ini
        systemctl --user daemon-reload
        stop_api
}

# The VM of setup_file goes on.
teardown() {
        systemctl --user reset-failed || true
}

in_guest() {
        ssh -F "$XDG_RUNTIME_DIR/claude-vm/noted/ssh.config" claude-vm "$@"
}

# Begins to watch; event PATTERN waits for a line.
watch() {
        coproc WATCH { exec ssh -F "$XDG_RUNTIME_DIR/claude-vm/noted/ssh.config" claude-vm python3 /tmp/watch.py 3>&- 4>&-; }
        event 'watching *'
}

event() {
        local line
        while read -r -t 180 -u "${WATCH[0]}" line; do
                # shellcheck disable=SC2053 # a pattern
                [[ $line != $1 ]] || return 0
        done
        echo "no event '$1'"
        return 1
}

mtime() {
        python3 -c 'import os, sys; print(os.stat(sys.argv[1]).st_mtime_ns)' "$1"
}

@test "Notify=: what the host saves, renames, makes and removes is an event in the guest, with the host's time and content" {
        local src before changed
        src=$(project_dir noted)/src
        watch
        echo two >"$src/app.js"
        before=$(mtime "$src/app.js")
        changed=$(stat --format=%.9Z "$src/app.js")
        event "app.js $before two"
        # git takes a file whose time of change is another one for a changed file
        [ "$(stat --format=%.9Z "$src/app.js")" = "$changed" ]
        # as an editor that replaces the file; the guest has just looked at the old one
        echo three >"$src/.swap" && mv "$src/.swap" "$src/app.js"
        before=$(mtime "$src/app.js")
        event "app.js $before three"
        echo new >"$src/with a name"
        event 'with a name * new'
        rm "$src/with a name"
        event 'directory app.js'
        # the guest's touch has changed neither
        [ "$(mtime "$src/app.js")" = "$before" ]
        [ "$(cat "$src/app.js")" = three ]
        kill "$WATCH_PID"
}

@test "Notify=: what the guest writes comes back once at the most, and a storm of it drowns nothing" {
        local src line n=0
        src=$(project_dir noted)/src
        watch
        in_guest 'echo four >/work/src/app.js'
        # its own event, the echo, and then silence
        while read -r -t 3 -u "${WATCH[0]}" line; do n=$((n + 1)); done
        ((n >= 1 && n <= 3)) || { echo "$n events"; return 1; }
        in_guest 'mkdir -p /work/many && cd /work/many && for d in 1 2 3 4 5 6 7 8; do mkdir -p $d; for i in {1..100}; do echo x >$d/$i; done; done'
        echo five >"$src/app.js"
        event 'app.js * five'
        kill "$WATCH_PID"
        run -0 claude-run exec noted -- true
}

@test "Notify=: git goes on with a file for which the guest has just repeated an event" {
        # the echo comes a fifth of a second after a write, so some of these are met by it
        run -0 in_guest 'bash -e -s' <<-'END'
	git config --global user.name a
	git config --global user.email a@example.org
	git init --quiet --initial-branch=main /work/repository
	cd /work/repository
	echo one >file
	git add file
	git commit --quiet --message=one
	for i in {1..12}; do
	        git checkout --quiet -B topic main
	        echo "$i" >>file
	        git commit --quiet --all --message=topic
	        git checkout --quiet main
	        echo "$i" >other
	        git add other
	        git commit --quiet --message=other
	        git checkout --quiet topic
	        git rebase --quiet main
	done
	END
}
