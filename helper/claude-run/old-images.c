#include "helper/claude-run/old-images.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/path.h"
#include "common/strv.h"
#include "helper/claude-run/memory.h"
#include "helper/claude-run/say.h"
#include "helper/host/guest-image.h"
#include "helper/json.h"

/* The newest version of one agent that an image has. */
typedef struct Newest {
        const char *version; /* borrowed from the image's `agents` */
        const char *directory;
} Newest;

static const char *version_of(sd_json_variant *agents, const char *agent) {
        sd_json_variant *version = sd_json_variant_by_key(agents, agent);

        return version && sd_json_variant_is_string(version) ? sd_json_variant_string(version) : NULL;
}

static Newest find_newest(char *const *directories, sd_json_variant *const *images, const char *agent) {
        Newest newest = {};

        for (size_t i = 0; directories[i]; i++) {
                const char *version = version_of(images[i], agent);

                if (version && (!newest.version || strverscmp(version, newest.version) > 0))
                        newest = (Newest) { .version = version, .directory = directories[i] };
        }
        return newest;
}

static void print_image(char *const *directories, sd_json_variant *const *images, size_t i) {
        /* a list of names and values */
        for (size_t j = 0; j + 1 < sd_json_variant_elements(images[i]); j += 2) {
                const char *agent = sd_json_variant_string(sd_json_variant_by_index(images[i], j)),
                           *version = version_of(images[i], agent);
                Newest newest = find_newest(directories, images, agent);

                if (version && newest.version && strverscmp(version, newest.version) < 0)
                        say_line(stdout,
                                        "Guest image '%s' has %s %s, and '%s' has %s. To renew it: claude-run update %s",
                                        directories[i], agent, version, newest.directory, newest.version,
                                        strrchr(directories[i], '/') + 1);
        }
}

void old_images_print(void) {
        _cleanup_free_ char *data = NEED(path_xdg("XDG_DATA_HOME", "/.local/share"));
        _cleanup_strv_free_ char **directories = NULL;
        _cleanup_free_ sd_json_variant **images = NULL;

        memory_need(guest_image_list(data, &directories) >= 0);
        if (!directories)
                return;
        images = NEED(calloc(strv_length(directories), sizeof(*images)));
        for (size_t i = 0; directories[i]; i++)
                /* leaves NULL for an image that cannot be read */
                (void) guest_image_read_agents(directories[i], &images[i]);
        for (size_t i = 0; directories[i]; i++)
                print_image(directories, images, i);
        for (size_t i = 0; directories[i]; i++)
                sd_json_variant_unref(images[i]);
}
