# What every shell of the guest begins with: a login shell, an interactive one, and one that sshd runs a command with.
# Sourced, by sh too; no program is run, since each costs tens of ms under emulation.

. /usr/lib/claude-vm/command.sh

# Where npm, pipx, uv and others install for one user; it lies in the home, which stays.
case :$PATH: in
*":$HOME/.local/bin:"*) ;;
*) PATH=$HOME/.local/bin:$PATH ;;
esac

# The user's terminal, if no description here knows it: nearly all of today's are like this one.
claude_vm_term=${TERM:-dumb}
claude_vm_term=${claude_vm_term%"${claude_vm_term#?}"}/$claude_vm_term
for claude_vm_directory in "$HOME/.terminfo" /etc/terminfo /lib/terminfo /usr/share/terminfo \
        /run/current-system/sw/share/terminfo ''; do
        [ ! -e "$claude_vm_directory/$claude_vm_term" ] || break
done
[ -n "$claude_vm_directory" ] || export TERM=xterm-256color
unset claude_vm_term claude_vm_directory
