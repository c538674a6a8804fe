# bash completion of claude-run(1). Verbs and options are those of its --help, names those of its list.

# Prints the words of one part of the help: `Verbs` or `Options`, each with the word after it, if it is one.
_claude_run_help() {
        claude-run --help 2>/dev/null | awk -v part="$1:" '
                /^[A-Z][a-z]*:$/ { here = $1 == part; next }
                here && /^  / {
                        for (i = 1; i <= NF && i <= 2; i++)
                                if (part == "Verbs:" ? i == 1 : $i ~ /^-/)
                                        print $i, ($(i + 1) ~ /^[A-Z[]/ ? $(i + 1) : "")
                }'
}

_claude_run_names() {
        claude-run list 2>/dev/null | awk 'NR > 1 { print $1 }'
}

# The value that an option takes, as the help has it; nothing for a switch.
_claude_run_value() {
        _claude_run_help Options | awk -v option="$1" '$1 == option { print $2 }'
}

# The words between the program and the cursor that are no options or their values.
_claude_run_plain_words() {
        local i
        for ((i = 1; i < COMP_CWORD; i++)); do
                case ${COMP_WORDS[i]} in
                -*) [ -z "$(_claude_run_value "${COMP_WORDS[i]}")" ] || i=$((i + 1)) ;;
                *) printf '%s\n' "${COMP_WORDS[i]}" ;;
                esac
        done
}

# What may stand at the cursor, by the verb and the number of words before.
_claude_run_candidates() {
        local words
        mapfile -t words < <(_claude_run_plain_words)
        case ${words[0]:-}:${#words[@]} in
        :0) _claude_run_help Verbs | cut -d ' ' -f 1; _claude_run_names ;;
        config:1) printf '%s\n' show edit new; _claude_run_names ;;
        ports:2) printf '%s\n' add remove reverse ;;
        start:* | stop:* | restart:* | *:1 | config:2) _claude_run_names ;;
        esac
}

_claude_run() {
        local word=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]} value=
        COMPREPLY=()
        # what follows -- is a command of the guest or the agent's
        [[ " ${COMP_WORDS[*]:0:COMP_CWORD} " != *" -- "* ]] || return 0
        [[ $previous != -* ]] || value=$(_claude_run_value "$previous")
        if [ "$value" = DIR ]; then
                mapfile -t COMPREPLY < <(compgen -d -- "$word")
        elif [ -n "$value" ]; then
                return 0
        elif [[ $word == -* ]]; then
                mapfile -t COMPREPLY < <(compgen -W "$(_claude_run_help Options | cut -d ' ' -f 1)" -- "$word")
        else
                mapfile -t COMPREPLY < <(compgen -W "$(_claude_run_candidates)" -- "$word")
                [ "${COMP_WORDS[1]}" != cp ] || mapfile -t -O "${#COMPREPLY[@]}" COMPREPLY < <(compgen -f -- "$word")
        fi
}

complete -F _claude_run claude-run
