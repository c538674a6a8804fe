/* QEMU's monitor, when QEMU is a guest's. */

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/printable.h"
#include "helper/vm/qmp.h"
#include "helper/vm/vm.h"

typedef struct State {
        Qmp *qmp;
        bool closed;
} State;

static void on_reply(void *userdata, sd_json_variant *result, const char *error) {
}

static void on_ready(void *userdata, const char *version) {
        State *s = userdata;

        if (strlen(version) >= QMP_VERSION_MAX || printable_check(version))
                abort();
        (void) qmp_execute(s->qmp, "human-monitor-command", "command-line", "info version", on_reply);
}

static void on_event(void *userdata, const char *name, sd_json_variant *data) {
        if (!name)
                abort();
}

static void on_closed(void *userdata, const char *why) {
        State *s = userdata;

        if (s->closed)
                abort();
        s->closed = true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        static const QmpHandlers handlers = { on_ready, on_event, on_closed };
        sd_event *event = NULL;
        State s = {};
        int fds[2];

        if (size > 60000 || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) < 0)
                return 0;
        if (sd_event_new(&event) < 0 || qmp_new(event, fds[0], &handlers, &s, &s.qmp) < 0)
                abort();
        if (write(fds[1], data, size) != (ssize_t) size)
                abort();
        shutdown(fds[1], SHUT_WR);
        while (!s.closed && sd_event_run(event, 0) > 0)
                ;
        qmp_free(s.qmp);
        sd_event_unref(event);
        close(fds[1]);
        return 0;
}
