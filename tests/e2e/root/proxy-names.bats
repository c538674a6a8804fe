#!/usr/bin/env bats
# haproxy's filter of TLS names with a world around it: name servers and web servers with public addresses. As root, who
# makes network namespaces for it; the network's programs run in one, as the user `tester`. No VM: what a guest does with
# port 443 is redirected to the same port of haproxy (proxy.bats).

bats_require_minimum_version 1.5.0
load as-user

NET=$RUNTIME/claude-vm-net/names
INI=$USER_HOME/.config/claude-microvm/names.ini
HELPER=/usr/libexec/claude-vm-helper

# begin COMMAND…: beside the tests, without the descriptors of bats
begin() {
        "$@" >>"$BATS_FILE_TMPDIR/log" 2>&1 3>&- 4>&- &
        PIDS+=" $!"
}

# helper VERB: as its unit would run it, in the namespace that stands for the host's network
helper() {
        begin ip netns exec names-host runuser -u tester -- env -i "HOME=$USER_HOME" "XDG_RUNTIME_DIR=$RUNTIME" "RUNTIME_DIRECTORY=$NET" \
                "${ENVIRONMENT[@]}" "$HELPER" "$1" names
}

# until_true COMMAND…
until_true() {
        local deadline=$((SECONDS + 180))
        while [ $SECONDS -lt $deadline ]; do
                "$@" >/dev/null 2>&1 && return
                sleep 0.1
        done
        cat "$BATS_FILE_TMPDIR/log"
        return 1
}

make_world() {
        ip netns add names-host
        ip netns add names-world
        ip link add host0 netns names-host type veth peer name world0 netns names-world
        ip -n names-host address add 192.168.77.2/24 dev host0
        ip -n names-world address add 192.168.77.1/24 dev world0
        local address name
        for name in host world; do
                ip -n names-$name link set lo up
                ip -n names-$name link set ${name}0 up
        done
        ip -n names-host route add default via 192.168.77.1
        for address in 44.113.0.10 44.113.0.20; do
                ip -n names-world address add $address/32 dev lo
        done
        mkdir -p /etc/netns/names-host
        echo nameserver 192.168.77.1 >/etc/netns/names-host/resolv.conf
        begin ip netns exec names-world dnsmasq --keep-in-foreground --conf-file=/dev/null --no-resolv --no-hosts --user=root --pid-file= \
                --listen-address=192.168.77.1 --bind-interfaces --address=/good.example/44.113.0.10 --address=/other.example/44.113.0.20 \
                --address=/local.good.example/192.168.77.1
        cd "$BATS_FILE_TMPDIR"
        openssl req -x509 -newkey rsa:2048 -nodes -days 3 -subj /CN=world -keyout key.pem -out certificate.pem 2>/dev/null
        cat >web.py <<-'PYTHON'
	import http.server, ssl, time
	class Handler(http.server.BaseHTTPRequestHandler):
	    protocol_version = "HTTP/1.1"
	    def do_GET(self):
	        words = (self.connection.getsockname()[0], " begins", " ends")
	        self.send_response(200)
	        self.send_header("Content-Length", str(sum(map(len, words))))
	        self.end_headers()
	        for word in words:
	            self.wfile.write(word.encode())
	            if self.path == "/slow":
	                self.wfile.flush()
	                time.sleep(1.5)
	server = http.server.ThreadingHTTPServer(("0.0.0.0", 443), Handler)
	context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
	context.load_cert_chain("certificate.pem", "key.pem")
	server.socket = context.wrap_socket(server.socket, server_side=True)
	server.serve_forever()
	PYTHON
        begin ip netns exec names-world python3 web.py
}

setup_file() {
        PIDS=
        make_world
        as_user mkdir -p "$USER_HOME/names" "${INI%/*}"
        printf '[Project]\nWorkDirectory=%s/names\n[Network]\nMode=allow\nAllow=good.example other.example:22\n' $USER_HOME |
                as_user tee $INI >/dev/null
        as_user systemctl --user daemon-reload
        local -a ENVIRONMENT
        mapfile -t ENVIRONMENT < <(as_user systemctl --user show --value --property Environment claude-vm@names | tr ' ' '\n')
        as_user mkdir -p "$NET"
        helper net
        until_true test -S "$NET/control"
        helper pasta
        helper proxy
        HOLDER=$(pgrep --full --newest "^$HELPER net names")
        export HOLDER PIDS
        until_true get good.example
}

teardown_file() {
        # shellcheck disable=SC2086 # a list
        kill $PIDS || true
        ip netns delete names-host
        ip netns delete names-world
        rm -rf /etc/netns/names-host "$INI"
        as_user rm -rf "$NET"
}

teardown() {
        # of a test that failed below it
        ! mountpoint --quiet /usr/sbin/haproxy || umount /usr/sbin/haproxy
        rm -f "${INI%/*}/without.ini" $USER_HOME/names-key
        [ -n "${BATS_TEST_COMPLETED:-}" ] || cat "$BATS_FILE_TMPDIR/log"
}

# get NAME [PATH]: by TLS with that name, from within the VM's network
get() {
        nsenter --user --net --preserve-credentials --target "$HOLDER" curl --silent --insecure --no-buffer --max-time 10 \
                --connect-to "$1:443:10.0.2.2:8443" "https://$1${2:-/}"
}

# tell WORD [RULE]: what claude-run network does
tell() {
        as_user python3 - "$NET/control" "$@" <<-'PYTHON'
	import socket, sys
	s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
	s.connect(sys.argv[1])
	s.send("\n".join(sys.argv[2:]).encode())
	print(s.recv(1 << 18).decode())
	PYTHON
}

@test "an allowed name and one below it reach the address of that name" {
        [ "$(get good.example)" = "44.113.0.10 begins ends" ]
        [ "$(get sub.good.example)" = "44.113.0.10 begins ends" ]
        [ "$(get GOOD.example)" = "44.113.0.10 begins ends" ]
}

@test "another name does not, nor one that only looks alike, nor one allowed at another port" {
        run -35 get evil.example
        run -35 get evilgood.example
        run -35 get good.example.evil.example
        run -35 get other.example
}

@test "an allowed name with a local address does not, and the word that would allow it is the address" {
        run -35 get local.good.example
        run -0 tell show
        [[ "$output" = *'"name":"local.good.example"'* ]]
}

@test "a name of any bytes is one refusal, and no line of its own" {
        run -0 nsenter --user --net --preserve-credentials --target "$HOLDER" python3 - <<-'PYTHON'
	import socket, struct
	def sized(form, data):
	    return struct.pack(form, len(data)) + data
	name = b"evil\ntls allowed 1.1.1.1 forged.example\napi 200 1 1 1 -- 7/9 POST /forged\n\0\x80.example"
	sni = struct.pack(">H", 0) + sized(">H", sized(">H", b"\0" + sized(">H", name)))
	hello = b"\3\3" + bytes(32) + b"\0" + sized(">H", b"\x13\x01") + b"\1\0" + sized(">H", sni)
	s = socket.create_connection(("10.0.2.2", 8443), 10)
	s.send(b"\x16\3\1" + sized(">H", b"\1" + sized(">I", hello)[1:4] + hello))
	s.recv(1)
	PYTHON
        run -0 tell show
        [[ "$output" = *'"name":"evil%0Atls%20allowed%201.1.1.1%20forged.example%0Aapi%20'* && "$output" != *'"name":"forged'* ]]
        run grep --quiet --ignore-case 'post /forged: 200' "$BATS_FILE_TMPDIR/log"
        [ "$status" = 1 ]
}

@test "the list changes at once, and a connection that stays allowed goes on" {
        get good.example /slow >"$BATS_TEST_TMPDIR/slow" 3>&- 4>&- &
        local slow=$!
        until_true grep --quiet 44.113 "$BATS_TEST_TMPDIR/slow"
        [ "$(tell allow other.example)" = "{}" ]
        [ "$(get other.example)" = "44.113.0.20 begins ends" ]
        [ "$(tell deny other.example)" = "{}" ]
        run -35 get other.example
        wait $slow
        [ "$(<"$BATS_TEST_TMPDIR/slow")" = "44.113.0.10 begins ends" ]
}

@test "a haproxy that does not answer: the rules hold as they are shown, and the error says what is missing" {
        local haproxy
        haproxy=$(pgrep --full --newest --uid tester 'haproxy -db')
        kill -STOP "$haproxy"
        run -0 tell allow other.example
        kill -CONT "$haproxy"
        [[ "$output" = *'The rules are in force, but haproxy has not taken over the names'*'claude-vm-proxy@names'* ]]
        run -0 tell show
        [[ "$output" = *'"allow":"other.example","added":true'* ]]
        [ "$(tell deny other.example)" = "{}" ]
        run -35 get other.example
}

@test "a program that holds silent connections for ssh keeps nobody else from the holder" {
        run -0 as_user python3 - "$NET" <<-'PYTHON'
	import resource, socket, sys
	# more than the holder may have
	resource.setrlimit(resource.RLIMIT_NOFILE, (2048, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
	def connect(name):
	    s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
	    s.connect(f"{sys.argv[1]}/{name}")
	    return s
	held = [connect("ssh") for _ in range(1100)]
	control = connect("control")
	control.settimeout(5)
	control.send(b"show")
	print(control.recv(1 << 18)[:15])
	PYTHON
        [[ "$output" = *'{"mode":"allow"'* ]]
}

@test "haproxy itself reaches neither this machine nor its network, whatever it is told" {
        # what its network lets out, from a process beside it
        run ! nsenter --user --net --preserve-credentials --target "$HOLDER" curl --silent --insecure --max-time 5 https://192.168.77.1/
        run ! nsenter --user --net --preserve-credentials --target "$HOLDER" curl --silent --insecure --max-time 5 https://192.0.0.4/
        # and that the test can tell
        nsenter --user --net --preserve-credentials --target "$HOLDER" curl --silent --insecure --max-time 5 https://44.113.0.20/
}

no_unit_of() {
        [ -z "$(as_user systemctl --user list-units --plain --no-legend --state=active,activating "claude-vm*@$1*")" ]
}

@test "without haproxy a VM with an API key does not start and says what to do; Mode=allow says what is lost" {
        printf '[Project]\nWorkDirectory=%s/names\n[VM]\nAccelerator=tcg\n[Network]\nMode=allow\nAllow=good.example\n[Credentials]\nANTHROPIC_API_KEY=~/names-key\n' \
                $USER_HOME | as_user tee "${INI%/*}/without.ini" >/dev/null
        as_user sh -c 'umask 077; echo sk-ant-api03-any >~/names-key'
        as_user systemctl --user daemon-reload
        mount --bind /dev/null /usr/sbin/haproxy
        run -78 as_user claude-run start without
        umount /usr/sbin/haproxy
        rm "${INI%/*}/without.ini" $USER_HOME/names-key
        [[ "$output" = *"/usr/sbin/haproxy' is missing"*"install haproxy, or set ApiProxy=no"* ]]
        journalctl --no-pager --output=cat CLAUDE_VM=without | grep --quiet 'all names that share an address with an allowed one; install haproxy'
        # nothing half-started stays; the rest ends after the VM
        until_true no_unit_of without
}
