#include "helper/claude-run/project-ini.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/directory.h"
#include "common/printable.h"
#include "common/run-program.h"
#include "common/strjoin.h"
#include "common/strv.h"
#include "common/vm-name.h"
#include "common/whole-file.h"
#include "helper/claude-run/fail.h"
#include "helper/claude-run/memory.h"
#include "helper/json.h"

/* Refuses a value that would not stay on its line: an ini has no quotes, a guest can create directories with
 * any name, and a newline in one would smuggle extra lines into the ini. */
static int check_line(const char *what, const char *value) {
        size_t n = strlen(value);
        const char *why = printable_check(value);

        if (why)
                return fail(EXIT_CONFIGURATION,
                                "%s '%s' has %s in its name, which an ini cannot contain: rename it", what,
                                value, why);
        if (n > 0 && value[n - 1] == ' ')
                return fail(EXIT_CONFIGURATION,
                                "%s '%s' has a blank at the end of its name, which an ini cannot say", what,
                                value);
        return 0;
}

int project_ini_check_lines(const char *directory) {
        int r = check_line("the directory", directory);

        return r != 0 ? r : check_line("CLAUDE_HOME", getenv("CLAUDE_HOME") ?: "");
}

/* Both begin with a line `[Section]`. */
static bool same_section(const char *a, const char *b) {
        size_t n = strcspn(a, "\n");

        return n == strcspn(b, "\n") && memcmp(a, b, n) == 0;
}

/* An option is a section and its line. Prints the header of a section only where a new one begins. */
void project_ini_print(FILE *f, const Context *c, const char *directory, char ***origins) {
        const RunOptions *o = c->options;
        const char *home = getenv("CLAUDE_HOME"), *section = "[Project]\n";
        _cleanup_free_ char *work = NEED(strjoin(section, "WorkDirectory=", directory, "\n", NULL)),
                            *home_line = NEED(strjoin("Home=", home ?: "", "\n", NULL));

        ini_origin_print(f, origins, o->directory ? "directory" : INI_ORIGIN_CALL, work);
        if (home && home[0])
                ini_origin_print(f, origins, INI_ORIGIN_CALL, home_line);
        if (o->read_only)
                ini_origin_print(f, origins, "read-only", "ReadOnly=yes\n");
        if (o->dev_shell)
                ini_origin_print(f, origins, "dev-shell", "DevShell=yes\n");
        for (size_t i = 0; o->settings && o->settings[i]; i++) {
                const char *setting = o->settings[i];

                if (!same_section(setting, section))
                        ini_origin_print(f, origins, INI_ORIGIN_CALL, "\n");
                ini_origin_print(f, origins, o->set_by[i],
                                same_section(setting, section) ? strchr(setting, '\n') + 1 : setting);
                section = setting;
        }
}

/* The keys that a user who opens the file looks for first. */
static void print_hints(FILE *f) {
        fputs("\n"
              "# More keys; claude-vm.ini(5) has them all:\n"
              "#\n"
              "# [Project]\n"
              "# AgentArguments=--dangerously-skip-permissions\n"
              "# Share=data:/srv/data:/data:ro\n"
              "#\n"
              "# [VM]\n"
              "# Memory=8G\n"
              "# CPUs=8\n"
              "#\n"
              "# [Network]\n"
              "# Publish=3000:3000\n"
              "#\n"
              "# [Environment]\n"
              "# NODE_ENV=development\n"
              "#\n"
              "# [Credentials]\n"
              "# ANTHROPIC_API_KEY=~/.config/anthropic/key\n"
              "#\n"
              "# [Install]\n"
              "# WantedBy=default.target\n",
                        f);
}

static char *compose(const Context *c, const char *directory, const char *name, char ***origins) {
        _cleanup_free_ char *head = NULL;
        char *text = NULL;
        size_t size;
        FILE *f = NEED(open_memstream(&text, &size));

        head = NEED(strjoin("# Claude Code on ", directory, ": claude-run run ", name,
                        "\n# To change it: claude-run config edit ", name, "\n\n", NULL));
        ini_origin_print(f, origins, INI_ORIGIN_CALL, head);
        project_ini_print(f, c, directory, origins);
        print_hints(f);
        memory_need(!ferror(f) && fclose(f) == 0);
        return text;
}

int project_ini_find(const Context *c, const char *name, char **ret_own, char **ret_effective) {
        _cleanup_json_ sd_json_variant *array = NULL;
        int r = generator_ask(c->options->generator, "--find", name, &array);
        sd_json_variant *object = r == 0 && array ? sd_json_variant_by_index(array, 0) : NULL;
        const char *own_text = object ? generator_text(object, "own") : NULL,
                   *effective_text = object ? generator_text(object, "effective") : NULL;

        if (!own_text)
                return fail(EXIT_FAILURE, "Failed to ask '%s' for the file of '%s'%s%s",
                                c->options->generator, name, r < 0 ? ": " : "", r < 0 ? strerror(-r) : "");
        *ret_own = NEED(strdup(own_text));
        *ret_effective = effective_text ? NEED(strdup(effective_text)) : NULL;
        return 0;
}

bool project_ini_check(const Context *c, const IniOrigin *origin) {
        const char *const argv[] = { c->options->generator, "--check", origin->path, NULL };
        _cleanup_free_ char *messages = NULL;
        int r = run_program_read_errors(argv, &messages);

        if (messages)
                ini_origin_say(origin, messages);
        return r == 0;
}

static int create(const char *path, const char *text) {
        int r = directory_make_parents(path);

        return r < 0 ? r : whole_file_create(path, 0600, text, strlen(text));
}

int project_ini_make(Context *c, const char *directory, const char *name) {
        _cleanup_free_ char *own = NULL, *effective = NULL, *text = NULL;
        _cleanup_strv_free_ char **origins = NULL;
        int r;

        if (!vm_name_is_project(name))
                return fail(EXIT_USAGE, "'%s' is not a valid project name, which is " VM_NAME_RULE, name);
        r = project_ini_check_lines(directory);
        if (r == 0)
                r = project_ini_find(c, name, &own, &effective);
        if (r != 0)
                return r;
        if (effective)
                return fail(EXIT_CONFIGURATION,
                                "project '%s' already exists: %s; to change it: claude-run config edit %s",
                                name, effective, name);
        text = compose(c, directory, name, &origins);
        r = create(own, text);
        if (r < 0)
                return fail(EXIT_FAILURE, "Failed to write '%s': %s", own, strerror(-r));
        if (!project_ini_check(c, &(IniOrigin) { .path = own, .lines = origins })) {
                unlink(own);
                return EXIT_CONFIGURATION;
        }
        fail(0, "project '%s' is %s", name, own);
        return 0;
}
