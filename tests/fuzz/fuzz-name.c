/* A guest gives a directory any name and puts a link to it in the place of a project's: whatever the name,
 * each line of the drop-in is one of ours, and the list has one line a project. */

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "generator/json-writer.h"
#include "tests/fuzz/dropin.h"

static char directory[] = "/tmp/fuzz-name.XXXXXX";
static int dir = -1;
static FILE *out;

static void begin(void) {
        char ini[512];
        int fd, n;

        if (!mkdtemp(directory))
                abort();
        dir = open(directory, O_PATH | O_DIRECTORY | O_CLOEXEC);
        fd = openat(dir, "p.ini", O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
        n = snprintf(ini, sizeof(ini),
                        "[Project]\nWorkDirectory=%s/link\nHome=%s/link2/x\nShare=s:%s/link3:/s\n"
                        "DevShell=yes\n",
                        directory, directory, directory);
        if (write(fd, ini, (size_t) n) != n)
                abort();
        close(fd);
        stderr = fopen("/dev/null", "we");
        out = stdout;
}

/* Wherever a name gets to, without the file system. */
static void check_values(Project *p, const char *name) {
        bool bad = unit_writer_refuses(name);
        char **const values[] = { &p->values[SETTING_WORK_DIRECTORY], &p->values[SETTING_HOME],
                &p->values[SETTING_GUEST], &p->path, &p->values[SETTING_AGENT], &p->shares[0].directory,
                &p->shares[0].guest_directory };

        for (size_t i = 0; i < ELEMENTSOF(values); i++) {
                free(*values[i]);
                *values[i] = strdup(name);
        }
        p->messages.path = p->path;
        dropin_check(p, out);
        /* what cannot be written is broken from then on */
        if (bad != (p->messages.n_errors > 0))
                abort();
}

static void check_list(const char *name) {
        char *text = NULL;
        size_t n;
        JsonWriter w = { .f = open_memstream(&text, &n) };

        (void) json_writer_add(&w, &(JsonMember) { "name", name }, 1);
        if (json_writer_end(&w) < 0)
                abort();
        fclose(w.f);
        if (strchr(text, '\n') != text + n - 1)
                abort();
        text[n - 1] = '\0';
        if (printable_check(text))
                abort();
        free(text);
}

static void load(Project **ret) {
        /* links in the home count */
        static const UserPaths paths = {
                .home = directory,
                .config_home = (char *) "/nonexistent/u/.config",
                .data_home = (char *) "/nonexistent/u/data",
        };

        if (project_load(&paths, NULL, dir, directory, "p.ini", false, ret) < 0)
                abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        static const char *const links[] = { "link", "link2", "link3" };
        char name[NAME_MAX + 1] = "";
        Project *p = NULL;

        if (dir < 0)
                begin();
        memcpy(name, data, size < NAME_MAX ? size : NAME_MAX);
        for (char *c = name; *c; c++)
                if (*c == '/')
                        *c = '_';
        check_list(name);
        load(&p);
        if (p->messages.n_errors == 0 && p->n_shares > 0)
                check_values(p, name);
        p = project_free(p);

        if (mkdirat(dir, name, 0700) < 0)
                return 0;
        for (size_t i = 0; i < ELEMENTSOF(links); i++)
                if (symlinkat(name, dir, links[i]) < 0)
                        abort();
        load(&p);
        dropin_check(p, out);
        project_free(p);
        for (size_t i = 0; i < ELEMENTSOF(links); i++)
                unlinkat(dir, links[i], 0);
        unlinkat(dir, name, AT_REMOVEDIR);
        return 0;
}
