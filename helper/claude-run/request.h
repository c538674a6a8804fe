/* Ad-hoc VMs: a request is an ini in the runtime directory whose name is a fresh UUID. */
#pragma once

#include <stdbool.h>
#include <systemd/sd-id128.h>

#include "helper/claude-run/context.h"

typedef struct Request {
        char id[SD_ID128_UUID_STRING_MAX];
        int owner_fd; /* as long as it is open we are the owner, see helper/request/owner.h */
} Request;

/* Writes the request of a VM on `directory` with the options' settings and lets the generator make its
 * units. `base`: a project whose ini it begins with, or NULL. `session`: the agent is for a session to
 * start, and the VM ends with its owner. 0 or an exit status; nothing is left after a failure. */
int request_make(Context *c, const char *directory, const ProjectEntry *base, bool session, Request *ret);

/* Releases the request: from now on the unit cleans it up. */
void request_done(Request *request);
