#include "helper/foreground-mode.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <unistd.h>

static pid_t parent;

bool foreground_mode(void) {
        return getenv(FOREGROUND_VARIABLE);
}

void foreground_set_parent(pid_t pid) {
        parent = pid;
}

void foreground_bind(void) {
        if (!foreground_mode())
                return;
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        /* the kernel sends no signal if the parent ended before the call */
        if (getppid() != parent)
                _exit(EXIT_FAILURE);
}
