/* Handlers of signals. */
#pragma once

#include <signal.h>

/* Installs a handler, unless our parent has the signal ignored, as nohup(1) does: then it stays so. */
void take_signal(int sig, const struct sigaction *action);
