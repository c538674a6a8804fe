#include "helper/claude-run/agent-versions.h"

#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/path.h"
#include "common/runtime-path.h"
#include "common/strjoin.h"
#include "common/whole-file.h"
#include "helper/claude-run/memory.h"
#include "helper/host/guest-image.h"

#define GUEST_FILE_MAX 8192U

/* What the helper has noted, in a directory that goes with the VM: a line each. */
char *agent_versions_running(const Context *c, const char *id, char **ret_image) {
        _cleanup_free_ char *path = NEED(runtime_path_vm_file(c->runtime_dir, id, "guest")), *text = NULL;
        char *rest, *agents, *image;

        if (whole_file_read(path, GUEST_FILE_MAX, &text) < 0)
                return NULL;
        rest = text;
        agents = strsep(&rest, "\n");
        image = rest ? strsep(&rest, "\n") : NULL;
        if (ret_image)
                *ret_image = NEED(strdup(image ?: ""));
        return NEED(strdup(agents));
}

void seen_image_done(SeenImage *seen) {
        free(seen->directory);
        free(seen->agent);
        free(seen->agents);
}

/* Finds the image in `directory` by the first agent that the VM runs. Returns the agents of the image,
 * borrowed from `seen`, or NULL if there is no such image. */
static const char *agents_of(const char *directory, const char *runs, SeenImage *seen) {
        _cleanup_free_ char *agent = NEED(strndup(runs, strcspn(runs, " "))), *why = NULL, *data = NULL;
        _cleanup_guest_image_ GuestImage *image = NULL;

        if (seen->directory && strcmp(seen->directory, directory) == 0 && strcmp(seen->agent, agent) == 0)
                return seen->agents;
        data = NEED(path_xdg("XDG_DATA_HOME", "/.local/share"));
        if (guest_image_find(directory, agent, data, &image, &why) < 0)
                return NULL;
        seen_image_done(seen);
        *seen = (SeenImage) { NEED(strdup(directory)), TAKE_PTR(agent), NEED(strdup(image->agents)) };
        return seen->agents;
}

char *agent_versions_remark(const Context *c, const char *id, SeenImage *seen) {
        _cleanup_free_ char *directory = NULL, *runs = agent_versions_running(c, id, &directory);
        const char *agents = runs ? agents_of(directory, runs, seen) : NULL;

        if (!agents || strcmp(agents, runs) == 0)
                return NULL;
        return NEED(strjoin("It runs ", runs, "; its guest image has ", agents,
                        " by now, for the next start: claude-run restart ", id, NULL));
}
