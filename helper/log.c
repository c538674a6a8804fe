#define SD_JOURNAL_SUPPRESS_LOCATION

#include "helper/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <systemd/sd-daemon.h>
#include <systemd/sd-journal.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/journal-stream.h"
#include "common/printable.h"
#include "common/unix-socket.h"

#define IDENTIFIER "claude-vm-helper"

static const char *vm_id = "";
static const char *vm_uuid = "";
static const char *vm_directory = "";
static int notify_fd = -EBADF;

void log_set_vm(const char *id, const char *uuid) {
        vm_id = id;
        vm_uuid = uuid;
}

void log_set_directory(const char *directory) {
        vm_directory = directory;
}

static bool has_journal(void) {
        static enum { UNKNOWN, NO, YES } known;

        if (known == UNKNOWN)
                known = journal_stream_is(STDERR_FILENO, getenv("JOURNAL_STREAM")) ? YES : NO;
        return known == YES;
}

void log_line(int priority, const char *identifier, const char *line) {
        if (!has_journal() ||
                        sd_journal_send("PRIORITY=%d", priority, "SYSLOG_IDENTIFIER=%s", identifier,
                                        "CLAUDE_VM=%s", vm_id, "CLAUDE_VM_UUID=%s", vm_uuid,
                                        "CLAUDE_VM_DIRECTORY=%s", vm_directory, "MESSAGE=%s", line,
                                        NULL) < 0)
                fprintf(stderr, "%s: %s\n", identifier, line);
}

void log_network(const LogNetwork *entry) {
        if (!has_journal() ||
                        sd_journal_send("PRIORITY=%d", LOG_INFO, "SYSLOG_IDENTIFIER=" IDENTIFIER,
                                        "CLAUDE_VM=%s", vm_id, "CLAUDE_VM_UUID=%s", vm_uuid,
                                        "CLAUDE_VM_NETWORK_VERDICT=%s", entry->verdict,
                                        "CLAUDE_VM_NETWORK_NAME=%s", entry->name,
                                        "CLAUDE_VM_NETWORK_ADDRESS=%s", entry->address,
                                        "CLAUDE_VM_NETWORK_PROTOCOL=%s", entry->protocol,
                                        "CLAUDE_VM_NETWORK_PORT=%u", entry->port, "MESSAGE=%s", entry->line,
                                        NULL) < 0)
                fprintf(stderr, IDENTIFIER ": %s\n", entry->line);
}

/* A sentence of ours, cleaned: a path in it may have a name that a guest has chosen, and in a message for
 * systemd a line end would begin another word of the protocol. Owned; NULL without memory. */
static char *__attribute__((format(printf, 1, 0))) print_sentence(const char *format, va_list ap) {
        char *line;

        if (vasprintf(&line, format, ap) < 0)
                return NULL;
        printable_clean(line);
        return line;
}

int log_hold_notify(void) {
        _cleanup_close_ int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        const char *path = getenv("NOTIFY_SOCKET");
        int r;

        if (!path)
                return 0;
        if (fd < 0)
                return -errno;
        r = unix_connect(fd, path);
        if (r < 0)
                return r;
        /* out of the way of the numbers that a program is given */
        notify_fd = fcntl(fd, F_DUPFD_CLOEXEC, 10);
        return notify_fd < 0 ? -errno : 0;
}

void log_notify(const char *words) {
        if (notify_fd >= 0)
                (void) send(notify_fd, words, strlen(words), MSG_NOSIGNAL);
        else
                sd_notify(0, words);
}

static void notify_status(const char *line) {
        _cleanup_free_ char *words = NULL;

        if (asprintf(&words, "STATUS=%s", line) >= 0)
                log_notify(words);
        else
                words = NULL;
}

/* The words go to systemd too if they are the unit's `status`. */
static void __attribute__((format(printf, 3, 0))) say(
                int priority, bool status, const char *format, va_list ap) {
        _cleanup_free_ char *line = print_sentence(format, ap);

        if (!line)
                return;
        if (status)
                notify_status(line);
        log_line(priority, IDENTIFIER, line);
}

void log_message(int priority, const char *format, ...) {
        va_list ap;

        va_start(ap, format);
        say(priority, false, format, ap);
        va_end(ap);
}

void log_status(int priority, const char *format, ...) {
        va_list ap;

        va_start(ap, format);
        say(priority, true, format, ap);
        va_end(ap);
}
