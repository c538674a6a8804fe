# The environment of the agent; sourced. $agent becomes the program to run, $start when it
# does. Values come from the host's configuration, byte for byte.

export HOME=/home/claude SHELL=/bin/bash
# as for sessions, see login.sh
export PATH=$HOME/.local/bin:$PATH
export LANG=${LANG:-C.UTF-8} TERM=${TERM:-xterm-256color} COLORTERM=${COLORTERM:-truecolor}
# The VM is the sandbox, and the image has the version that was asked for.
export IS_SANDBOX=1 DISABLE_AUTOUPDATER=1
# The user's plugins, which need no installation then, see setup.
[ ! -d /var/lib/claude-vm-user-config/plugins ] || export CLAUDE_CODE_PLUGIN_SEED_DIR=/var/lib/claude-vm-user-config/plugins

[ ! -d /run/user/1000 ] || export XDG_RUNTIME_DIR=/run/user/1000

[ ! -e /run/claude-vm/devshell ] || . /usr/lib/claude-vm/devshell.bash

while IFS= read -r -d '' variable; do
        export "${variable?}"
done </run/claude-vm/credentials/claude-vm.environment
unset variable

# Claude Code asks, in a home that it does not know, whether to use a key of its environment. The placeholder of
# ApiProxy= is none, so nobody is asked.
approve_placeholder() {
        local file=${CLAUDE_CONFIG_DIR:-$HOME}/.claude.json key=${ANTHROPIC_API_KEY: -20} known='{}'
        [ ! -s "$file" ] || known=$(<"$file")
        [[ $known != *"$key"* ]] && command -v jq >/dev/null || return 0
        (umask 077 && jq --arg key "$key" '.customApiKeyResponses.approved += [$key]' <<<"$known" >"$file.$$") && mv "$file.$$" "$file" ||
                rm -f "$file.$$"
}
[[ ${ANTHROPIC_API_KEY-} != *-claude-microvm-placeholder-* ]] || approve_placeholder

# shellcheck disable=SC2034 # start is for who sources this
read -r agent start </run/claude-vm/credentials/claude-vm.agent || true
agent=/usr/lib/claude-vm/agents/$agent
# not by the link: the path of the host, wherever the share is
cd -P /work
