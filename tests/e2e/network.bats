#!/usr/bin/env bats
# What a guest reaches, and what it is told. Two VMs serve most of these; the names and networks of an internet of
# its own are in tests/e2e/world.

load common

EXAMPLES=/usr/share/claude-microvm/examples

setup_file() {
        start_api
        # a server that is no loopback's: what "outside" is to a guest
        coproc OUTSIDE { exec python3 -u -m http.server --bind 0.0.0.0 0 2>&1 3>&- 4>&-; }
        export OUTSIDE_PID
        read -r -u "${OUTSIDE[0]}" line
        OUTSIDE_PORT=$(sed 's/.* port \([0-9]*\) .*/\1/' <<<"$line")
        OUTSIDE_ADDRESS=$(ip -json route get 192.0.2.1 | jq --raw-output '.[0].prefsrc')
        export OUTSIDE_PORT OUTSIDE_ADDRESS
        new_project offline
        # the example, with what makes a VM of the tests cheap
        sed "s|^WorkDirectory=.*|WorkDirectory=$(project_dir offline)\nHome=$HOME/homes/offline|; s|^Mode=none|&\nPublish=18090:8090|" \
                $EXAMPLES/offline.ini >~/.config/claude-microvm/offline.ini
        printf '[VM]\nMemory=1536M\nCPUs=1\nAccelerator=tcg\n[Credentials]\nANTHROPIC_API_KEY=~/api-key\n' >>~/.config/claude-microvm/offline.ini
        new_project online AgentStart=session
        claude-run start offline online
}

teardown_file() {
        claude-run stop offline online
        kill "$OUTSIDE_PID"
        stop_api
}

# The VMs are this file's.
teardown() {
        # the modes that a failed test has left
        [ -n "${BATS_TEST_COMPLETED:-}" ] || claude-run network online mode internet || true
        [ -n "${BATS_TEST_COMPLETED:-}" ] || journalctl --user --no-pager --since "@$BATS_TEST_STARTED" | tail -n 60
}

# reaches NAME ADDRESS PORT: a TCP connection from the guest
reaches() {
        claude-run exec "$1" -- timeout 20 bash -c 'exec 3<>"/dev/tcp/$0/$1"' "$2" "$3"
}

# refused NAME ADDRESS PORT: at once, and not by a time-out
refused() {
        run -1 reaches "$@"
}

is_activating() {
        [ "$(unit_property "$1" ActiveState)" = activating ]
}

has_no_jobs() {
        [[ "$(systemctl --user list-jobs)" != *"@$1"[.:]* ]]
}

@test "a VM that is stopped while its network or its proxy is made leaves nothing" {
        local unit dropin socket
        mkdir -p ~/more
        new_project soon AgentStart=session Clipboard=image "Share=more:$HOME/more:/more:ro"
        for unit in claude-vm-net@soon.service claude-vm-proxy@soon.service; do
                dropin=$XDG_RUNTIME_DIR/systemd/user/$unit.d/50-slow.conf
                mkdir -p "${dropin%/*}"
                printf '%s\n' '[Service]' ExecStart= 'ExecStart=/bin/sleep 300' >"$dropin"
                systemctl --user daemon-reload
                systemctl --user start --no-block claude-vm@soon
                until_true is_activating $unit
                # they would stay, see print_before_shares() of the generator
                for socket in $(unit_property claude-vm@soon.service Requires | grep --only-matching '\S*@soon:\S*\.socket'); do
                        [ "$(unit_property "$socket" ActiveState)" = inactive ]
                done
                [[ $socket = *@soon:* ]]
                systemctl --user stop claude-vm@soon
                until_true has_no_jobs soon
                rm -r "${dropin%/*}"
                systemctl --user daemon-reload
                assert_nothing_left soon
        done
}

# ends_with COMMAND STATUS: what systemd says of a unit with this COMMAND in the place of a program of the network
ends_with() {
        # that of an earlier try
        systemctl --user reset-failed ended.service 2>/dev/null || true
        run systemd-run --user --quiet --wait --unit=ended --property=Type=exec --property=NotifyAccess=exec \
                --property="ExecStopPost=/usr/libexec/claude-vm-helper program-exited pasta" sh -c "$1"
        [ "$(unit_property ended.service StatusText)" = "$2" ]
}

@test "a program of the network that fails leaves a reason in its unit's status" {
        local unit
        for unit in pasta dns proxy; do
                [[ "$(unit_property claude-vm-$unit@online.service ExecStopPost)" = *program-exited* ]]
                [ "$(unit_property claude-vm-$unit@online.service NotifyAccess)" = exec ]
        done
        ends_with 'exit 3' 'pasta exited with status 3; the journal has what it said'
        ends_with 'kill -KILL 0' 'pasta was killed by signal KILL'
        # it is ours that ends with 78, and has said why
        ends_with 'exit 78' ''
        ends_with true ''
        systemctl --user reset-failed
}

@test "Mode=internet, the default: neither this machine's addresses, nor its loopback, nor what is local" {
        refused online "$OUTSIDE_ADDRESS" "$OUTSIDE_PORT"
        refused online 10.0.2.2 "$OUTSIDE_PORT"
        refused online 169.254.169.254 80
        refused online 192.168.1.1 80
        # pasta's side of the network
        for address in 192.0.0.{1..6}; do
                refused online $address "$OUTSIDE_PORT"
        done
        # what Allow= names: the same port at the same address
        reaches online 10.0.2.2 "$API_PORT"
        reaches online host "$API_PORT"
}

@test "each refusal is in the journal once, with the word that allows it, and in claude-run network" {
        refused online 10.11.12.13 4711
        refused online 10.11.12.13 4711
        timeout 180 grep --quiet --max-count=1 'Refused the guest 10.11.12.13, tcp port 4711; to allow it: Allow=10.11.12.13:4711' \
                <(journalctl --user --follow --lines=all --output=cat --unit claude-vm-net@online)
        run -0 journalctl --user --output=json --since="@$BATS_TEST_STARTED" CLAUDE_VM=online CLAUDE_VM_NETWORK_VERDICT=refused CLAUDE_VM_NETWORK_ADDRESS=10.11.12.13
        [ "$(wc -l <<<"$output")" = 1 ]
        [ "$(jq --raw-output '.CLAUDE_VM_NETWORK_PORT + .CLAUDE_VM_NETWORK_PROTOCOL' <<<"$output")" = 4711tcp ]
        # the kernel hands its log over a tenth of a second late
        local deadline=$((SECONDS + 180))
        while [ $SECONDS -lt $deadline ]; do
                run -0 claude-run network online --json
                [ "$(jq '.refused[] | select(.address == "10.11.12.13") | .count' <<<"$output")" != 2 ] || break
                sleep 0.1
        done
        [ "$(jq '.refused[] | select(.address == "10.11.12.13") | .count' <<<"$output")" = 2 ]
        [ "$(jq --raw-output '.refused[] | select(.address == "10.11.12.13") | .allow' <<<"$output")" = 10.11.12.13:4711 ]
        run -0 claude-run network online
        [[ "$output" == *"mode      internet"* && "$output" == *"10.11.12.13 tcp 4711"*"network allow 10.11.12.13:4711"* ]]
        run -0 claude-run logs online --only-network
        [[ "$output" == *10.11.12.13* && "$output" != *"Started"* ]]
}

@test "a running VM's rules change at once, and --save writes them" {
        refused online 10.0.2.2 "$OUTSIDE_PORT"
        claude-run network online allow "host:$OUTSIDE_PORT" "$OUTSIDE_ADDRESS:$OUTSIDE_PORT" --save
        reaches online 10.0.2.2 "$OUTSIDE_PORT"
        reaches online "$OUTSIDE_ADDRESS" "$OUTSIDE_PORT"
        run -0 claude-run config show online
        [[ "$output" == *"Network.Allow=host:$OUTSIDE_PORT"* ]]
        claude-run network online deny "host:$OUTSIDE_PORT" "$OUTSIDE_ADDRESS:$OUTSIDE_PORT" --save
        refused online 10.0.2.2 "$OUTSIDE_PORT"
        refused online "$OUTSIDE_ADDRESS" "$OUTSIDE_PORT"
        reaches online 10.0.2.2 "$API_PORT"
        run -0 claude-run config show online
        [[ "$output" != *"host:$OUTSIDE_PORT"* ]]
        run -1 claude-run network online deny nothing.example
        [[ "$output" == *"No rule allows 'nothing.example'"* ]]
        run -2 claude-run network online allow 'a;b'
        [[ "$output" == *"Allow=a;b: a host name has"* ]]
        run -2 claude-run network online allow @nosuchlist
        [[ "$output" == *"no list 'nosuchlist'"* ]]
}

@test "a mode that is tightened cuts what is open" {
        rm -f "$(project_dir online)"/{open,ended}
        # an upload that does not end by itself: what is cut is told with the next packet
        claude-run exec online -- bash -c 'trap "" PIPE; exec 3<>/dev/tcp/10.0.2.2/"$0"; echo open >/work/open
                end=$((SECONDS + 180)); while ((SECONDS < end)) && printf x >&3; do sleep 0.2; done 2>/dev/null
                ((SECONDS < end)) && echo cut >/work/.ended || echo open >/work/.ended; mv /work/.ended /work/ended' "$API_PORT" 3>&- 4>&- &
        wait_file "$(project_dir online)/open"
        claude-run network online mode none
        refused online 10.0.2.2 "$API_PORT"
        wait_file "$(project_dir online)/ended"
        [ "$(cat "$(project_dir online)/ended")" = cut ]
        run ! claude-run exec online -- timeout 3 getent ahosts example.org
        run -1 claude-run network online mode all
        [[ "$output" == *"must be one of: internet allow none open"* ]]
        claude-run network online mode internet --save
        run -0 claude-run config show online
        [[ "$output" == *"Network.Mode=internet"*online.ini:* ]]
        reaches online 10.0.2.2 "$API_PORT"
        wait
}

@test "a download from a service that is faster than the guest arrives whole, in packets of any size" {
        local mtu port
        coproc FAST { exec python3 -u -c 'import socket
s = socket.create_server(("127.0.0.1", 0))
print(s.getsockname()[1])
block = bytes(1 << 20)
while True:
    c, _ = s.accept()
    for i in range(48):
        c.sendall(block)
    c.close()' 3>&- 4>&-; }
        read -r -u "${FAST[0]}" port
        claude-run network online allow "host:$port"
        # those of a network of containers in the guest, too
        for mtu in 65520 1500; do
                claude-run exec -u root online -- ip link set eth0 mtu $mtu
                run -0 timeout 120 claude-run exec online -- timeout 100 bash -c 'exec 3<>"/dev/tcp/10.0.2.2/$0"; wc -c <&3' "$port"
                [ "$output" = $((48 << 20)) ]
        done
        claude-run exec -u root online -- ip link set eth0 mtu 65520
        kill "$FAST_PID"
}

@test "a guest that is root sends what it likes: frames of others, other protocols" {
        claude-run exec online --user root -- python3 - <<-'PYTHON'
	import socket, struct
	s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
	s.bind(("eth0", 0))
	us = s.getsockname()[4]
	gateway = open("/proc/net/arp").read().split("\n")
	gateway = bytes.fromhex([l.split()[3] for l in gateway if l.startswith("10.0.2.2 ")][0].replace(":", ""))
	def checksum(b):
	    n = sum(struct.unpack(f"!{len(b) // 2}H", b))
	    n = (n >> 16) + (n & 0xffff)
	    return ~(n + (n >> 16)) & 0xffff
	def udp(source, target, port, fragment=0):
	    head = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 29, 1, fragment, 64, 17, 0, socket.inet_aton(source), socket.inet_aton(target))
	    head = head[:10] + struct.pack("!H", checksum(head)) + head[12:]
	    return head + struct.pack("!HHHH", 5, port, 9, 0) + b"x"
	for source in "10.0.2.3", "192.0.2.2", "127.0.0.1", "8.8.8.8":
	    s.send(gateway + us + b"\x08\x00" + udp(source, "192.168.77.1", 99))
	s.send(gateway + us + b"\x81\x00\x00\x05\x08\x00" + udp("10.0.2.15", "192.168.77.2", 99))   # VLAN 5
	s.send(gateway + us + b"\x08\x00" + udp("10.0.2.15", "192.168.77.3", 99, 0x2000))            # a first fragment alone
	s.send(gateway + us + b"\x08\x06" + struct.pack("!HHBBH", 1, 0x800, 6, 4, 2) + us + socket.inet_aton("10.0.2.3") + gateway + socket.inet_aton("10.0.2.2"))
	s.send(gateway + us + b"\x86\xdd" + b"\x60" + 39 * b"\0")
	s.send(gateway + us + b"\x08\x00" + udp("10.0.2.15", "192.168.77.9", 99))                     # the control
	PYTHON
        timeout 180 grep --quiet --max-count=1 'Refused the guest 192.168.77.9' \
                <(journalctl --user --follow --lines=all --output=cat --unit claude-vm-net@online)
        run -0 claude-run network online --json
        # with its own address it is refused; with another's it is dropped before
        [[ "$output" == *192.168.77.9* && "$output" != *192.168.77.[123]\"* ]]
        reaches online 10.0.2.2 "$API_PORT"
}

@test "nothing of a VM listens on this machine" {
        # by the processes' own view, which has all of this host's network
        run -0 ss --no-header --listening --tcp --udp --numeric --processes
        [[ "$output" != *qemu* && "$output" != *pasta* && "$output" != *dnsmasq* && "$output" != *haproxy* && "$output" != *claude-vm* ]]
        [ "$(readlink /proc/self/ns/net)" != "$(readlink "/proc/$(pgrep --full 'qemu.*-name claude-vm@online')/ns/net")" ]
}

@test "pasta and dnsmasq are killed: they come back, and nothing was open meanwhile" {
        local deadline
        for unit in claude-vm-pasta@online claude-vm-dns@online; do
                before=$(unit_property $unit MainPID)
                [ "$before" != 0 ]
                kill -KILL "$before"
                deadline=$((SECONDS + 180))
                while [ $SECONDS -lt $deadline ]; do
                        after=$(unit_property $unit MainPID)
                        [ "$after" = 0 ] || [ "$after" = "$before" ] || break
                        sleep 0.1
                done
                [ "$after" != 0 ]
                [ "$after" != "$before" ]
        done
        deadline=$((SECONDS + 180))
        while [ $SECONDS -lt $deadline ]; do
                ! reaches online host "$API_PORT" || break
        done
        reaches online host "$API_PORT"
        refused online "$OUTSIDE_ADDRESS" "$OUTSIDE_PORT"
}

@test "the network's holder is killed: the VM is stopped, both say why, and nothing is left" {
        new_project lost AgentStart=session
        claude-run start lost
        kill -KILL "$(unit_property claude-vm-net@lost MainPID)"
        wait_inactive lost
        [ "$(vm_property lost ExecMainStatus)" = 74 ]
        [[ "$(vm_property lost StatusText)" == *"network ended"*claude-vm-net@lost* ]]
        [[ "$(unit_property claude-vm-net@lost StatusText)" == *"killed by signal KILL"* ]]
        systemctl --user reset-failed
        assert_nothing_left lost
}

@test "Mode=none: no outside, no gateway, no DNS, not the host's loopback" {
        refused offline "$OUTSIDE_ADDRESS" "$OUTSIDE_PORT"
        refused offline 10.0.2.2 "$API_PORT"
        refused offline 10.0.2.2 "$OUTSIDE_PORT"
        # nobody answers names
        run ! claude-run exec offline -- timeout 3 bash -c \
                'exec 3<>/dev/udp/10.0.2.3/53; printf "\1\2\1\0\0\1\0\0\0\0\0\0\11localhost\0\0\1\0\1" >&3; head -c 2 <&3 | grep -q .'
        run ! claude-run exec offline -- timeout 3 getent ahosts example.org
}

@test "Mode=none: commands and published ports work, and a lent port leads to the API" {
        run -0 claude-run exec offline -- pwd
        [ "$output" = "$(project_dir offline)" ]
        claude-run exec offline -- sh -c 'mkdir /tmp/www && cd /tmp/www && echo served >index.html &&
                setsid python3 -m http.server 8090 --bind 127.0.0.1 >log 2>&1 </dev/null &
                until curl --silent --output /dev/null http://127.0.0.1:8090/; do sleep 0.2; done'
        [ "$(curl --silent http://127.0.0.1:18090/)" = served ]
        # the address of the example; any answer of the API will do
        ask=(claude-run exec offline -- sh -c 'curl --silent --output /dev/null --write-out "%{http_code}" http://127.0.0.1:4000/')
        run ! "${ask[@]}"
        claude-run ports offline reverse "$API_PORT:4000"
        run -0 "${ask[@]}"
        [ "$output" != 000 ]
}

@test "a VM that started with Mode=none gets a way out and names, and keeps them until it ends" {
        local links=$XDG_RUNTIME_DIR/systemd/user/claude-vm@opened.service.wants
        new_project opened AgentStart=session '[Network]' Mode=none ApiProxy=no
        claude-run start opened
        refused opened 10.0.2.2 "$API_PORT"
        [ ! -e "$links/claude-vm-pasta@opened.service" ]
        claude-run network opened mode internet
        # systemd ends what no unit needs at once, and would after a reload
        systemctl --user daemon-reload
        sleep 2
        systemctl --user is-active claude-vm-pasta@opened claude-vm-dns@opened
        run -0 claude-run network opened
        [[ "$output" == *"mode      internet"* && "$output" != *warning* ]]
        reaches opened 10.0.2.2 "$API_PORT"
        reaches opened host "$API_PORT"
        # the next start has the ini again, with nothing of this one
        systemctl --user stop claude-vm@opened
        [ ! -e "$links" ]
        claude-run start opened
        refused opened 10.0.2.2 "$API_PORT"
        [ "$(systemctl --user is-active claude-vm-pasta@opened)" = inactive ]
        systemctl --user stop claude-vm@opened
        assert_nothing_left opened
}

@test "a start while the VM stops never has the network of the settings before" {
        local mode='claude-run network turned --json | jq --raw-output .mode'
        new_project turned AgentStart=session '[Network]' Mode=internet
        systemctl --user start claude-vm@turned
        [ "$(eval "$mode")" = internet ]
        systemctl --user stop --no-block claude-vm@turned
        sed -i 's/^Mode=internet/Mode=none/' ~/.config/claude-microvm/turned.ini
        systemctl --user daemon-reload
        # systemd keeps a network that it has not begun to stop
        if systemctl --user start claude-vm@turned; then
                [ "$(eval "$mode")" = none ]
        else
                [[ "$(vm_property turned StatusText)" == "The network is still the one of earlier settings"* ]]
        fi
        systemctl --user stop --no-block claude-vm@turned
        claude-run start turned
        [ "$(eval "$mode")" = none ]
        systemctl --user stop claude-vm@turned
        assert_nothing_left turned
}
