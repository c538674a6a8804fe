/* What a service's standard output or error is connected to. */
#pragma once

#include <stdbool.h>

/* True if `stream`, the value of $JOURNAL_STREAM or NULL, names the descriptor. The variable is inherited by
 * programs whose output goes elsewhere, so what it names counts (systemd.exec(5)). */
bool journal_stream_is(int fd, const char *stream);
