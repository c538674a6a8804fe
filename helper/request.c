#include "request.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cleanup.h"
#include "guest-text.h"
#include "login-secrets.h"
#include "parameters.h"
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

/* Each becomes the rest of a line of an ini, which has no quotes. A guest chooses the names of what it
 * makes, so a line end in a directory's name is somebody's try to say more than a directory. */
static int check_line(const char *what, const char *value) {
        size_t n = strlen(value);
        _cleanup_free_ char *text = strdup(value);

        if (!text)
                return fail(EXIT_FAILURE, "No memory");
        guest_text_clean(text);
        if (strcmp(text, value) != 0 || strchr(value, '\t'))
                return fail(EXIT_CONFIGURATION, "%s '%s' has a character in its name that no ini can have",
                                what, text);
        if (n > 0 && value[n - 1] == ' ')
                return fail(EXIT_CONFIGURATION,
                                "%s '%s' has a blank at the end of its name, which an ini "
                                "cannot say",
                                what, text);
        return 0;
}

static int check_lines(const char *directory) {
        int r = check_line("the directory", directory);

        return r != 0 ? r : check_line("CLAUDE_HOME", getenv("CLAUDE_HOME") ?: "");
}

/* The text of the ini: the base, then the options, which count for more. */
static int compose(const Context *c, const char *directory, const ProjectEntry *base, bool session,
                bool secrets, char **ret) {
        _cleanup_free_ char *text = NULL;
        const char *home = getenv("CLAUDE_HOME");
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
        fprintf(f, "[Project]\nWorkDirectory=%s\n", directory);
        if (home && home[0])
                fprintf(f, "Home=%s\n", home);
        if (session)
                fputs("AgentStart=session\n", f);
        if (c->options->read_only)
                fputs("ReadOnly=yes\n", f);
        r = secrets ? login_secrets_print(f, base ? base->agent : "claude", c->options->settings) : 0;
        if (c->options->dev_shell)
                fputs("DevShell=yes\n", f);
        for (char *const *s = c->options->settings; s && *s; s++)
                fputs(*s, f);
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
        r = compose(c, directory, base, session, true, &text);
        if (r >= 0)
                r = small_file_create(path, 0600, text, strlen(text));
        if (r < 0)
                return r;
        return generate(c, path);
}

int request_make(Context *c, const char *directory, const ProjectEntry *base, bool session, Request *ret) {
        sd_id128_t id;
        int r = check_lines(directory);

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

int request_make_project(Context *c, const char *directory, const char *name) {
        _cleanup_free_ char *configuration = NULL, *path = NULL, *text = NULL;
        const char *xdg = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME");
        int r;

        if (!vm_name_is_project(name))
                return fail(EXIT_USAGE,
                                "'%s' is no name for a project: up to %d letters, digits, '_', '.' and '-'",
                                name, VM_NAME_MAX);
        r = check_lines(directory);
        if (r != 0)
                return r;
        if (asprintf(&configuration, "%s%s/claude-microvm", xdg && xdg[0] == '/' ? xdg : home ?: "",
                            xdg && xdg[0] == '/' ? "" : "/.config") < 0) {
                configuration = NULL;
                return fail(EXIT_FAILURE, "No memory");
        }
        if (asprintf(&path, "%s/%s.ini", configuration, name) < 0) {
                path = NULL;
                return fail(EXIT_FAILURE, "No memory");
        }
        r = make_directories(configuration);
        if (r >= 0)
                r = compose(c, directory, NULL, false, false, &text);
        if (r >= 0)
                r = small_file_create(path, 0600, text, strlen(text));
        if (r == -EEXIST)
                return fail(EXIT_CONFIGURATION, "there is a project '%s' already: %s", name, path);
        if (r >= 0 &&
                        run_program((char *[]) { (char *) c->options->generator, (char *) "--check", path,
                                                    NULL },
                                        -1) != 0) {
                unlink(path);
                return EXIT_CONFIGURATION;
        }
        if (r < 0)
                return fail(EXIT_FAILURE, "Failed to write '%s': %s", path, strerror(-r));
        fprintf(stderr, "claude-run: project '%s' is %s\n", name, path);
        return 0;
}
