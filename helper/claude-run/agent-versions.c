#include "helper/claude-run/agent-versions.h"

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

/* An image has an agent to be found by: the first of those that the VM runs. */
char *agent_versions_remark(const Context *c, const char *id) {
        _cleanup_free_ char *directory = NULL, *runs = agent_versions_running(c, id, &directory),
                            *agent = runs ? NEED(strndup(runs, strcspn(runs, " "))) : NULL, *why = NULL,
                            *data = NEED(path_xdg("XDG_DATA_HOME", "/.local/share"));
        _cleanup_guest_image_ GuestImage *image = NULL;

        if (!runs || guest_image_find(directory, agent, data, &image, &why) < 0 ||
                        strcmp(image->agents, runs) == 0)
                return NULL;
        return NEED(strjoin("It runs ", runs, "; its guest image has ", image->agents,
                        " by now, for the next start: claude-run restart ", id, NULL));
}
