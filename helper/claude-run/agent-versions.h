/* Which agents a VM runs, and which its guest image has by now. */
#pragma once

#include "helper/claude-run/context.h"

/* "claude 2.1.331" and so on, as the helper noted it when it started the VM; `ret_image` is the directory of
 * its image, unless NULL. Owned; NULL: it does not run. */
char *agent_versions_running(const Context *c, const char *id, char **ret_image);

/* The image that was found last, what it was found by, and its agents: most VMs have the same one. Begins as
 * {}. */
typedef struct SeenImage {
        char *directory, *agent, *agents;
} SeenImage;

void seen_image_done(SeenImage *seen);

/* A sentence that says that the image has been replaced by one with other agents since the VM started.
 * Owned; NULL: it has not. */
char *agent_versions_remark(const Context *c, const char *id, SeenImage *seen);
