# bash completion of claude-run(1). Verbs, options and their words are those of its --help, names those of its list.

_claude_run_verbs() {
        claude-run --help 2>/dev/null | awk '/^[A-Z][a-z]*:$/ { here = $1 == "Verbs:"; next } here && /^  / { print $1 }'
}

# A line for each spelling of an option: OPTION, its verbs (none: all), its value (none: it is a switch) and the words
# that the value may be, with tabs between.
_claude_run_options() {
        claude-run --help 2>/dev/null | awk '
                /^[A-Z][a-z]*:$/ { part = $1; next }
                /^  / && (part == "Settings:" || part == "Options:") {
                        text = $0
                        sub(/^.*  /, "", text)
                        verbs = part == "Settings:" ? "run, config" : ""
                        if (match(text, /^[a-z]+(, [a-z]+)*: /))
                                verbs = substr(text, 1, RLENGTH - 2)
                        gsub(/,/, "", verbs)
                        words = text ~ /^[a-z0-9]+(, [a-z0-9]+)* or [a-z0-9]+$/ ? text : ""
                        gsub(/, | or /, " ", words)
                        last = $2 ~ /^--/ ? 2 : 1
                        value = $(last + 1) ~ /^[A-Z[]/ ? $(last + 1) : ""
                        for (i = 1; i <= last; i++)
                                print $i "\t" verbs "\t" value "\t" words
                }'
}

# Options that VERB takes; all of them as long as there is none.
_claude_run_options_of() {
        _claude_run_options | awk -F '\t' -v verb="$1" '
                verb == "" || $2 == "" || index(" " $2 " ", " " verb " ") { print $1 }'
}

# The value that an option takes, as the help has it; nothing for a switch.
_claude_run_value() {
        _claude_run_options | awk -F '\t' -v option="$1" '$1 == option { print $3 }'
}

# The words that it may be; nothing if others are allowed.
_claude_run_value_words() {
        _claude_run_options | awk -F '\t' -v option="$1" '$1 == option { print $4 }'
}

# Names of projects and VMs whose state is like a pattern; of all without one.
_claude_run_names() {
        claude-run list --brief 2>/dev/null | awk -v state="${1:-.}" '$2 ~ state { print $1 }'
}

# Paths in a VM that begin with a word. One that does not run is not started for it.
_claude_run_remote_paths() {
        _claude_run_names '^active' | grep --quiet --line-regexp --fixed-strings -e "$1" || return 0
        # shellcheck disable=SC2016 # the guest's shell expands it
        claude-run exec "$1" -- sh -c 'cd /work && ls -1dp -- "$1"*' sh "$2" 2>/dev/null </dev/null
}

# The ports that `ports NAME remove` takes.
_claude_run_ports() {
        claude-run ports "$1" 2>/dev/null | awk 'NR > 1 { sub(/.*:/, "", $2); print $2 }'
}

# The snapshots of a project's disk.
_claude_run_snapshots() {
        claude-run disk "$1" 2>/dev/null | awk '$1 == "snapshot" { print $2 }'
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

# The verb of the line: the first word, or `run` if it is a name. Nothing without a word.
_claude_run_verb() {
        local word
        word=$(_claude_run_plain_words | head -n 1)
        [ -n "$word" ] || return 0
        _claude_run_verbs | grep --line-regexp --fixed-strings -e "$word" || echo run
}

# What may stand at the cursor, by the verb and the number of words before.
_claude_run_candidates() {
        local words
        mapfile -t words < <(_claude_run_plain_words)
        case ${words[0]:-}:${#words[@]} in
        :0) _claude_run_verbs; _claude_run_names ;;
        disk:1) _claude_run_names '^(inactive|failed)$' ;;
        disk:2) printf '%s\n' show reset snapshot restore delete ;;
        disk:3) _claude_run_snapshots "${words[1]}" ;;
        config:1) printf '%s\n' show edit new defaults; _claude_run_names ;;
        config:2) echo defaults; _claude_run_names ;;
        ports:1 | network:1 | set:1 | changes:1 | stop:* | restart:*) _claude_run_names '^(active|activating|reloading)$' ;;
        ports:2) printf '%s\n' add remove reverse ;;
        ports:*) [ "${words[2]}" != remove ] || _claude_run_ports "${words[1]}" ;;
        network:2) printf '%s\n' allow deny mode ;;
        network:3) [ "${words[2]}" != mode ] || _claude_run_value_words --network | tr ' ' '\n' ;;
        set:*) printf '%s=\n' memory cpus cpuquota cpuweight memoryhigh memorymax memoryswapmax tasksmax ;;
        start:*) _claude_run_names '^(inactive|failed|suspended)$' ;;
        resume:* | forget:*) _claude_run_names '^suspended$' ;;
        suspend:*) _claude_run_names '^(active|activating|reloading)$' ;;
        rm:* | rename:1) _claude_run_names '^(inactive|failed|broken|suspended)$' ;;
        *:1) _claude_run_names ;;
        esac
}

# The lines that begin with WORD, after PREFIX, as words of a command line: _claude_run_quoted WORD [PREFIX]. A guest may
# have chosen the names, also those of files here. Inside of quotes other letters count, so only plain names come there.
_claude_run_quoted() {
        local line quoted
        while IFS= read -r line; do
                [[ -n $line && $line == "$1"* && $line != *[![:print:]]* ]] || continue
                printf -v quoted %q "$line"
                # which the shell expands, because it was typed
                # shellcheck disable=SC2088
                [[ $line != '~'/?* ]] || printf -v quoted '~/%q' "${line:2}"
                [[ -z ${quote:-} || $quoted == "$line" ]] || continue
                printf '%s%s\n' "${2:-}" "$quoted"
        done
}

# The word at the cursor of `cp`: the path behind NAME:, which readline takes for words of their own, or a word here.
_claude_run_copied() {
        local name='' prefix='' i=$((COMP_CWORD - 1))
        if [[ $word == : ]]; then
                name=${COMP_WORDS[i]} word=''
        elif [[ ${COMP_WORDS[i]} == : ]]; then
                name=${COMP_WORDS[i - 1]}
        elif [[ $word == *:* ]]; then
                name=${word%%:*} prefix=${word%%:*}: word=${word#*:}
        fi
        compopt -o nospace 2>/dev/null || true
        if [[ -z $name && -n $quote ]]; then
                # readline quotes names of files
                compopt -o filenames 2>/dev/null || true
                mapfile -t COMPREPLY < <(compgen -f -- "$word")
                return 0
        fi
        # without its backslashes
        # shellcheck disable=SC2162
        IFS='' read word <<<"$word" || true
        if [ -n "$name" ]; then
                mapfile -t COMPREPLY < <(_claude_run_remote_paths "$name" "$word" | _claude_run_quoted "$word" "$prefix")
        else
                mapfile -t COMPREPLY < <({ _claude_run_names '^active' | sed 's/$/:/'; compgen -f -- "$word"; } | _claude_run_quoted "$word")
        fi
        return 0
}

_claude_run() {
        local word=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]} value='' quote=''
        COMPREPLY=()
        # what follows -- is a command of the guest or the agent's
        [[ " ${COMP_WORDS[*]:0:COMP_CWORD} " != *" -- "* ]] || return 0
        [[ $word != [\"\']* ]] || quote=${word:0:1} word=${word:1}
        [[ $previous != -* ]] || value=$(_claude_run_value "$previous")
        if [ "$value" = DIR ]; then
                # readline quotes names of files
                compopt -o filenames 2>/dev/null || true
                mapfile -t COMPREPLY < <(compgen -d -- "$word")
        elif [ -n "$value" ]; then
                mapfile -t COMPREPLY < <(_claude_run_value_words "$previous" | tr ' ' '\n' | _claude_run_quoted "$word")
        elif [[ $word == -* ]]; then
                mapfile -t COMPREPLY < <(_claude_run_options_of "$(_claude_run_verb)" | _claude_run_quoted "$word")
        elif [ "$(_claude_run_verb)" = cp ]; then
                _claude_run_copied
        else
                mapfile -t COMPREPLY < <(_claude_run_candidates | _claude_run_quoted "$word")
                # a value follows
                [[ ${COMPREPLY[*]:-} != *= ]] || compopt -o nospace 2>/dev/null || true
        fi
}

complete -F _claude_run claude-run
