#include "helper/claude-run/request.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/directory.h"
#include "common/printable.h"
#include "common/run-program.h"
#include "common/runtime-path.h"
#include "common/settings.h"
#include "common/strv.h"
#include "common/trusted-file.h"
#include "common/whole-file.h"
#include "helper/claude-run/fail.h"
#include "helper/claude-run/login-secrets.h"
#include "helper/claude-run/memory.h"
#include "helper/claude-run/project-ini.h"
#include "helper/request/files.h"
#include "helper/request/owner.h"

#define INI_MAX (256U * 1024U) /* CONFIG_FILE_MAX of the generator */

/* The ini of a project as the beginning of a request, with the checks that the generator has: its list may
 * be older than the file. What makes a project one in it (UUID=, WantedBy=) the generator ignores in a
 * request. 0; -EINVAL, and why is said; other negative errno. */
static int read_base(const ProjectEntry *base, char **ret) {
        char why[TRUSTED_FILE_WHY_MAX];
        size_t size = 0;
        uid_t owner;
        int r = trusted_file_read(AT_FDCWD, base->ini, INI_MAX, ret, &size, &owner, why);

        if (r == 0 && strlen(*ret) == size)
                return 0;
        if (r == -ENOMEM)
                return r;
        fail(0, "%s: %s", base->ini, r == 0 ? "has a NUL byte" : r == 1 ? "is empty" : why);
        return -EINVAL;
}

/* A word of AgentArguments=, which is quoted as in a shell; no ini has a line end. 0, -EINVAL. */
static int print_argument(FILE *f, const char *word) {
        const char *why = printable_check(word);

        if (why) {
                fail(0, "an argument of the agent has %s, which an ini cannot contain: leave --detach out",
                                why);
                return -EINVAL;
        }
        fputs(" \"", f);
        for (; *word; word++) {
                if (strchr("\"\\", *word))
                        fputc('\\', f);
                fputc(*word, f);
        }
        fputc('"', f);
        return 0;
}

/* An agent that nobody waits for starts with its VM. */
static int print_detached(FILE *f, char *const *arguments) {
        int r = 0;

        fputs("[Project]\nAgentStart=boot\nAgentArguments=\nAgentArguments=", f);
        for (; r >= 0 && *arguments; arguments++)
                r = print_argument(f, *arguments);
        fputc('\n', f);
        return r;
}

/* The text of the ini: the base, then the options, which count for more. */
static int compose(const Context *c, const char *directory, const ProjectEntry *base, bool session,
                char ***origins, char **ret) {
        _cleanup_free_ char *text = NULL;
        size_t size;
        FILE *f;
        int r = base ? read_base(base, &text) : 0;

        if (r < 0)
                return r;
        f = NEED(open_memstream(ret, &size));
        if (text) {
                ini_origin_print(f, origins, INI_ORIGIN_FILE, text);
                ini_origin_print(f, origins, INI_ORIGIN_FILE, "\n");
        }
        if (session)
                ini_origin_print(f, origins, INI_ORIGIN_CALL, "[Project]\nAgentStart=session\n");
        /* with --name they are in the base already */
        if (!base || !c->options->name)
                project_ini_print(f, c, directory, origins);
        if (c->options->detach && c->options->arguments)
                r = print_detached(f, c->options->arguments);
        login_secrets_print(f, base ? base->agent : settings[SETTING_AGENT].fallback, text,
                        c->options->settings);
        memory_need(!ferror(f) && fclose(f) == 0);
        return r;
}

/* The generator reads the request and writes its units where a fresh name is seen without a reload. */
static int generate(const Context *c, const IniOrigin *origin) {
        _cleanup_free_ char *units = NEED(runtime_path_units(c->runtime_dir)), *messages = NULL;
        const char *const argv[] = { c->options->generator, "--request", origin->path, units, NULL };
        int r = directory_make(units);

        if (r >= 0)
                r = run_program_read_errors(argv, &messages);
        if (messages)
                ini_origin_say(origin, messages);
        return r > 0 ? -EINVAL : r;
}

static int write_request(const Context *c, const char *directory, const ProjectEntry *base, bool session,
                Request *request) {
        _cleanup_free_ char *path = NEED(runtime_path_request(c->runtime_dir, request->id, "ini")),
                            *text = NULL;
        _cleanup_strv_free_ char **origins = NULL;
        int r = directory_make_parents(path);

        if (r < 0)
                return r;
        /* before the rest, so that no sweep takes the request for an abandoned one */
        request->owner_fd = request_owner_make(c->runtime_dir, request->id);
        if (request->owner_fd < 0)
                return request->owner_fd;
        r = compose(c, directory, base, session, &origins, &text);
        if (r >= 0)
                r = whole_file_create(path, 0600, text, strlen(text));
        if (r < 0)
                return r;
        return generate(c, &(IniOrigin) { path, base ? base->ini : NULL, origins });
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
        /* what it is has been said */
        return r == -EINVAL ? EXIT_CONFIGURATION
                            : fail(EXIT_FAILURE, "Failed to request a VM: %s", strerror(-r));
}

void request_done(Request *request) {
        if (request->owner_fd >= 0)
                close(request->owner_fd);
        request->owner_fd = -EBADF;
}
