# A command of the agent's, and a session: when memory is short the kernel takes them before the agent, whose unit
# has a lower score than this. Sourced by each bash that runs a command, and by login.sh.
read -r claude_vm_score <"/proc/$$/oom_score_adj" && [ "$claude_vm_score" -ge 0 ] ||
        echo 0 >"/proc/$$/oom_score_adj"
unset claude_vm_score
