/* The journal, with the fields that tell one VM's lines from another's; stderr where there is no journal. */
#pragma once

#include <stdbool.h>
#include <syslog.h>

/* The VM that the lines are about. Borrowed; set once. */
void log_set_vm(const char *id, const char *uuid);

/* Its work directory, by which claude-run finds the journal of a VM that has ended. Borrowed; set once. */
void log_set_directory(const char *directory);

/* Connects to systemd, for a process that enters a root in which systemd's socket must have no name: what it
 * executes there does not get the connection. 0, also without systemd; negative errno. */
int log_hold_notify(void);

/* sd_notify(), over that connection if there is one. */
void log_notify(const char *words);

/* A line of our own. */
void log_message(int priority, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Logs a line of our own that also becomes the unit's status, which `systemctl status` shows. */
void log_status(int priority, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Logs a line of another program: `identifier` names it ("claude-vm-guest", "qemu"). */
void log_line(int priority, const char *identifier, const char *line);

/* A verdict on the guest's network, with fields of its own: CLAUDE_VM_NETWORK_VERDICT=, _NAME=, _ADDRESS=,
 * _PROTOCOL=, _PORT=. */
typedef struct LogNetwork {
        const char *verdict, *name, *address, *protocol;
        unsigned port;
        const char *line;
} LogNetwork;

void log_network(const LogNetwork *entry);
