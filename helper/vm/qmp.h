/* A client of the QEMU Machine Protocol on an sd_event loop. QEMU may be under a guest's control, so
 * what it says is bounded and checked. */
#pragma once

#include <stddef.h>
#include <systemd/sd-event.h>
#include <systemd/sd-json.h>

#define QMP_LINE_MAX (64U * 1024U) /* bytes of a message */

typedef struct Qmp Qmp;

/* The reply to a command: `result` is its "return", borrowed; `error` is NULL or its description. */
typedef void (*qmp_reply_handler)(void *userdata, sd_json_variant *result, const char *error);

typedef struct QmpHandlers {
        /* the greeting has come and commands may be sent; QEMU's version, as its package has it */
        void (*ready)(void *userdata, const char *version);
        void (*event)(void *userdata, const char *name, sd_json_variant *data);
        /* the connection is lost: end of file, or something that is not QMP */
        void (*closed)(void *userdata, const char *why);
} QmpHandlers;

/* Takes `fd`, a connected socket. 0, negative errno. */
int qmp_new(sd_event *event, int fd, const QmpHandlers *handlers, void *userdata, Qmp **ret);
Qmp *qmp_free(Qmp *qmp);

#define QMP_VERSION_MAX 96U /* bytes of a version, with its NUL */

/* Sends `{"execute": command, "arguments": arguments}`, where `arguments` is borrowed and may be NULL, and a
 * copy of the descriptor `fd` with it unless that is negative. Otherwise as below. */
int qmp_send(Qmp *qmp, const char *command, sd_json_variant *arguments, int fd, qmp_reply_handler handler);

/* Sends `{"execute": command}`, or with one string argument if `name` is not NULL. Replies come in the
 * order of the commands; `handler` may be NULL. 0, negative errno. */
int qmp_execute(Qmp *qmp, const char *command, const char *name, const char *value,
                qmp_reply_handler handler);
