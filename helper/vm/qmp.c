#include "helper/vm/qmp.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "common/cleanup.h"
#include "common/printable.h"
#include "common/unix-socket.h"
#include "helper/json.h"

/* A command that waits for a reply; QEMU answers in order. More than a handful is a bug of ours. */
#define PENDING_MAX 16

struct Qmp {
        int fd;
        sd_event_source *source;
        QmpHandlers handlers;
        void *userdata;
        qmp_reply_handler pending[PENDING_MAX];
        unsigned n_pending;
        bool greeted;
        char *buffer; /* an incomplete line */
        size_t size;
};

static void close_connection(Qmp *qmp, const char *why) {
        qmp->source = sd_event_source_disable_unref(qmp->source);
        qmp->handlers.closed(qmp->userdata, why);
}

static unsigned version_number(sd_json_variant *version, const char *name) {
        sd_json_variant *number = sd_json_variant_by_key(version, name);

        return number && sd_json_variant_is_unsigned(number) ? (unsigned) sd_json_variant_unsigned(number)
                                                             : 0;
}

/* "10.0.13 (Debian 1:10.0.13+ds-0+deb13u2)"; a version without a package has none. */
static void print_version(
                sd_json_variant *qemu, sd_json_variant *package, char ret[static QMP_VERSION_MAX]) {
        const char *text =
                        package && sd_json_variant_is_string(package) ? sd_json_variant_string(package) : "";

        snprintf(ret, QMP_VERSION_MAX, "%u.%u.%u%s%s%s", version_number(qemu, "major"),
                        version_number(qemu, "minor"), version_number(qemu, "micro"), text[0] ? " (" : "",
                        text, text[0] ? ")" : "");
        printable_clean(ret);
}

static void greet(Qmp *qmp, sd_json_variant *greeting) {
        sd_json_variant *version = sd_json_variant_by_key(greeting, "version"),
                        *qemu = version ? sd_json_variant_by_key(version, "qemu") : NULL;
        char text[QMP_VERSION_MAX];
        int r;

        if (!qemu || !sd_json_variant_is_object(qemu)) {
                close_connection(qmp, "its greeting has no version");
                return;
        }
        qmp->greeted = true;
        r = qmp_execute(qmp, "qmp_capabilities", NULL, NULL, NULL);
        /* it may have ended meanwhile */
        if (r < 0)
                close_connection(qmp, r == -EPIPE ? "end of file" : "it takes no command");
        else {
                print_version(qemu, sd_json_variant_by_key(version, "package"), text);
                qmp->handlers.ready(qmp->userdata, text);
        }
}

static void reply(Qmp *qmp, sd_json_variant *result, sd_json_variant *error) {
        sd_json_variant *text = error ? sd_json_variant_by_key(error, "desc") : NULL;
        qmp_reply_handler handler;

        if (qmp->n_pending == 0) {
                close_connection(qmp, "it replied to no command of ours");
                return;
        }
        handler = qmp->pending[0];
        qmp->n_pending--;
        memmove(qmp->pending, qmp->pending + 1, qmp->n_pending * sizeof(*qmp->pending));
        if (handler)
                handler(qmp->userdata, result,
                                !error ? NULL
                                                : text && sd_json_variant_is_string(text)
                                                ? sd_json_variant_string(text)
                                                : "unknown error");
}

static void handle_message(Qmp *qmp, sd_json_variant *message) {
        sd_json_variant *v;

        if (!sd_json_variant_is_object(message))
                close_connection(qmp, "it sent something other than an object");
        else if ((v = sd_json_variant_by_key(message, "QMP")) && !qmp->greeted)
                greet(qmp, v);
        else if (!qmp->greeted)
                close_connection(qmp, "it does not begin with a greeting");
        else if ((v = sd_json_variant_by_key(message, "event")) && sd_json_variant_is_string(v))
                qmp->handlers.event(qmp->userdata, sd_json_variant_string(v),
                                sd_json_variant_by_key(message, "data"));
        else if ((v = sd_json_variant_by_key(message, "return")))
                reply(qmp, v, NULL);
        else if ((v = sd_json_variant_by_key(message, "error")))
                reply(qmp, NULL, v);
}

static void handle_line(Qmp *qmp, const char *line) {
        _cleanup_json_ sd_json_variant *message = NULL;

        if (line[strspn(line, " \r\t")] == '\0')
                return;
        if (sd_json_parse(line, 0, &message, NULL, NULL) < 0)
                close_connection(qmp, "it sent invalid JSON");
        else
                handle_message(qmp, message);
}

/* The lines in the buffer; the rest moves to its beginning. A handler may close the connection. */
static void handle_buffer(Qmp *qmp) {
        char *start = qmp->buffer, *newline;

        while (qmp->source && (newline = memchr(start, '\n', qmp->size - (size_t) (start - qmp->buffer)))) {
                *newline = '\0';
                handle_line(qmp, start);
                start = newline + 1;
        }
        qmp->size -= (size_t) (start - qmp->buffer);
        memmove(qmp->buffer, start, qmp->size);
        if (qmp->source && qmp->size == QMP_LINE_MAX)
                close_connection(qmp, "it sent a message that is too long");
}

static int on_readable(sd_event_source *source, int fd, uint32_t revents, void *userdata) {
        Qmp *qmp = userdata;
        ssize_t n = recv(fd, qmp->buffer + qmp->size, QMP_LINE_MAX - qmp->size, MSG_DONTWAIT);

        if (n < 0 && (errno == EAGAIN || errno == EINTR))
                return 0;
        if (n <= 0) {
                /* a QEMU that ends with our words unread resets the connection */
                close_connection(qmp, n < 0 && errno != ECONNRESET ? strerror(errno) : "end of file");
                return 0;
        }
        qmp->size += (size_t) n;
        handle_buffer(qmp);
        return 0;
}

int qmp_new(sd_event *event, int fd, const QmpHandlers *handlers, void *userdata, Qmp **ret) {
        Qmp *qmp = calloc(1, sizeof(Qmp));
        int r;

        if (!qmp)
                return -ENOMEM;
        qmp->fd = -EBADF;
        qmp->handlers = *handlers;
        qmp->userdata = userdata;
        qmp->buffer = malloc(QMP_LINE_MAX);
        r = qmp->buffer ? sd_event_add_io(event, &qmp->source, fd, EPOLLIN, on_readable, qmp) : -ENOMEM;
        if (r < 0) {
                qmp_free(qmp);
                return r;
        }
        qmp->fd = fd;
        *ret = qmp;
        return 0;
}

Qmp *qmp_free(Qmp *qmp) {
        if (!qmp)
                return NULL;
        sd_event_source_disable_unref(qmp->source);
        if (qmp->fd >= 0)
                close(qmp->fd);
        free(qmp->buffer);
        free(qmp);
        return NULL;
}

/* Small, and QEMU reads: if it does not fit, QEMU hangs. */
static int send_text(int socket, const char *text, int fd) {
        ssize_t n;

        if (fd >= 0)
                return unix_send_text_fd(socket, text, fd);
        n = send(socket, text, strlen(text), MSG_DONTWAIT | MSG_NOSIGNAL);
        return n == (ssize_t) strlen(text) ? 0 : n < 0 ? -errno : -EAGAIN;
}

int qmp_send(Qmp *qmp, const char *command, sd_json_variant *arguments, int fd, qmp_reply_handler handler) {
        _cleanup_json_ sd_json_variant *message = NULL;
        _cleanup_free_ char *text = NULL;
        int r;

        if (!qmp->source || qmp->n_pending == PENDING_MAX)
                return -ENOTCONN;
        r = sd_json_buildo(&message, SD_JSON_BUILD_PAIR_STRING("execute", command),
                        SD_JSON_BUILD_PAIR_CONDITION(
                                        !!arguments, "arguments", SD_JSON_BUILD_VARIANT(arguments)));
        if (r >= 0)
                r = sd_json_variant_format(message, SD_JSON_FORMAT_NEWLINE, &text);
        if (r >= 0)
                r = send_text(qmp->fd, text, fd);
        if (r < 0)
                return r;
        qmp->pending[qmp->n_pending++] = handler;
        return 0;
}

int qmp_execute(Qmp *qmp, const char *command, const char *name, const char *value,
                qmp_reply_handler handler) {
        _cleanup_json_ sd_json_variant *arguments = NULL;
        int r = name ? sd_json_buildo(&arguments, SD_JSON_BUILD_PAIR_STRING(name, value)) : 0;

        return r < 0 ? r : qmp_send(qmp, command, arguments, -EBADF, handler);
}
