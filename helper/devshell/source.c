/* A guest can write the files: no link is followed, nothing but regular files of a bounded size is
 * read.
 *
 * The names are UUIDs of version 5, a SHA-1 by libuuid, which is a dependency already. A collision lets an
 * author only confuse two flakes of one project: the path of the directory,
 * which no guest chooses, keeps projects apart. So nothing stronger is needed, and no kernel feature that
 * may be missing. */

#include "helper/devshell/source.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <uuid.h>

#include "common/cleanup.h"
#include "common/dev-shell.h"
#include "common/path-walk.h"
#include "common/whole-file.h"

#define FILE_MAX (1024U * 1024U)

UUID_DEFINE(namespace, 0x52, 0xd4, 0x3b, 0x1f, 0x90, 0x0e, 0x4c, 0x6b, 0xa1, 0x1c, 0x5a, 0x0f, 0x4e, 0x63,
                0x0d, 0x27);

static const char *const names[DEVSHELL_FILES] = { "flake.nix", "flake.lock", "devenv.nix", "devenv.yaml",
        "devenv.lock" };

static void uuid_of(const char *data, size_t size, char ret[static 37]) {
        uuid_t uuid;

        uuid_generate_sha1(uuid, namespace, data, size);
        uuid_unparse_lower(uuid, ret);
}

/* Sizes come first, so that no content can pass for another file's. The first line changes when we make
 * something else of the files, so that results of an older version are not found. */
static int make_key(DevShellSource *s) {
        _cleanup_free_ char *text = NULL;
        size_t size = 0;
        FILE *f = open_memstream(&text, &size);

        if (!f)
                return -ENOMEM;
        fputs(s->kind == DEVSHELL_DEVENV ? "2 devenv\n" : "2 flake\n", f);
        for (size_t i = 0; i < DEVSHELL_FILES; i++)
                if (s->files[i].text)
                        fprintf(f, "%s %zu\n%s", names[i], strlen(s->files[i].text), s->files[i].text);
        if (fclose(f) != 0)
                return -ENOMEM;
        uuid_of(text, size, s->key);
        return 0;
}

bool devshell_source_has(const DevShellSource *s, DevShellKind kind) {
        return (kind == DEVSHELL_FLAKE && s->files[0].text) || (kind == DEVSHELL_DEVENV && s->files[2].text);
}

int devshell_source_read(
                const char *work_directory, DevShellKind kind, DevShellSource *ret, const char **ret_name) {
        DevShellSource s = { .kind = kind, .directory_fd = path_open_directory(work_directory) };
        int r = s.directory_fd < 0 ? s.directory_fd : 0;

        *ret_name = work_directory;
        for (size_t i = 0; r >= 0 && i < DEVSHELL_FILES; i++) {
                *ret_name = s.files[i].name = names[i];
                r = whole_file_read_at(s.directory_fd, names[i], FILE_MAX, &s.files[i].text);
                if (r == -ENOENT)
                        r = 0;
        }
        if (r >= 0)
                r = make_key(&s);
        if (r < 0) {
                devshell_source_done(&s);
                return r;
        }
        uuid_of(work_directory, strlen(work_directory), s.project);
        if (!devshell_source_has(&s, kind))
                s.kind = DEVSHELL_NONE;
        *ret = s;
        return 0;
}

void devshell_source_done(DevShellSource *s) {
        if (s->directory_fd >= 0)
                close(s->directory_fd);
        s->directory_fd = -EBADF;
        for (size_t i = 0; i < DEVSHELL_FILES; i++) {
                free(s->files[i].text);
                s->files[i].text = NULL;
        }
}
