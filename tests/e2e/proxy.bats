#!/usr/bin/env bats
# The proxy on the host. It keeps the key of the agent's API: one VM, whose guest reaches nothing but the proxy, which
# speaks to the scripted API on the host's loopback. It filters TLS by name: another VM, with Mode=allow. What is let
# through to the outside is in root/proxy-names.bats.

load common

# The key comes from the environment of claude-run, so that it is in no file at all; the other tests have it in one.
setup_file() {
        start_api
        KEY=sk-ant-api03-$(od -An -N 16 -t x8 /dev/urandom | tr -d ' ')
        export KEY
        new_project proxied AgentStart=session '[Network]' Mode=none Budget=40
        sed -i 's|^ANTHROPIC_API_KEY=.*|ANTHROPIC_API_KEY=|' ~/.config/claude-microvm/proxied.ini
        systemctl --user daemon-reload
        ANTHROPIC_API_KEY=$KEY claude-run start proxied
        new_project named AgentStart=session '[Network]' Mode=allow 'Allow=allowed.invalid 192.0.0.4:443'
        sed -i '/^\[Credentials\]/,/^ANTHROPIC_API_KEY/d' ~/.config/claude-microvm/named.ini
        systemctl --user daemon-reload
        claude-run start named
}

teardown_file() {
        claude-run stop proxied named
        stop_api
}

# The VMs are this file's.
teardown() {
        [ -n "${BATS_TEST_COMPLETED:-}" ] || {
                systemctl --user --no-pager status claude-vm-proxy@proxied claude-vm-net@proxied || true
                journalctl --user --no-pager --since "@$BATS_TEST_STARTED" | tail -n 60
        }
}

guest() {
        claude-run exec proxied -- "$@"
}

# ask PATH [CURL-OPTION…]: the answer's status; its body is in the guest's /tmp/answer
ASK='curl --silent --max-time 20 --output /tmp/answer --write-out "%{http_code}" "$ANTHROPIC_BASE_URL$0" "$@"'
ask() {
        guest bash -c "$ASK" "$@"
}

# the same with the placeholder, which is the guest's variable
WITH_PLACEHOLDER=$ASK' --header "x-api-key: $ANTHROPIC_API_KEY"'
with_placeholder() {
        guest bash -c "$WITH_PLACEHOLDER" "$@"
}

MESSAGE='{"model":"scripted","max_tokens":9,"messages":[{"role":"user","content":"hello"}]}'

@test "the real agent works, and the API sees the real key" {
        run -0 guest claude -p 'a question'
        [[ "$output" = *"You said: a question"* ]]
        run -0 jq --raw-output 'select(.path | startswith("/v1/messages")) | .key' "$BATS_FILE_TMPDIR/api.log"
        [ "$(sort --unique <<<"$output")" = "$KEY" ]
}

@test "the guest has a placeholder of the same kind, and the proxy's address" {
        run -0 guest printenv ANTHROPIC_API_KEY ANTHROPIC_BASE_URL
        [[ "${lines[0]}" = sk-ant-api03-*placeholder* ]]
        [ "${lines[1]}" = http://10.0.2.2:8080 ]
}

@test "no key is added to a request without the exact placeholder, and it does not pass" {
        local before
        before=$(wc -l <"$BATS_FILE_TMPDIR/api.log")
        [ "$(ask /v1/messages --data "$MESSAGE")" = 401 ]
        [ "$(ask /v1/messages --data "$MESSAGE" --header 'x-api-key: sk-ant-of-somebody-else')" = 401 ]
        [ "$(ask /v1/messages --data "$MESSAGE" --header "x-api-key: $(guest printenv ANTHROPIC_API_KEY)x")" = 401 ]
        [ "$(ask /v1/messages --data "$MESSAGE" --header "authorization: Bearer $(guest printenv ANTHROPIC_API_KEY)")" = 401 ]
        run -0 guest jq --raw-output .error.type /tmp/answer
        [ "$output" = authentication_error ]
        [ "$(wc -l <"$BATS_FILE_TMPDIR/api.log")" = "$before" ]
        [ "$(with_placeholder /v1/messages --data "$MESSAGE")" = 200 ]
}

@test "other paths do not pass, however they are spelled" {
        local path
        for path in /v1/files /v1/organizations/api_keys /v1/models/../files /v1/models/%2e%2e/files //v1/messages /v1/messagesx; do
                [ "$(with_placeholder $path --path-as-is)" = 403 ] || { echo "$path passed"; return 1; }
        done
        [ "$(with_placeholder /v1/messages/count_tokens --data "$MESSAGE")" = 200 ]
        [ "$(with_placeholder /v1/messages --request DELETE)" = 403 ]
}

@test "a stream comes as it is sent, and errors as they are" {
        # the scripted API waits between two halves of its answer
        run -0 guest bash -c 'curl --silent --no-buffer "$ANTHROPIC_BASE_URL/v1/messages" --header "x-api-key: $ANTHROPIC_API_KEY" --data "$0" |
                while read -r line; do [[ $line != event:* ]] || echo "${EPOCHREALTIME/./} $line"; done' \
                '{"stream":true,"max_tokens":9,"messages":[{"role":"user","content":"trickle: 2"}]}'
        local first=${lines[0]%% *} last=${lines[-1]%% *}
        [ $((last - first)) -gt 1500000 ]
        local status
        for status in 400 401 429 529; do
                [ "$(with_placeholder /v1/messages --data "${MESSAGE/hello/error: $status}")" = $status ]
                # once: the proxy repeats nothing
                [ "$(grep --count "error: $status" "$BATS_FILE_TMPDIR/api.log")" = 1 ]
        done
}

@test "the guest reaches nothing else, and the proxy is no way to it" {
        run ! guest timeout 3 bash -c "exec 3<>/dev/tcp/10.0.2.2/$API_PORT"
        run ! guest timeout 3 bash -c 'exec 3<>/dev/tcp/10.0.2.2/8443'
        run ! guest timeout 3 bash -c 'exec 3<>/dev/tcp/192.0.0.4/'"$API_PORT"
        # what is asked for by another name goes to the API all the same
        [ "$(with_placeholder /v1/messages --data "$MESSAGE" --header 'Host: evil.example')" = 200 ]
        [ "$(with_placeholder / --head)" = 200 ]
}

@test "the journal has each request, and neither headers nor bodies" {
        [ "$(with_placeholder '/v1/messages?secret-query' --data "${MESSAGE/hello/secret-body}" --header 'x-secret: secret-header')" = 200 ]
        wait_journal claude-vm-net@proxied.service 'POST /v1/messages: 200, '
        run -0 journalctl --user --no-pager --output=cat CLAUDE_VM=proxied SYSLOG_IDENTIFIER=claude-vm-api
        [[ "$output" = *"POST /v1/messages: 200, "*" bytes sent, "*" received, "*" ms"* ]]
        run ! grep -e secret- -e "$KEY" <(journalctl --user --no-pager --output=export)
}

@test "the key is in the proxy alone" {
        # this test itself was given it, and the API has logged it
        run -0 "$BATS_TEST_DIRNAME/find-secret" --vm --proxy --given-to "$BATS_ROOT_PID" --kept-in "$BATS_FILE_TMPDIR/api.log" "$KEY"
        # the guest's own view: files, environments, command lines. The key is not in the question, which the guest sees too.
        run -1 guest sudo sh -c 'for f in /run/claude-vm /home /etc /tmp /var/log /proc/[0-9]*/environ /proc/[0-9]*/cmdline; do
                grep --recursive --binary-files=text --devices=skip -o "sk-ant-api03-[0-9a-f]\{32\}" $f 2>/dev/null; done | grep .'
}

@test "a proxy that dies is back, with its key" {
        local pid
        pid=$(unit_property claude-vm-proxy@proxied.service MainPID)
        kill -KILL "$pid"
        wait_journal claude-vm-proxy@proxied.service 'Started\|Scheduled restart'
        guest timeout 180 bash -c 'until curl --silent --output /dev/null "$ANTHROPIC_BASE_URL/" --head; do sleep 0.1; done'
        [ "$(unit_property claude-vm-proxy@proxied.service MainPID)" != "$pid" ]
        [ "$(with_placeholder /v1/messages --data "$MESSAGE")" = 200 ]
}

@test "the budget of a day ends with an error that says so, and costs nothing more" {
        local i status
        # one session for all of them
        run -0 --separate-stderr guest bash -c 'for ((i = 0; i < 41; i++)); do status=$('"$WITH_PLACEHOLDER"'); [ "$status" = 200 ] || break; done; echo "$i $status"' \
                /v1/messages --data "${MESSAGE/hello/one of many}"
        read -r i status <<<"$output"
        [ "$status" = 429 ]
        run -0 guest jq --raw-output '.error.type, .error.message' /tmp/answer
        [ "${lines[0]}" = rate_limit_error ]
        [[ "${lines[1]}" = *"spent its 40 requests"*"Budget="* ]]
        [ "$(grep --count 'one of many' "$BATS_FILE_TMPDIR/api.log")" = "$i" ]
        # counting tokens costs nothing
        [ "$(with_placeholder /v1/messages/count_tokens --data "$MESSAGE")" = 200 ]
        run guest timeout 240 claude -p 'a question'
        [[ "$output" = *"spent its 40 requests"* ]]
        run -0 claude-run status proxied
        [[ "${lines[0]}" = "network   none, "*"API: "*" requests, "*"answered with an error, 40 of Budget=40 spent; more: claude-run network proxied" ]]
        [ "$(claude-run status proxied --json | jq '.network.api | .spent == 40 and .budget == 40 and .requests > 40 and .errors > 0')" = true ]
        run -0 claude-run network proxied
        [[ "$output" = *$'\napi       '*" bytes sent, "*" received"* ]]
}

# tls NAME ADDRESS: TLS of the guest with a name, to an address
tls() {
        claude-run exec named -- curl --silent --insecure --max-time 20 --resolve "$1:443:$2" "https://$1/"
}

# verdict NAME: the address that the guest wanted, as the journal has it
verdict() {
        # nobody waits for journalctl, which ends with its limit
        head -n 1 < <(
                exec 3>&-
                timeout 180 journalctl --user --follow --lines=all --output=json --since "@$BATS_TEST_STARTED" CLAUDE_VM=named CLAUDE_VM_NETWORK_VERDICT=refused \
                        "CLAUDE_VM_NETWORK_NAME=$1" | jq --unbuffered --raw-output '.CLAUDE_VM_NETWORK_ADDRESS + " " + .MESSAGE'
        )
}

@test "Mode=allow: TLS with a name that is not allowed ends at once, and the journal says which" {
        # 28 would be the end of curl's patience
        run -35 tls evil.invalid 44.113.0.10
        [[ "$(verdict evil.invalid)" = "44.113.0.10 "*"Refused the guest evil.invalid at 44.113.0.10, tcp port 443; to allow it: Allow=evil.invalid:443" ]]
        # below is allowed, beside is not
        run -35 tls allowed.invalid.evil.invalid 44.113.0.10
        run -35 tls notallowed.invalid 44.113.0.10
        run -0 claude-run network named --json
        jq --exit-status '[.refused[] | .name] | contains(["evil.invalid", "notallowed.invalid"])' <<<"$output"
}

@test "Mode=allow: what is not TLS with a name does not pass at port 443" {
        # curl sends no name for an address
        run -35 claude-run exec named -- curl --silent --insecure --max-time 20 https://44.113.0.10/
        run ! claude-run exec named -- curl --silent --max-time 20 http://44.113.0.10:443/
        # other ports go by address
        run -7 claude-run exec named -- curl --silent --max-time 20 --resolve allowed.invalid:444:44.113.0.10 https://allowed.invalid:444/
        # an address that is allowed itself needs no name: refused is the host's own answer
        run -7 claude-run exec named -- curl --silent --insecure --max-time 20 https://192.0.0.4/
}

@test "Mode=allow: a name that is allowed while the VM runs is let through, and not after deny" {
        local unknown="have no address of later.invalid, which is allowed"
        claude-run network named allow later.invalid
        # there is no such name, which the proxy now finds out
        run -35 tls later.invalid 44.113.0.11
        wait_journal claude-vm-net@named.service "$unknown"
        claude-run network named deny later.invalid
        run -35 tls later.invalid 44.113.0.12
        [[ "$(verdict later.invalid)" = "44.113.0.12 "* ]]
        [ "$(journalctl --user --no-pager --output=cat --since "@$BATS_TEST_STARTED" CLAUDE_VM=named | grep --count "$unknown")" = 1 ]
}
