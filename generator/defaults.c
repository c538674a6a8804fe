/* The text is kept, and each project parses it below its own: what a line means can depend on the project.
 * It is checked once here, so that a mistake in it is not told once for each project. */

#include "generator/defaults.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/strv.h"
#include "common/trusted-file.h"
#include "generator/config-file.h"
#include "generator/directories.h"
#include "generator/project.h"

/* Keeps the reason as an error of the file. 0, -ENOMEM. */
static int refuse(DefaultsFile *file, const char *path, const char *why) {
        Messages m = { .path = path };

        messages_error(&m, 0, "%s", why);
        file->error = m.first_error;
        return file->error ? 0 : -ENOMEM;
}

static int read_file(const UserPaths *paths, int dir_fd, const char *path, DefaultsFile *file) {
        char why[TRUSTED_FILE_WHY_MAX];
        uid_t owner;
        int r = trusted_file_read(
                        dir_fd, DEFAULTS_FILE, CONFIG_FILE_MAX, &file->text, &file->size, &owner, why);
        const char *distrusted;

        if (r == -ENOMEM)
                return r;
        if (r == -ENOENT || r > 0)
                return 0;
        if (r < 0)
                return refuse(file, path, why);
        config_id_of(file->text, file->size, file->id);
        distrusted = directories_distrusted(dir_fd);
        if (distrusted) {
                snprintf(why, sizeof(why), "its directory %s", distrusted);
                return refuse(file, path, why);
        }
        return project_check_defaults(paths, path, file->text, file->size, &file->error);
}

static int load_one(const UserPaths *paths, const char *dir, Defaults *d) {
        DefaultsFile *file = &d->items[d->n];
        _cleanup_close_ int fd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
        int r = strv_appendf(&d->paths, "%s/" DEFAULTS_FILE, dir);

        if (r < 0)
                return r;
        /* counted also if it is not there: it must not have come when the VM starts */
        d->n++;
        return fd < 0 ? 0 : read_file(paths, fd, d->paths[d->n - 1], file);
}

int defaults_load(const UserPaths *paths, char *const *config_dirs, Defaults *ret) {
        size_t n = strv_length(config_dirs);
        Defaults d = {};
        int r;

        if (ret->items)
                return 0;
        d.items = calloc(n + 1, sizeof(DefaultsFile));
        r = d.items ? 0 : -ENOMEM;
        while (r >= 0 && n > 0)
                r = load_one(paths, config_dirs[--n], &d);
        if (r < 0) {
                defaults_done(&d);
                return r;
        }
        *ret = d;
        return 0;
}

void defaults_done(Defaults *d) {
        for (size_t i = 0; i < d->n; i++) {
                free(d->items[i].text);
                free(d->items[i].error);
        }
        free(d->items);
        strv_free(d->paths);
        *d = (Defaults) {};
}
