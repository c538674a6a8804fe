/* What programs of ours say to the helper of a VM, over its socket `control`. */
#pragma once

#include <stdint.h>

#include "common/share-tag.h"

#define CONTROL_MESSAGE_MAX 256
#define SHARE_RESULT_MAX 63

typedef struct ControlMessage {
        enum {
                CONTROL_UNKNOWN,
                CONTROL_SHARE_STARTED,
                CONTROL_SHARE_EXITED,
                CONTROL_SUSPEND,
                CONTROL_MEMORY
        } word;
        char tag[SHARE_TAG_MAX + 1];
        char result[SHARE_RESULT_MAX + 1]; /* "was killed by signal KILL" */
        uint64_t memory_mib;
} ControlMessage;

/* "SHARE_STARTED=TAG" from our own `virtiofsd`, "SHARE_EXITED=TAG\nwas killed by signal KILL" from
 * `share-exited`, "SUSPEND" and "MEMORY=MIB" from helper/suspend/request.c. */
ControlMessage control_message_parse(const char *text);

/* The messages are in helper/vm/shares.c. A missing helper is not an error. */
void control_message_send(const char *runtime_dir, const char *id, const char *message);

/* Answers on the socket that came with a request. A negative descriptor: nobody waits. */
void control_reply(int fd, const char *text);
