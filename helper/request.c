#include "request.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cleanup.h"
#include "login-secrets.h"
#include "parameters.h"
#include "project-ini.h"
#include "request-files.h"
#include "request-owner.h"
#include "run-program.h"
#include "small-file.h"
#include "strv.h"
#include "vm-name.h"

#define INI_MAX (1024U * 1024U)

/* Takes what makes a project one out of its ini: a request has a UUID and an end of its own. */
static void print_base(FILE *f, char *text) {
        char *line;

        while ((line = strsep(&text, "\n"))) {
                const char *word = line + strspn(line, " \t");

                if (strncmp(word, "UUID", 4) != 0 && strncmp(word, "WantedBy", 8) != 0)
                        fprintf(f, "%s\n", line);
        }
}

/* The text of the ini: the base, then the options, which count for more. */
static int compose(const Context *c, const char *directory, const ProjectEntry *base, bool session,
                char **ret) {
        _cleanup_free_ char *text = NULL;
        size_t size;
        FILE *f;
        int r = base ? small_file_read(base->ini, INI_MAX, &text) : 0;

        if (r < 0)
                return r;
        f = open_memstream(ret, &size);
        if (!f)
                return -ENOMEM;
        if (text)
                print_base(f, text);
        if (session)
                fputs("[Project]\nAgentStart=session\n", f);
        project_ini_print(f, c, directory);
        r = login_secrets_print(f, base ? base->agent : "claude", c->options->settings);
        if (ferror(f))
                r = -ENOMEM;
        return fclose(f) == 0 ? r : -ENOMEM;
}

/* The generator reads the request and writes its units where a fresh name is seen without a reload. */
static int generate(const Context *c, const char *path) {
        _cleanup_free_ char *units = NULL;
        int r;

        if (asprintf(&units, "%s/systemd/user", c->runtime_dir) < 0) {
                units = NULL;
                return -ENOMEM;
        }
        r = make_directories(units);
        if (r < 0)
                return r;
        r = run_program((char *[]) { (char *) c->options->generator, (char *) "--request", (char *) path,
                                        units, NULL },
                        -1);
        return r > 0 ? -EINVAL : r;
}

static int write_request(const Context *c, const char *directory, const ProjectEntry *base, bool session,
                Request *request) {
        _cleanup_free_ char *requests = NULL, *path = NULL, *text = NULL;
        int r;

        if (asprintf(&requests, "%s/claude-microvm/requests", c->runtime_dir) < 0) {
                requests = NULL;
                return -ENOMEM;
        }
        if (asprintf(&path, "%s/%s.ini", requests, request->id) < 0) {
                path = NULL;
                return -ENOMEM;
        }
        r = make_directories(requests);
        if (r < 0)
                return r;
        /* first of all, so that no sweep takes the rest for an abandoned one */
        request->owner_fd = request_owner_make(c->runtime_dir, request->id);
        if (request->owner_fd < 0)
                return request->owner_fd;
        r = compose(c, directory, base, session, &text);
        if (r >= 0)
                r = small_file_create(path, 0600, text, strlen(text));
        if (r < 0)
                return r;
        return generate(c, path);
}

int request_make(Context *c, const char *directory, const ProjectEntry *base, bool session, Request *ret) {
        sd_id128_t id;
        int r = project_ini_check_lines(directory);

        *ret = (Request) { .owner_fd = -EBADF };
        if (r != 0)
                return r;
        r = sd_id128_randomize(&id);
        if (r >= 0) {
                sd_id128_to_uuid_string(id, ret->id);
                request_sweep(c->runtime_dir);
                r = write_request(c, directory, base, session, ret);
        }
        if (r >= 0)
                return 0;
        request_remove(c->runtime_dir, ret->id);
        request_done(ret);
        /* the generator has said what it is */
        return r == -EINVAL ? EXIT_CONFIGURATION
                            : fail(EXIT_FAILURE, "Failed to request a VM: %s", strerror(-r));
}

void request_done(Request *request) {
        if (request->owner_fd >= 0)
                close(request->owner_fd);
        request->owner_fd = -EBADF;
}
