# fish completion of claude-run(1). Verbs, options and their words are those of its --help, names those of its list.

# A line for each verb: VERB and its text, with a tab between.
function __claude_run_verbs
    claude-run --help 2>/dev/null | awk '
        /^[A-Z][a-z]*:$/ { here = $1 == "Verbs:"; next }
        here && /^  / {
            text = $0
            sub(/^  [^ ].*(  |\] )/, "", text)
            print $1 "\t" text
        }'
end

# A line for each spelling of an option: OPTION, its verbs (none: all), its value (none: it is a switch), the words
# that the value may be, and the text of the help, with tabs between.
function __claude_run_options
    claude-run --help 2>/dev/null | awk '
        /^[A-Z][a-z]*:$/ { part = $1; next }
        /^  / && (part == "Settings:" || part == "Options:") {
            text = $0
            sub(/^.*  /, "", text)
            verbs = part == "Settings:" ? "run, config" : ""
            if (match(text, /^[a-z]+(, [a-z]+)*: /)) {
                verbs = substr(text, 1, RLENGTH - 2)
                text = substr(text, RLENGTH + 1)
            }
            gsub(/,/, "", verbs)
            words = text ~ /^[a-z0-9]+(, [a-z0-9]+)* or [a-z0-9]+$/ ? text : ""
            gsub(/, | or /, " ", words)
            last = $2 ~ /^--/ ? 2 : 1
            value = $(last + 1) ~ /^[A-Z[]/ ? $(last + 1) : ""
            for (i = 1; i <= last; i++)
                print $i "\t" verbs "\t" value "\t" words "\t" text
        }'
end

# One column of an option's line.
function __claude_run_option -a option column
    __claude_run_options | awk -F '\t' -v option=$option -v column=$column '$1 == option { print $column }'
end

# Names of projects and VMs whose state is like a pattern; of all without one.
function __claude_run_names -a state
    set -q state[1]; or set state .
    claude-run list --brief 2>/dev/null | awk -v state=$state '$2 ~ state { print $1 }'
end

# What `cp` may take at the cursor: paths of a VM behind NAME:, else the VMs that run. One that does not run is not
# started for it.
function __claude_run_offer_remote_paths
    set -l word (commandline --current-token)
    set -l running (__claude_run_names '^active')
    if not string match --quiet '*:*' $word
        printf '%s:\n' $running
        return
    end
    set -l parts (string split --max 1 : $word)
    contains $parts[1] $running; or return
    claude-run exec $parts[1] -- sh -c 'cd /work && ls -1dp -- "$1"*' sh $parts[2] 2>/dev/null </dev/null |
        string replace --regex '^' $parts[1]:
end

# The ports that `ports NAME remove` takes.
function __claude_run_ports -a name
    claude-run ports $name 2>/dev/null | awk 'NR > 1 { sub(/.*:/, "", $2); print $2 }'
end

# The snapshots of a project's disk.
function __claude_run_snapshots -a name
    claude-run disk $name 2>/dev/null | awk '$1 == "snapshot" { print $2 }'
end

# The words between the program and the cursor that are no options or their values.
function __claude_run_plain_words
    set -l words (commandline --tokenize --cut-at-cursor --current-process)[2..]
    set -l skip no
    for word in $words
        if test $skip = yes
            set skip no
        else if not string match --quiet -- '-*' $word
            echo $word
        else if test -n "$(__claude_run_option $word 3)"
            set skip yes
        end
    end
end

# The verb of the line: the first word, or `run` if it is a name. Nothing without a word.
function __claude_run_verb
    set -l word (__claude_run_plain_words)[1]
    test -n "$word"; or return
    __claude_run_verbs | string split --fields 1 \t | string match -- $word; or echo run
end

# Options that the verb takes, with their texts; all of them as long as there is none.
function __claude_run_offer_options
    __claude_run_options | awk -F '\t' -v verb="$(__claude_run_verb)" '
        verb == "" || $2 == "" || index(" " $2 " ", " " verb " ") { print $1 "\t" $5 }'
end

# What may stand at the cursor in place of an option's value.
function __claude_run_offer_value -a option
    if test "$(__claude_run_option $option 3)" = DIR
        __fish_complete_directories (commandline --current-token)
    else
        __claude_run_option $option 4 | string split --no-empty ' '
    end
end

# What may stand there otherwise, by the verb and the number of words before.
function __claude_run_offer_words
    set -l words (__claude_run_plain_words)
    switch "$words[1]:$(count $words)"
        case ':0'
            __claude_run_verbs
            __claude_run_names
        case 'disk:1'
            __claude_run_names '^(inactive|failed)$'
        case 'disk:2'
            printf '%s\n' show\t'its size and copies' reset\t'empty it' snapshot\t'keep a copy' restore\t'bring a copy back' delete\t'remove a copy, or all'
        case 'disk:3'
            __claude_run_snapshots $words[2]
        case 'config:1'
            printf '%s\n' show\t'print what counts' edit\t'in your editor' new\t'for this directory' defaults\t'of all projects'
            __claude_run_names
        case 'config:2'
            echo defaults
            __claude_run_names
        case 'ports:1' 'network:1' 'set:1' 'changes:1' 'stop:*' 'restart:*' 'suspend:*'
            __claude_run_names '^(active|activating|reloading)$'
        case 'ports:2'
            printf '%s\n' add\t'host to guest' remove\t'end it' reverse\t'guest to host'
        case 'ports:*'
            test "$words[3]" != remove; or __claude_run_ports $words[2]
        case 'network:2'
            printf '%s\n' allow\t'let it reach' deny\t'no longer' mode\t'another mode'
        case 'network:3'
            test "$words[3]" != mode; or __claude_run_option --network 4 | string split --no-empty ' '
        case 'network:*'
        case 'set:*'
            printf '%s=\n' memory cpus cpuquota cpuweight memoryhigh memorymax memoryswapmax tasksmax
        case 'cp:*'
            __claude_run_offer_remote_paths
            __fish_complete_path (commandline --current-token)
        case 'start:*'
            __claude_run_names '^(inactive|failed|suspended)$'
        case 'resume:*' 'forget:*'
            __claude_run_names '^suspended$'
        case 'rm:*' 'rename:1'
            __claude_run_names '^(inactive|failed|broken|suspended)$'
        case '*:1'
            __claude_run_names
    end
end

function __claude_run_complete
    set -l before (commandline --tokenize --cut-at-cursor --current-process)
    # what follows -- is a command of the guest or the agent's
    if contains -- -- $before
        return
    end
    set -l previous $before[-1]
    if string match --quiet -- '-*' $previous; and test -n "$(__claude_run_option $previous 3)"
        __claude_run_offer_value $previous
    else if string match --quiet -- '-*' (commandline --current-token)
        __claude_run_offer_options
    else
        __claude_run_offer_words
    end
end

complete --command claude-run --no-files --arguments '(__claude_run_complete)'
