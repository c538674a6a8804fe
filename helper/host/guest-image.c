#include "helper/host/guest-image.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/directory.h"
#include "common/printable.h"
#include "common/run-program.h"
#include "common/sha256.h"
#include "common/strjoin.h"
#include "common/strv.h"
#include "common/whole-file.h"
#include "common/why.h"
#include "config.h"
#include "helper/json.h"

#define GUEST_JSON_MAX (64U * 1024U)
#define CMDLINE_MAX 1024U
#define FORMAT 2        /* has /work as a link to the work directory, wherever that is */
#define FORMAT_OLDEST 1 /* has it at /work alone */

/* Where images are: the user's own come before those of the system. 0 and an owned array; -ENOMEM. */
static int list_places(const char *data_home, char ***ret) {
        _cleanup_strv_free_ char **places = NULL;
        int r = strv_appendf(&places, "%s/claude-microvm/guests", data_home);

        for (const char *dir = GUEST_DIRS; r >= 0 && *dir; dir += strcspn(dir, ":"), dir += *dir == ':') {
                _cleanup_free_ char *place = strndup(dir, strcspn(dir, ":"));

                r = place ? strv_append(&places, place) : -ENOMEM;
        }
        if (r >= 0)
                *ret = TAKE_PTR(places);
        return r;
}

/* 1 and an owned path when the image is below `place`. */
static int look_in(const char *place, const char *guest, char **ret) {
        _cleanup_free_ char *directory = strjoin(place, "/", guest, NULL),
                            *json = directory ? strjoin(directory, "/guest.json", NULL) : NULL;

        if (!json)
                return -ENOMEM;
        if (access(json, F_OK) < 0)
                return 0;
        *ret = TAKE_PTR(directory);
        return 1;
}

int guest_image_find_directory(const char *guest, const char *data_home, char **ret, char **ret_why) {
        _cleanup_strv_free_ char **places = NULL;
        int r;

        if (guest[0] == '/') {
                *ret = strdup(guest);
                return *ret ? 0 : -ENOMEM;
        }
        r = list_places(data_home, &places);
        for (char **place = places; r == 0 && *place; place++)
                r = look_in(*place, guest, ret);
        if (r != 0)
                return r < 0 ? r : 0;
        return why_say(ret_why, -EINVAL,
                        "No guest image '%s' in %s or " GUEST_DIRS ". Make it with: claude-vm-mkguest%s%s",
                        guest, places[0], strcmp(guest, "debian") == 0 ? "" : " --name ",
                        strcmp(guest, "debian") == 0 ? "" : guest);
}

static bool is_listed(char *const *directories, const char *name) {
        for (; directories && *directories; directories++)
                if (strcmp(strrchr(*directories, '/') + 1, name) == 0)
                        return true;
        return false;
}

/* Skips a place that cannot be read. */
static int list_below(const char *place, char ***directories) {
        _cleanup_strv_free_ char **names = NULL;
        int r = directory_list(place, &names);

        for (char **name = names; r >= 0 && name && *name; name++) {
                _cleanup_free_ char *found = NULL;

                if (is_listed(*directories, *name))
                        continue;
                r = look_in(place, *name, &found);
                if (r > 0)
                        r = strv_append(directories, found);
        }
        return r == -ENOMEM ? r : 0;
}

int guest_image_list(const char *data_home, char ***ret) {
        _cleanup_strv_free_ char **places = NULL, **directories = NULL;
        int r = list_places(data_home, &places);

        for (char **place = places; r == 0 && *place; place++)
                r = list_below(*place, &directories);
        if (r == 0)
                *ret = TAKE_PTR(directories);
        return r;
}

/* Without links: QEMU's root directory has the file itself, and not what a link goes through. */
static int add_file(const GuestImage *image, const char *name, char **ret, char **ret_why) {
        _cleanup_free_ char *path = strjoin(image->directory, "/", name, NULL);

        if (!path)
                return -ENOMEM;
        *ret = realpath(path, NULL);
        if (!*ret && errno == ENOMEM)
                return -ENOMEM;
        if (!*ret || access(*ret, R_OK) < 0)
                return why_say(ret_why, -EINVAL,
                                "Guest image '%s' is not complete: %s: %s. Make it again with: claude-vm-mkguest --force",
                                image->directory, name, strerror(errno));
        return 0;
}

/* Their names and versions stand in a file of lines, and in lists. */
static bool are_printable(sd_json_variant *agents) {
        for (size_t i = 0; i < sd_json_variant_elements(agents); i++) {
                sd_json_variant *word = sd_json_variant_by_index(agents, i);

                if (sd_json_variant_is_string(word) && printable_check(sd_json_variant_string(word)))
                        return false;
        }
        return true;
}

static int check_json(GuestImage *image, sd_json_variant *json, const char *agent, char **ret_why) {
        sd_json_variant *format = sd_json_variant_by_key(json, "format");
        sd_json_variant *architecture = sd_json_variant_by_key(json, "architecture");
        sd_json_variant *agents = sd_json_variant_by_key(json, "agents");

        if (!format || !sd_json_variant_is_integer(format) || sd_json_variant_integer(format) > FORMAT ||
                        sd_json_variant_integer(format) < FORMAT_OLDEST)
                return why_say(ret_why, -EINVAL,
                                "Guest image '%s' is not of format %d. Make it again with: claude-vm-mkguest",
                                image->directory, FORMAT);
        image->needs_work = sd_json_variant_integer(format) < FORMAT;
        image->architecture = !architecture ? architecture_of_host()
                        : sd_json_variant_is_string(architecture)
                        ? architecture_find(sd_json_variant_string(architecture))
                        : NULL;
        if (!image->architecture)
                return why_say(ret_why, -EINVAL,
                                "Guest image '%s' is of an architecture that there are no VMs for: make one with claude-vm-mkguest --architecture amd64 or arm64",
                                image->directory);
        if (!agents || !sd_json_variant_is_object(agents) || !sd_json_variant_by_key(agents, agent))
                return why_say(ret_why, -EINVAL, "Guest image '%s' has no agent '%s'", image->directory,
                                agent);
        if (!are_printable(agents))
                return why_say(ret_why, -EINVAL,
                                "Guest image '%s': an agent's name or version in guest.json is not printable text. Make the image again with: claude-vm-mkguest --force",
                                image->directory);
        return 0;
}

static int read_json(const char *directory, sd_json_variant **ret, char **ret_why) {
        _cleanup_free_ char *path = strjoin(directory, "/guest.json", NULL), *text = NULL;
        int r = path ? whole_file_read(path, GUEST_JSON_MAX, &text) : -ENOMEM;

        if (r == -ENOMEM)
                return r;
        if (r < 0)
                return why_say(ret_why, -EINVAL, "Failed to read '%s': %s", path, strerror(-r));
        r = sd_json_parse(text, 0, ret, NULL, NULL);
        if (r < 0)
                return why_say(ret_why, -EINVAL, "'%s' is not valid JSON", path);
        return 0;
}

int guest_image_read_agents(const char *directory, sd_json_variant **ret) {
        _cleanup_json_ sd_json_variant *json = NULL;
        _cleanup_free_ char *why = NULL;
        sd_json_variant *agents;
        int r = read_json(directory, &json, &why);

        if (r < 0)
                return r;
        agents = sd_json_variant_by_key(json, "agents");
        if (!agents || !sd_json_variant_is_object(agents) || !are_printable(agents))
                return -EINVAL;
        *ret = sd_json_variant_ref(agents);
        return 0;
}

/* "NAME VERSION, NAME VERSION" */
static int describe_agents(GuestImage *image, sd_json_variant *json) {
        sd_json_variant *agents = sd_json_variant_by_key(json, "agents");
        char *text = strdup("");

        for (size_t i = 0; text && i + 1 < sd_json_variant_elements(agents); i += 2) {
                sd_json_variant *version = sd_json_variant_by_index(agents, i + 1);
                char *longer = strjoin(text, i > 0 ? ", " : "",
                                sd_json_variant_string(sd_json_variant_by_index(agents, i)), " ",
                                sd_json_variant_is_string(version) ? sd_json_variant_string(version) : "",
                                NULL);

                free(text);
                text = longer;
        }
        image->agents = text;
        return text ? 0 : -ENOMEM;
}

static bool has_feature(sd_json_variant *json, const char *feature) {
        sd_json_variant *features = sd_json_variant_by_key(json, "features");

        for (size_t i = 0; features && sd_json_variant_is_array(features) &&
                        i < sd_json_variant_elements(features);
                        i++) {
                sd_json_variant *word = sd_json_variant_by_index(features, i);

                if (sd_json_variant_is_string(word) && strcmp(sd_json_variant_string(word), feature) == 0)
                        return true;
        }
        return false;
}

/* What guest.json says of a file of the image; NULL: nothing. */
static const char *file_hash(sd_json_variant *json, const char *file) {
        sd_json_variant *files = sd_json_variant_by_key(json, "files"),
                        *entry = files ? sd_json_variant_by_key(files, file) : NULL,
                        *hash = entry ? sd_json_variant_by_key(entry, "sha256") : NULL;

        return hash && sd_json_variant_is_string(hash) ? sd_json_variant_string(hash) : NULL;
}

/* The hash of the root file system, and not the recipe: one recipe gives another system when Debian has
 * newer packages. */
static int read_disk_key(GuestImage *image, sd_json_variant *json) {
        const char *hash = file_hash(json, "root.erofs");

        if (!has_feature(json, "disk") || !hash || !sha256_is(hash))
                return 0;
        image->disk_key = strdup(hash);
        return image->disk_key ? 0 : -ENOMEM;
}

/* One line, and nothing that would end QEMU's option. */
static int read_cmdline(GuestImage *image, char **ret_why) {
        _cleanup_free_ char *path = NULL;
        int r;

        r = add_file(image, "cmdline", &path, ret_why);
        if (r < 0)
                return r;
        r = whole_file_read(path, CMDLINE_MAX, &image->cmdline);
        if (r == -ENOMEM)
                return r;
        if (r < 0)
                return why_say(ret_why, -EINVAL, "Failed to read '%s': %s", path, strerror(-r));
        image->cmdline[strcspn(image->cmdline, "\n")] = '\0';
        return 0;
}

int guest_image_find(const char *guest, const char *agent, const char *data_home, GuestImage **ret,
                char **ret_why) {
        _cleanup_guest_image_ GuestImage *image = calloc(1, sizeof(GuestImage));
        _cleanup_json_ sd_json_variant *json = NULL;
        int r;

        if (!image)
                return -ENOMEM;
        r = guest_image_find_directory(guest, data_home, &image->directory, ret_why);
        if (r >= 0)
                r = read_json(image->directory, &json, ret_why);
        if (r >= 0)
                r = check_json(image, json, agent, ret_why);
        if (r >= 0)
                r = describe_agents(image, json);
        if (r >= 0)
                r = read_disk_key(image, json);
        if (r >= 0)
                r = add_file(image, "kernel", &image->kernel, ret_why);
        if (r >= 0)
                r = add_file(image, "initrd", &image->initrd, ret_why);
        if (r >= 0)
                r = add_file(image, "root.erofs", &image->root, ret_why);
        if (r >= 0)
                r = read_cmdline(image, ret_why);
        if (r < 0)
                return r;
        *ret = TAKE_PTR(image);
        return 0;
}

static const char *const verified[] = { "guest.json", "kernel", "initrd", "cmdline", "root.erofs" };

/* What sha256sum says of the files, a line each: their hashes, in the order of the table. 0; -EINVAL: one of
 * them could not be read. */
static int hash_files(const GuestImage *image, const char *sha256sum, char **ret) {
        _cleanup_strv_free_ char **argv = NULL;
        int r = strv_extend(&argv, sha256sum, "--", NULL);

        for (size_t i = 0; r >= 0 && i < ELEMENTSOF(verified); i++)
                r = strv_appendf(&argv, "%s/%s", image->directory, verified[i]);
        if (r >= 0)
                r = run_program_read((const char *const *) argv, ret);
        return r > 0 ? -EINVAL : r;
}

/* The next line's; NULL if it has none. A backslash says that the name, which follows, has an odd letter. */
static const char *next_hash(char **text) {
        char *line = strsep(text, "\n");

        line += line && line[0] == '\\';
        if (!line || !sha256_begins(line))
                return NULL;
        line[SHA256_DIGITS] = '\0';
        return line;
}

static int compare_hashes(const GuestImage *image, const char *pinned, char *text, char **ret_why) {
        _cleanup_json_ sd_json_variant *json = NULL;
        int r = read_json(image->directory, &json, ret_why);

        for (size_t i = 0; r >= 0 && i < ELEMENTSOF(verified); i++) {
                const char *hash = next_hash(&text);

                if (!hash)
                        return -EBADMSG;
                if (i == 0 && strcmp(hash, pinned) != 0)
                        r = why_say(ret_why, -EINVAL,
                                        "Guest image '%s' is not the one of GuestHash=: its guest.json has sha256:%s. Get the image that it names, or look at this one and change the ini",
                                        image->directory, hash);
                else if (i > 0 && strcmp(file_hash(json, verified[i]) ?: "", hash) != 0)
                        r = why_say(ret_why, -EINVAL,
                                        "Guest image '%s' is not what its guest.json says: %s is another file, or it has no hash of it. Get the image again",
                                        image->directory, verified[i]);
        }
        return r;
}

int guest_image_verify(const GuestImage *image, const char *hash, const char *sha256sum, char **ret_why) {
        _cleanup_free_ char *text = NULL;
        const char *digits = strchr(hash, ':');
        int r = digits ? hash_files(image, sha256sum, &text) : -EINVAL;

        if (r >= 0)
                r = compare_hashes(image, digits + 1, text, ret_why);
        if (r >= 0 || r == -ENOMEM || *ret_why)
                return r;
        return why_say(ret_why, -EINVAL, "Guest image '%s' could not be compared with GuestHash=: %s",
                        image->directory, r == -EINVAL ? "a file cannot be read" : strerror(-r));
}

GuestImage *guest_image_free(GuestImage *image) {
        if (!image)
                return NULL;
        free(image->directory);
        free(image->kernel);
        free(image->initrd);
        free(image->root);
        free(image->cmdline);
        free(image->agents);
        free(image->disk_key);
        free(image);
        return NULL;
}
