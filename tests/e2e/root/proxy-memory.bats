#!/usr/bin/env bats
# The API's key is in no memory but haproxy's: not in the guest's, which is QEMU's, and not in that of the programs
# around it. As root, who alone reads it; the user is `tester`.

bats_require_minimum_version 1.5.0
load as-user

setup_file() {
        coproc API { exec runuser -u tester -- "$BATS_TEST_DIRNAME/../fake-api" 3>&- 4>&-; }
        export API_PID
        read -r -u "${API[0]}" port
        as_user mkdir -p "$USER_HOME/memory" "$USER_HOME/homes/memory" "$CONFIG"
        KEY=sk-ant-api03-$(od -An -N 16 -t x8 /dev/urandom | tr -d ' ')
        export KEY
        as_user sh -c 'umask 077 && cat >~/memory-key' <<<"$KEY"
        as_user tee "$CONFIG/memory.ini" >/dev/null <<-INI
	[Project]
	WorkDirectory=$USER_HOME/memory
	Home=$USER_HOME/homes/memory
	AgentStart=session
	[VM]
	Memory=768M
	CPUs=1
	Accelerator=tcg
	[Network]
	Mode=none
	[Environment]
	ANTHROPIC_BASE_URL=http://10.0.2.2:$port
	[Credentials]
	ANTHROPIC_API_KEY=~/memory-key
	INI
        as_user systemctl --user daemon-reload
        as_user claude-run start memory
        # it has been used
        as_user claude-run exec memory -- sh -c 'curl --fail --silent "$ANTHROPIC_BASE_URL/v1/messages" --header "x-api-key: $ANTHROPIC_API_KEY" --data "$0"' \
                '{"max_tokens":9,"messages":[{"role":"user","content":"hello"}]}'
}

teardown_file() {
        as_user claude-run stop memory
        kill "$API_PID"
        rm -f "$CONFIG/memory.ini" "$USER_HOME/memory-key"
}

# holders TEXT: the names of the processes of VMs that have it in memory, one a line
holders() {
        python3 - "$1" <<-'PYTHON'
	import os, pathlib, sys
	text, seen = sys.argv[1].encode(), set()
	for proc in pathlib.Path("/proc").iterdir():
	    try:
	        if not proc.name.isdigit() or "app-claude.slice" not in (proc / "cgroup").read_text():
	            continue
	        name, found = (proc / "comm").read_text().strip(), False
	        regions = [line.split() for line in (proc / "maps").read_text().splitlines()]
	        with open(proc / "mem", "rb", buffering=0) as mem:
	            for region in regions:
	                start, end = (int(x, 16) for x in region[0].split("-"))
	                # virtiofsd has the guest's memory, too, which is looked at in QEMU
	                if "r" not in region[1] or region[-1] in ("[vvar]", "[vsyscall]", "[vvar_vclock]"):
	                    continue
	                tail = b""
	                while start < end and not found:
	                    try:
	                        mem.seek(start)
	                        data = mem.read(min(end - start, 1 << 24))
	                    except OSError:
	                        break
	                    if not data:
	                        break
	                    found = text in tail + data
	                    tail, start = data[-len(text):], start + len(data)
	        seen.add(name)
	        if found:
	            print(name)
	    except (FileNotFoundError, ProcessLookupError):
	        continue
	assert {"qemu-system-x86", "haproxy", "virtiofsd", "ssh", "pasta", "claude-vm-helpe"} <= {n[:15].split(".")[0] for n in seen}, seen
	PYTHON
}

@test "the placeholder is in the guest's memory, so the search finds what is there" {
        run -0 holders claude-microvm-placeholder-the-key
        [[ "$output" = *qemu-system-x86* ]]
}

@test "the key is in haproxy's memory, and in no other's" {
        run -0 holders "$KEY"
        # pasta carries the request to the tests' API, which has no TLS; what it carries to the real one is encrypted
        [ "$(grep --invert-match '^pasta' <<<"$output")" = haproxy ] || { echo "$output"; return 1; }
}
