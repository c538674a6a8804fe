/* How claude-run says why it ends. */
#pragma once

#include "common/exit-status.h"

enum { EXIT_USAGE = 2, EXIT_LOST = 255 };

/* Prints `claude-run: ` and the sentence; returns `status`. */
int fail(int status, const char *format, ...) __attribute__((format(printf, 2, 3)));
