#include "helper/claude-run/take-signal.h"

void take_signal(int sig, const struct sigaction *action) {
        struct sigaction before;

        if (sigaction(sig, NULL, &before) == 0 && before.sa_handler != SIG_IGN)
                sigaction(sig, action, NULL);
}
