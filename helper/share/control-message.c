#include "helper/share/control-message.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "common/cleanup.h"
#include "common/runtime-path.h"
#include "common/unix-socket.h"

/* The widths below are those of the buffers. */
_Static_assert(SHARE_TAG_MAX == 16 && SHARE_RESULT_MAX == 63, "adapt the formats");

ControlMessage control_message_parse(const char *text) {
        ControlMessage m = { .word = CONTROL_UNKNOWN };
        int end = 0;

        if (strcmp(text, "SUSPEND") == 0) {
                m.word = CONTROL_SUSPEND;
                return m;
        }
        if (sscanf(text, "MEMORY=%9" SCNu64 "%n", &m.memory_mib, &end) == 1 && text[end] == '\0') {
                m.word = CONTROL_MEMORY;
                return m;
        }
        if (sscanf(text, "SHARE_STARTED=%16[a-z0-9_]", m.tag) == 1)
                m.word = CONTROL_SHARE_STARTED;
        else if (sscanf(text, "SHARE_EXITED=%16[a-z0-9_]\n%63[a-zA-Z0-9 ]", m.tag, m.result) == 2)
                m.word = CONTROL_SHARE_EXITED;
        if (!share_tag_is_valid(m.tag, strlen(m.tag)))
                m.word = CONTROL_UNKNOWN;
        return m;
}

void control_message_send(const char *runtime_dir, const char *id, const char *message) {
        _cleanup_close_ int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        _cleanup_free_ char *path = runtime_path_vm_file(runtime_dir, id, "control");

        if (fd >= 0 && path && unix_connect(fd, path) >= 0)
                (void) send(fd, message, strlen(message), MSG_NOSIGNAL);
}

void control_reply(int fd, const char *text) {
        if (fd >= 0)
                (void) send(fd, text, strlen(text), MSG_DONTWAIT | MSG_NOSIGNAL);
}
