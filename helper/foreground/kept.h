/* The keeper in its own process. */
#pragma once

#include "helper/foreground/keeper.h"

#define KEPT_WHY_MAX 640U
#define KEPT_LOG_MAX 16384U /* of the last lines that are kept */

/* Starts the VM, writes a line end to `fd` when it is ready, and ends the VM at the end of that socket. Then
 * it writes why, a line end and the log, unless nobody reads it. */
void __attribute__((noreturn)) keep(const KeeperConfig *config, int fd);
