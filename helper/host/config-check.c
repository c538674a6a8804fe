/* systemd reads an ini when it reloads, and says that a unit needs a reload by comparing times; for a unit
 * that it has not loaded yet it takes the time of the moment it loads it, so an ini that was edited before
 * is never noticed. A setting that the user has tightened (Mode=none, ReadOnly=yes) must not be skipped, so
 * the generator writes the hash of what it read into the unit, and this compares. The ini is not parsed
 * here.
 *
 * Files that would have hidden the ini are part of it: the user's own file of the same name, while the one
 * that counts is the administrator's. They were not there, and still must not be. So are the defaults of all
 * projects, which may come, change and go. */

#include "helper/host/config-check.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/config-id.h"
#include "common/drop-in.h"
#include "common/strjoin.h"
#include "common/strv.h"
#include "common/whole-file.h"
#include "common/why.h"

#define INI_MAX (256U * 1024U) /* the generator reads no larger one */
#define REMEDY "run systemctl --user daemon-reload, or start the VM with claude-run"

static const char *get_file(char *const *variables, unsigned i) {
        char name[sizeof(PARAMETER_CONFIG_FILE_PREFIX) + 3 * sizeof(unsigned)];

        snprintf(name, sizeof(name), PARAMETER_CONFIG_FILE_PREFIX "%u", i);
        return strv_value(variables, name);
}

/* The generator follows no link to an ini either. */
static int id_of_file(const char *path, size_t limit, char ret[static CONFIG_ID_SIZE]) {
        _cleanup_close_ int fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
        _cleanup_free_ char *text = NULL;
        size_t size;
        struct stat st;
        int r;

        if (fd < 0)
                return -errno;
        if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
                return -ENOTSUP;
        r = whole_file_read_fd(fd, limit, &text, &size);
        if (r >= 0)
                config_id_of(text, size, ret);
        return r;
}

/* True for what sets nothing: no file, an empty one, or a link to /dev/null. */
static bool is_nothing(const char *path) {
        struct stat st;

        if (stat(path, &st) < 0)
                return errno == ENOENT || errno == ENOTDIR;
        return (S_ISREG(st.st_mode) && st.st_size == 0) ||
                        (S_ISCHR(st.st_mode) && st.st_rdev == makedev(1, 3));
}

static int compare(const char *path, const char *id, char **ret_why) {
        char now[CONFIG_ID_SIZE];
        int r = id_of_file(path, INI_MAX + 1, now);

        if (r == -ENOMEM)
                return r;
        if (r == -ENOENT)
                return why_say(ret_why, -ESTALE, "'%s' is gone since systemd read it: " REMEDY, path);
        if (r < 0 || strcmp(now, id) != 0)
                return why_say(ret_why, -ESTALE, "'%s' has changed since systemd read it: " REMEDY, path);
        return 0;
}

/* `value` is ID:PATH. */
static int compare_defaults(const char *value, char **ret_why) {
        size_t n = strcspn(value, ":");
        char id[CONFIG_ID_SIZE], now[CONFIG_ID_SIZE] = "";
        const char *path = value + n + 1;
        int r = 0;

        if (n >= sizeof(id) || !value[n])
                return why_say(ret_why, -ESTALE, "The unit does not say what its defaults were: " REMEDY);
        memcpy(id, value, n);
        id[n] = '\0';
        if (!is_nothing(path))
                r = id_of_file(path, INI_MAX + 1, now);
        if (r == -ENOMEM)
                return r;
        if (r < 0 || strcmp(now, id) != 0)
                return why_say(ret_why, -ESTALE, "'%s' has changed since systemd read it: " REMEDY, path);
        return 0;
}

static const char *get_defaults(char *const *variables, unsigned i) {
        char name[sizeof(PARAMETER_DEFAULTS_PREFIX) + 3 * sizeof(unsigned)];

        snprintf(name, sizeof(name), PARAMETER_DEFAULTS_PREFIX "%u", i);
        return strv_value(variables, name);
}

static int check_defaults(char *const *variables, char **ret_why) {
        const char *value;
        int r = 0;

        for (unsigned i = 0; r >= 0 && (value = get_defaults(variables, i)); i++)
                r = compare_defaults(value, ret_why);
        return r;
}

static int compare_files(char *const *variables, char **ret_why) {
        const char *id = strv_value(variables, PARAMETER_CONFIG_ID), *path = get_file(variables, 0), *next;
        struct stat st;
        int r;

        if (!path || !id || !id[0])
                return why_say(ret_why, -ENODATA,
                                "The unit does not say which ini it was made from: " REMEDY);
        for (unsigned i = 1; (next = get_file(variables, i)); i++) {
                if (lstat(path, &st) == 0)
                        return why_say(ret_why, -ESTALE,
                                        "'%s' is new since systemd read the projects, and counts instead of the one that was there: " REMEDY,
                                        path);
                path = next;
        }
        r = compare(path, id, ret_why);
        return r < 0 ? r : check_defaults(variables, ret_why);
}

/* A file that the generator could not read, such as a defaults.ini that is a link, differs from what it was
 * read as until it is mended: then the generator's own words are what helps. */
static int say_error_first(const char *error, char **ret_why) {
        _cleanup_free_ char *why = TAKE_PTR(*ret_why);

        return why_say(ret_why, -ESTALE, "%s; %s", error, why);
}

int config_check(char *const *variables, char **ret_why) {
        const char *error = strv_value(variables, PARAMETER_CONFIG_ERROR);
        int r = compare_files(variables, ret_why);

        return r == -ESTALE && error ? say_error_first(error, ret_why) : r;
}

char *config_print_id(char *const *variables) {
        char *text = strdup(strv_value(variables, PARAMETER_CONFIG_ID) ?: "");
        const char *value;

        for (unsigned i = 0; text && (value = get_defaults(variables, i)); i++) {
                char *longer = strjoin(text, " ", value, NULL);

                free(text);
                text = longer;
        }
        return text;
}

bool config_knows_git_link(char *const *variables) {
        const char *work = strv_value(variables, PARAMETER_WORK_DIRECTORY),
                   *id = strv_value(variables, PARAMETER_GIT_LINK) ?: "";
        _cleanup_free_ char *path = work ? strjoin(work, "/.git", NULL) : NULL;
        char now[CONFIG_ID_SIZE] = "";

        if (!path || strcmp(id, "no") == 0)
                return true;
        if (id_of_file(path, GIT_LINK_MAX, now) < 0)
                now[0] = '\0';
        return strcmp(now, id) == 0;
}
