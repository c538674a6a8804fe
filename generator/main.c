/* claude-vm-generator: called by `systemd --user` at its start and at each reload,
 * before anything else runs. See systemd.generator(7). */

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "config.h"
#include "generator/generator.h"

static int usage(FILE *f) {
        fputs("claude-vm-generator NORMAL-DIR [EARLY-DIR LATE-DIR]\n"
              "claude-vm-generator --dry-run          print every file that would be written\n"
              "claude-vm-generator --check FILE…      validate configuration files\n"
              "claude-vm-generator --list             print name, UUID, work directory, ini and agent of each project\n"
              "claude-vm-generator --show NAME|FILE   print the settings of a project, and where each is from\n"
              "claude-vm-generator --find NAME        print the path of the user's ini, and that of the one that counts\n"
              "claude-vm-generator --request FILE DIR write the units of one request\n"
              "claude-vm-generator --parameters FILE  print what the units of one request would be told, as JSON\n"
              "claude-vm-generator --help | --version\n",
                        f);
        return f == stdout ? EXIT_SUCCESS : 2;
}

static int write_to(Generator *g, const char *dir, const char *request) {
        _cleanup_(unit_writer_cleanup) UnitWriter *w = NULL;
        int r;

        r = unit_writer_new(dir, &w);
        if (r < 0) {
                messages_say("Failed to open '%s': %s", dir ?: "stdout", strerror(-r));
                return r;
        }
        return request ? generator_run_file(g, request, w) : generator_run(g, w);
}

static int check_files(Generator *g, char **files) {
        int r = 0;

        for (; *files; files++)
                if (generator_run_file(g, *files, NULL) < 0)
                        r = -EINVAL;
        return r;
}

/* systemd's own call has no option, and one directory or three. */
static int mode_generate(Generator *g, char **arguments) {
        return write_to(g, arguments[0], NULL);
}

static int mode_dry_run(Generator *g, char **arguments) {
        return write_to(g, NULL, NULL);
}

static int mode_check(Generator *g, char **arguments) {
        return check_files(g, arguments);
}

static int mode_list(Generator *g, char **arguments) {
        return generator_list(g);
}

static int mode_show(Generator *g, char **arguments) {
        return generator_show(g, arguments[0]);
}

static int mode_find(Generator *g, char **arguments) {
        return generator_find(g, arguments[0]);
}

static int mode_request(Generator *g, char **arguments) {
        return write_to(g, arguments[1], arguments[0]);
}

static int mode_parameters(Generator *g, char **arguments) {
        _cleanup_(unit_writer_cleanup) UnitWriter *w = NULL;
        int r = unit_writer_new_json(&w);

        if (r < 0) {
                messages_say("Failed to print parameters: %s", strerror(-r));
                return r;
        }
        r = generator_run_file(g, arguments[0], w);
        return r < 0 ? r : unit_writer_end_json(w);
}

typedef struct Mode {
        const char *option;
        int min, max; /* arguments after it */
        int (*run)(Generator *g, char **arguments);
} Mode;

static const Mode modes[] = {
        { "--dry-run", 0, 0, mode_dry_run },
        { "--check", 1, INT_MAX, mode_check },
        { "--list", 0, 0, mode_list },
        { "--show", 1, 1, mode_show },
        { "--find", 1, 1, mode_find },
        { "--request", 2, 2, mode_request },
        { "--parameters", 1, 1, mode_parameters },
        { NULL, 1, 3, mode_generate },
};

/* The mode of a command line, its arguments in `ret`; NULL for a wrong one. */
static const Mode *find_mode(int argc, char **argv, char ***ret) {
        for (size_t i = 0; argc > 1 && i < ELEMENTSOF(modes); i++) {
                const Mode *mode = modes + i;
                int n = mode->option ? argc - 2 : argc - 1;

                if (mode->option ? strcmp(argv[1], mode->option) != 0 : argv[1][0] == '-' || n == 2)
                        continue;
                *ret = argv + argc - n;
                return n >= mode->min && n <= mode->max ? mode : NULL;
        }
        return NULL;
}

int main(int argc, char **argv) {
        const Mode *mode;
        char **arguments;
        Generator g;
        int r;

        if (argc == 2 && strcmp(argv[1], "--help") == 0)
                return usage(stdout);
        if (argc == 2 && strcmp(argv[1], "--version") == 0)
                return puts("claude-vm-generator " PROJECT_VERSION) < 0;
        mode = find_mode(argc, argv, &arguments);
        if (!mode)
                return usage(stderr);

        r = generator_init(&g);
        if (r < 0) {
                messages_say("Failed to find the user's directories: %s", strerror(-r));
                return EXIT_FAILURE;
        }
        r = mode->run(&g, arguments);
        generator_done(&g);
        return r < 0 || g.failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
