#include "helper/share/control-message.h"

#include <stdio.h>

/* The widths below are those of the buffers. */
_Static_assert(SHARE_TAG_MAX == 16 && SHARE_RESULT_MAX == 63, "adapt the formats");

ControlMessage control_message_parse(const char *text) {
        ControlMessage m = { .word = CONTROL_UNKNOWN };

        if (sscanf(text, "SHARE_STARTED=%16[a-z0-9_]", m.tag) == 1)
                m.word = CONTROL_SHARE_STARTED;
        else if (sscanf(text, "SHARE_EXITED=%16[a-z0-9_]\n%63[a-zA-Z0-9 ]", m.tag, m.result) == 2)
                m.word = CONTROL_SHARE_EXITED;
        return m;
}
