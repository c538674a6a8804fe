# The project's dev shell, for the agent and for sessions; sourced where the VM has one
# (/run/claude-vm/devshell is there). Its script runs once, in a shell of its own: what it
# exports is kept, and one that fails, hangs or exits keeps nobody from starting.

devshell_file=/run/claude-vm/agent/devshell

# devshell_run COMMAND…: its standard output, if it ends well within two minutes
devshell_run() {
        (cd -P /work && exec timeout 120 env -i HOME=/home/claude USER=claude SHELL=/bin/bash LANG="${LANG:-C.UTF-8}" TERM=dumb \
                PATH=/usr/local/bin:/usr/bin:/bin:/usr/local/sbin:/usr/sbin:/sbin "$@") </dev/null
}

# What is the session's own stays as it is.
devshell_print='export -n HOME USER SHELL LANG TERM PWD OLDPWD SHLVL _ TMPDIR TMP TEMP TEMPDIR; export -p'

# The guest's own direnv, if it has one and the host could not do it.
devshell_direnv() {
        local directory project
        command -v direnv >/dev/null || return 1
        # what direnv sets names the project by its path of the host
        project=$(realpath /work) directory=$project
        if [ ! -e "$project/.envrc" ]; then
                [ -e "$project/flake.nix" ] || return 1
                directory=/run/claude-vm/agent/direnv
                mkdir -p $directory
                printf 'use flake %q\n' "$project" >$directory/.envrc
        fi
        devshell_run direnv allow "$directory/.envrc" && devshell_run direnv exec "$directory" bash -c "$devshell_print"
}

devshell_make() {
        if [ -s /run/claude-vm/devshell ]; then
                # shellcheck disable=SC2016 # for the other shell
                devshell_run bash -c '. /run/claude-vm/devshell >&2; '"$devshell_print"
        else
                devshell_direnv
        fi
}

# Once, by the first who comes; the others wait. Root's sessions go without. A daemon that the shell starts does not get the
# lock, because it would keep that for ever.
if [ -O /run/claude-vm/agent ]; then
        [ -e $devshell_file ] || (
                flock 8
                [ ! -e $devshell_file ] || exit 0
                devshell_make >$devshell_file.new 8>&- || {
                        echo "The dev shell could not be set up; the guest's own tools are there" >&2
                        : >$devshell_file.new
                }
                mv $devshell_file.new $devshell_file
        ) 8>$devshell_file.lock || true
        # shellcheck source=/dev/null
        [ ! -e $devshell_file ] || . $devshell_file
        # the project's own variables count for more
        while IFS= read -r -d '' devshell_variable; do
                export "${devshell_variable?}"
        done </run/claude-vm/credentials/claude-vm.environment
fi
unset devshell_file devshell_print devshell_variable
unset -f devshell_run devshell_direnv devshell_make
