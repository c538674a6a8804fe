/* versions and update: which agent each VM runs, which one its guest image has by now, and a newer image. */

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/path.h"
#include "common/settings.h"
#include "common/strjoin.h"
#include "common/strv.h"
#include "common/vm-name.h"
#include "config.h"
#include "helper/claude-run/agent-versions.h"
#include "helper/claude-run/context.h"
#include "helper/claude-run/fail.h"
#include "helper/claude-run/memory.h"
#include "helper/claude-run/say.h"
#include "helper/claude-run/verbs.h"
#include "helper/host/guest-image.h"
#include "helper/json.h"

typedef struct Versions {
        const char *name;
        char *runs;        /* NULL: the VM does not run */
        GuestImage *image; /* NULL: there is none that it could run on */
} Versions;

static void versions_done(Versions *v) {
        free(v->runs);
        guest_image_free(v->image);
}

static int print_versions(const Versions *v, sd_json_variant **array) {
        const char *image = v->image ? v->image->agents : NULL,
                   *directory = v->image ? v->image->directory : NULL;
        _cleanup_json_ sd_json_variant *object = NULL;
        int r;

        if (!array) {
                say_line(stdout, "%-20s %-22s %-22s %s", v->name, v->runs ?: "-", image ?: "-",
                                directory ?: "-");
                return 0;
        }
        r = sd_json_buildo(&object, SD_JSON_BUILD_PAIR_STRING("name", v->name),
                        SD_JSON_BUILD_PAIR_STRING("runs", v->runs),
                        SD_JSON_BUILD_PAIR_STRING("image", image),
                        SD_JSON_BUILD_PAIR_STRING("directory", directory));
        return r < 0 ? r : sd_json_variant_append_array(array, object);
}

static int look_at(Context *c, const char *id, const char *data, sd_json_variant **array) {
        _cleanup_free_ char *unit = NEED(vm_unit_name(id)), *guest = NULL, *agent = NULL, *why = NULL;
        _cleanup_(versions_done) Versions v = { .name = id };
        int r = manager_environment(c->manager, unit, settings[SETTING_GUEST].variable, &guest);

        if (r >= 0)
                r = manager_environment(c->manager, unit, settings[SETTING_AGENT].variable, &agent);
        if (r < 0)
                return r;
        v.runs = agent_versions_running(c, id, NULL);
        r = guest_image_find(guest ?: DEFAULT_GUEST, agent ?: settings[SETTING_AGENT].fallback, data,
                        &v.image, &why);
        return r == -ENOMEM ? r : print_versions(&v, array);
}

static int look_at_all(Context *c, const char *data, sd_json_variant **array) {
        _cleanup_strv_free_ char **units = NULL;
        int r = manager_list(c->manager, "claude-vm@*.service", &units, NULL);

        for (size_t i = 0; r >= 0 && i < c->projects.n; i++)
                if (!c->projects.items[i].error)
                        r = look_at(c, c->projects.items[i].name, data, array);
        for (char **unit = units; r >= 0 && unit && *unit; unit++) {
                _cleanup_free_ char *id = vm_name_of_unit(*unit);

                _cleanup_free_ char *runs = id ? agent_versions_running(c, id, NULL) : NULL;

                if (runs && !project_entries_find(&c->projects, id))
                        r = look_at(c, id, data, array);
        }
        return r;
}

int verb_versions(Context *c) {
        _cleanup_free_ char *data = NEED(path_xdg("XDG_DATA_HOME", "/.local/share"));
        _cleanup_json_ sd_json_variant *array = NULL;
        int r = c->options->n_words > 0 ? fail(EXIT_USAGE, "versions takes no name") : context_manager(c);

        if (r == 0)
                r = context_projects(c);
        if (r != 0)
                return r;
        if (c->options->json)
                r = sd_json_variant_new_array(&array, NULL, 0);
        else
                say_line(stdout, "%-20s %-22s %-22s %s", "NAME", "RUNS", "IMAGE HAS", "IMAGE");
        if (r >= 0)
                r = look_at_all(c, data, c->options->json ? &array : NULL);
        if (r >= 0 && c->options->json)
                r = sd_json_variant_dump(array, SD_JSON_FORMAT_NEWLINE, stdout, NULL);
        return r < 0 ? fail(EXIT_FAILURE, "Failed to look at the VMs: %s", strerror(-r)) : 0;
}

/* Where an image is replaced: in the directory around it. */
static bool is_mine(const char *directory) {
        _cleanup_free_ char *parent = NEED(strjoin(directory, "/..", NULL));

        return access(parent, W_OK) == 0;
}

/* [GUEST]: the program that makes images knows whether there is anything to do. */
int verb_update(Context *c) {
        _cleanup_free_ char *data = NEED(path_xdg("XDG_DATA_HOME", "/.local/share")), *directory = NULL,
                            *why = NULL;
        const char *guest = c->options->n_words > 0 ? c->options->words[0] : DEFAULT_GUEST;
        _cleanup_strv_free_ char **argv = NULL;
        int r;

        if (c->options->n_words > 1)
                return fail(EXIT_USAGE, "expected one guest image, got also '%s'", c->options->words[1]);
        if (access(MKGUEST_PATH, X_OK) < 0)
                return fail(EXIT_FAILURE,
                                "'" MKGUEST_PATH
                                "' is not there: the guest image comes with the package, and is updated with it");
        r = guest_image_find_directory(guest, data, &directory, &why);
        if (r == -ENOMEM)
                return fail(EXIT_FAILURE, "Failed to look for the image: %s", strerror(-r));
        if (directory && !is_mine(directory))
                return fail(EXIT_FAILURE,
                                "'%s' is not yours to replace: sudo claude-vm-mkguest --update --directory %s",
                                directory, directory);
        memory_need(strv_append(&argv, MKGUEST_PATH) >= 0);
        if (directory)
                memory_need(strv_extend(&argv, "--update", "--directory", directory, NULL) >= 0);
        else
                memory_need(strv_extend(&argv, "--name", guest, NULL) >= 0);
        return context_exec_program(argv);
}
