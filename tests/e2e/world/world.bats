#!/usr/bin/env bats
# Every mode against every destination of README's table, in a world of the tests' own (see `make`). As root, who makes
# the world; the VM is `tester`'s.

bats_require_minimum_version 1.5.0
load ../root/as-user

new_project() {
        as_user mkdir -p "$USER_HOME/world/$1" "$CONFIG"
        as_user tee "$CONFIG/$1.ini" >/dev/null <<-INI
	[Project]
	WorkDirectory=$USER_HOME/world/$1
	AgentStart=session
	[VM]
	Memory=1G
	CPUs=1
	Accelerator=tcg
	[Network]
	$2
	INI
}

setup_file() {
        "$BATS_TEST_DIRNAME/make"
        new_project w 'Mode=internet'
        new_project other 'Mode=open'
        as_user systemctl --user daemon-reload
        as_user claude-run start w other
}

teardown_file() {
        as_user claude-run stop w other
}

teardown() {
        [ -n "${BATS_TEST_COMPLETED:-}" ] || as_user journalctl --user --no-pager -n 60
        as_user claude-run network w mode internet
}

guest() {
        as_user claude-run exec w -- "$@"
}

# tries WAY DESTINATION…: prints `yes` or `no` for each, in one session. A refusal comes at once; a second without an answer is one, too.
tries() {
        as_user claude-run exec w --user root -- python3 - "$@" <<-'PYTHON'
	import socket, sys
	way, *destinations = sys.argv[1:]
	def tcp(host, port):
	    socket.create_connection((host, int(port)), 2).close()
	def udp(host, port):
	    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
	        s.settimeout(1)
	        s.connect((host, int(port)))
	        s.send(b"x")
	        assert s.recv(10) == b"x"
	def name(host, _):
	    socket.getaddrinfo(host, 80)
	def dns(host, port):
	    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
	        s.settimeout(1)
	        s.connect((host, int(port)))
	        s.send(b"\1\2\1\0\0\1\0\0\0\0\0\0\4evil\7example\0\0\1\0\1")
	        assert s.recv(512)[3] & 15 == 0
	def ping(host, _):
	    with socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP) as s:
	        s.settimeout(1)
	        s.connect((host, 0))
	        s.send(b"\x08\x00\xb2\xca\x45\x34\x00\x01")
	        assert s.recv(100)[20] == 0
	for destination in destinations:
	    host, _, port = destination.partition(":")
	    try:
	        globals()[way](host, port or "80")
	        print(destination, "yes")
	    except (OSError, AssertionError):
	        print(destination, "no")
	PYTHON
}

# expect yes|no WAY DESTINATION…
expect() {
        local answer=$1
        shift
        run -0 tries "$@"
        echo "$output"
        shift
        [ "$output" = "$(printf "%s $answer\n" "$@")" ]
}

# wait_answer yes|no DESTINATION: until TCP has this answer
wait_answer() {
        local deadline=$((SECONDS + 180))
        until [[ "$(tries tcp "$2")" == *" $1" ]]; do
                [ $SECONDS -lt $deadline ] || { echo "not '$1' in time: $2"; return 1; }
        done
}

LOCAL=(192.168.77.1 192.168.77.50 192.168.77.2:6000 44.113.0.2:6000 44.113.0.3 169.254.169.254 10.0.2.2:5432 10.0.2.2:6000 192.0.0.4:5432 192.0.0.1 192.0.0.3 127.0.0.1:5432)

@test "Mode=internet: public addresses and names, and nothing that is this machine's or local" {
        expect yes tcp 45.0.0.10 45.0.0.30:443 one.example alias.example evil.example:22
        expect yes udp 45.0.0.10:9
        expect yes ping 45.0.0.10
        expect yes name one.example evil.example nas.lan
        expect yes dns 10.0.2.3:53 45.0.0.53:53
        expect no tcp "${LOCAL[@]}" rebind.example loopback.example nas.lan
        expect no udp 192.168.77.50:9 44.113.0.3:9 169.254.169.254:9
        expect no ping 192.168.77.50 44.113.0.3
        expect no dns 192.168.77.1:53
}

@test "this machine gets one more address: its network is closed, too" {
        expect yes tcp 45.0.0.20
        ip addr add 45.0.0.60/26 dev lan0
        wait_answer no 45.0.0.20
        expect no tcp 45.0.0.20
        ip addr del 45.0.0.60/26 dev lan0
        wait_answer yes 45.0.0.20
        expect yes tcp 45.0.0.20
}

@test "Mode=allow: what is named, and no other name leaves this machine" {
        as_user claude-run network w mode allow
        as_user claude-run network w allow one.example shared.example:80
        : >/run/world/resolver.log
        expect yes tcp one.example one.example:443 shared.example www.one.example
        expect no tcp shared.example:443 evil.example neighbour.example 45.0.0.30 45.0.0.10:5000 "${LOCAL[@]}"
        # an address vouches for the names that share it, and for no other port
        expect yes tcp 45.0.0.20:80
        expect no tcp 45.0.0.20:22
        expect no udp 45.0.0.30:9 45.0.0.53:53
        expect no ping 45.0.0.30
        expect no dns 45.0.0.53:53 192.168.77.1:53
        # over TCP, and what is told in a long name
        run ! guest python3 -c 'import socket; socket.create_connection(("45.0.0.53", 53), 2)'
        expect no name "$(printf 's%.0s' {1..60}).$(printf 'e%.0s' {1..60}).evil.example" evil.example neighbour.example
        run -1 grep -E 'evil|neighbour' /run/world/resolver.log
        run -0 grep -c 'one\.example' /run/world/resolver.log
        as_user claude-run network w deny one.example shared.example:80
        expect no tcp one.example 45.0.0.10 45.0.0.20
}

@test "Mode=allow: an allowed name that moves, and one that leads to a local address" {
        as_user claude-run network w mode allow
        as_user claude-run network w allow shared.example rebind.example
        expect yes tcp shared.example
        sed -i 's|shared.example/45.0.0.20|shared.example/45.0.0.21|' /run/world/names
        /run/world/resolver 3>&- 4>&-
        # an end of what dnsmasq remembers, which would take five minutes
        as_user systemctl --user restart claude-vm-dns@w
        run -0 guest getent ahostsv4 shared.example
        [[ "$output" == 45.0.0.21* ]]
        expect yes tcp shared.example
        expect no tcp rebind.example
        sed -i 's|shared.example/45.0.0.21|shared.example/45.0.0.20|' /run/world/names
        /run/world/resolver 3>&- 4>&-
        as_user claude-run network w deny shared.example rebind.example
}

@test "Mode=allow: a connection ends with its rule, and another one goes on" {
        as_user claude-run network w mode allow
        as_user claude-run network w allow one.example evil.example
        guest bash -c 'for n in one evil; do curl --silent --no-buffer --output /work/$n http://$n.example/slow & done; wait' 3>&- 4>&- &
        local deadline=$((SECONDS + 180))
        while [ $SECONDS -lt $deadline ]; do
                [ ! -s $USER_HOME/world/w/one ] || [ ! -s $USER_HOME/world/w/evil ] || break
                sleep 0.1
        done
        as_user claude-run network w deny evil.example
        # what was on its way
        sleep 2
        one=$(stat -c %s $USER_HOME/world/w/one) evil=$(stat -c %s $USER_HOME/world/w/evil)
        sleep 2
        ls -l $USER_HOME/world/w; echo "before: $one $evil"; as_user claude-run network w --json
        [ "$(stat -c %s $USER_HOME/world/w/one)" -gt "$one" ]
        [ "$(stat -c %s $USER_HOME/world/w/evil)" = "$evil" ]
        guest pkill curl
        as_user claude-run network w deny one.example
}

@test "Mode=allow: a list of 1,000 names" {
        as_user mkdir -p $CONFIG/lists
        for i in {1..1000}; do echo "n$i.many.example:80"; done | as_user tee $CONFIG/lists/many.list >/dev/null
        as_user claude-run network w mode allow
        as_user claude-run network w allow @many
        expect yes tcp n1.many.example n1000.many.example
        expect no tcp n1001.many.example n1.many.example:443
        as_user claude-run network w deny @many
        expect no tcp n1.many.example
}

# greet ADDRESS NAME: a TLS greeting with this name. Prints `yes` if the server behind it answers, which has no TLS and
# says so in plain text.
greet() {
        as_user claude-run exec strict -- python3 - "$@" <<-'PYTHON'
	import socket, ssl, sys
	outgoing = ssl.MemoryBIO()
	tls = ssl.create_default_context().wrap_bio(ssl.MemoryBIO(), outgoing, server_hostname=sys.argv[2])
	try:
	    tls.do_handshake()
	except ssl.SSLWantReadError:
	    pass
	try:
	    s = socket.create_connection((sys.argv[1], 443), 20)
	    s.sendall(outgoing.read())
	    s.sendall(b"\r\n\r\n")
	    print("yes" if s.recv(100) else "no")
	except OSError:
	    print("no")
	PYTHON
}

@test "Mode=allow from the start: TLS goes by its name, also where names share an address" {
        new_project strict $'Mode=allow\nAllow=shared.example one.example:443'
        as_user systemctl --user daemon-reload
        as_user claude-run start strict
        [ "$(greet 45.0.0.20 shared.example)" = yes ]
        [ "$(greet 45.0.0.10 www.one.example)" = yes ]
        # the neighbour's name at the address that they share, and at its own
        [ "$(greet 45.0.0.20 neighbour.example)" = no ]
        [ "$(greet 45.0.0.30 evil.example)" = no ]
        # an allowed name at another address leads to its own
        [ "$(greet 45.0.0.30 shared.example)" = yes ]
        as_user claude-run network strict allow neighbour.example
        [ "$(greet 45.0.0.20 neighbour.example)" = yes ]
        as_user claude-run network strict deny neighbour.example
        [ "$(greet 45.0.0.20 neighbour.example)" = no ]
        as_user claude-run stop strict
}

@test "Mode=none: nothing, whatever is allowed" {
        as_user claude-run network w allow one.example host:5432 192.168.77.50
        as_user claude-run network w mode none
        expect no tcp 45.0.0.10 one.example "${LOCAL[@]}"
        expect no udp 45.0.0.10:9 10.0.2.3:53
        expect no name one.example
        expect no ping 45.0.0.10
        as_user claude-run network w deny one.example host:5432 192.168.77.50
}

@test "Mode=open: local networks too, but not this machine's loopback and its other addresses" {
        as_user claude-run network w mode open
        expect yes tcp 45.0.0.10 192.168.77.50 44.113.0.3 rebind.example 169.254.169.254
        expect no tcp 10.0.2.2:5432 192.0.0.4:5432 loopback.example:5432 192.168.77.2:6000 44.113.0.2:6000
        ip addr add 192.168.77.3/24 dev lan0
        wait_answer no 192.168.77.3:6000
        ip addr del 192.168.77.3/24 dev lan0
        as_user claude-run network w allow 192.168.77.2:6000
        expect yes tcp 192.168.77.2:6000
        as_user claude-run network w deny 192.168.77.2:6000
}

@test "Allow= of an address, a network and a port of this machine, in the default mode" {
        as_user claude-run network w allow 192.168.77.50:80 host:5432 169.254.0.0/16
        expect yes tcp 192.168.77.50 nas.lan host:5432 10.0.2.2:5432 169.254.169.254
        expect no tcp 192.168.77.50:22 host:6000 192.168.77.1
        as_user claude-run network w deny 192.168.77.50:80 host:5432 169.254.0.0/16
        expect no tcp 192.168.77.50 host:5432 169.254.169.254
}

@test "IPv6 leads nowhere" {
        run ! guest python3 -c 'import socket; socket.create_connection(("2001:db8::1", 80), 2)'
        run ! guest python3 -c 'import socket; socket.getaddrinfo("one.example", 80, socket.AF_INET6)'
}

@test "two VMs do not reach each other" {
        # both have the same addresses, each in a network of its own; the other one listens
        as_user claude-run exec other -- sh -c 'setsid python3 -m http.server 8099 >/dev/null 2>&1 </dev/null &'
        as_user claude-run exec other -- sh -c 'until curl --silent --output /dev/null http://10.0.2.15:8099; do sleep 0.2; done'
        expect no tcp 10.0.2.15:8099
        as_user claude-run network w mode open
        expect no tcp 10.0.2.15:8099 192.168.77.2:8099 127.0.0.1:8099
}
