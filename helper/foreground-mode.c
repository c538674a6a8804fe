#include "helper/foreground-mode.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>

bool foreground_mode(void) {
        return getenv(FOREGROUND_VARIABLE);
}

void foreground_bind(void) {
        if (foreground_mode())
                prctl(PR_SET_PDEATHSIG, SIGKILL);
}
