#!/usr/bin/env bats
# What a guest reaches: with Mode=none nothing, and the same attempts succeed with Mode=user. Both VMs start
# once, from the examples that people copy.

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
        printf '[VM]\nMemory=1536M\nCPUs=2\nAccelerator=tcg\n[Credentials]\nANTHROPIC_API_KEY=~/api-key\n' >>~/.config/claude-microvm/offline.ini
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
        [ -n "${BATS_TEST_COMPLETED:-}" ] || journalctl --user --no-pager --since "@$BATS_TEST_STARTED" | tail -n 60
}

# reaches NAME ADDRESS PORT: a TCP connection from the guest
reaches() {
        claude-run exec "$1" -- timeout 3 bash -c 'exec 3<>"/dev/tcp/$0/$1"' "$2" "$3"
}

@test "Mode=user: the guest reaches the outside, and the host's loopback at 10.0.2.2" {
        reaches online "$OUTSIDE_ADDRESS" "$OUTSIDE_PORT"
        reaches online 10.0.2.2 "$API_PORT"
}

@test "Mode=none: no outside, no gateway, no DNS, not the host's loopback" {
        run ! reaches offline "$OUTSIDE_ADDRESS" "$OUTSIDE_PORT"
        run ! reaches offline 10.0.2.2 "$API_PORT"
        run ! reaches offline 10.0.2.2 "$OUTSIDE_PORT"
        run ! reaches offline 10.0.2.3 53
        # a question for localhost, to which any server has an answer
        run ! claude-run exec offline -- timeout 3 bash -c \
                'exec 3<>/dev/udp/10.0.2.3/53; printf "\1\2\1\0\0\1\0\0\0\0\0\0\11localhost\0\0\1\0\1" >&3; head -c 2 <&3 | grep -q .'
        run ! claude-run exec offline -- timeout 3 getent ahosts example.org
}

@test "Mode=none: commands and published ports work, and a lent port leads to the API" {
        run -0 claude-run exec offline -- pwd
        [ "$output" = /work ]
        claude-run exec offline -- sh -c 'mkdir /tmp/www && cd /tmp/www && echo served >index.html &&
                setsid python3 -m http.server 8090 --bind 127.0.0.1 >log 2>&1 </dev/null &
                until curl --silent --output /dev/null http://127.0.0.1:8090/; do sleep 0.2; done'
        [ "$(curl --silent http://127.0.0.1:18090/)" = served ]
        # the address that the example gives the agent; any answer of the API will do
        ask=(claude-run exec offline -- sh -c 'curl --silent --output /dev/null --write-out "%{http_code}" "$ANTHROPIC_BASE_URL/"')
        run ! "${ask[@]}"
        claude-run ports offline reverse "$API_PORT:4000"
        run -0 "${ask[@]}"
        [ "$output" != 000 ]
}
