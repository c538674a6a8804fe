/* In processes of their own, because nobody comes back from a namespace. */

#include "tests/test.h"

#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "helper/devshell/view.h"

static char root[PATH_MAX];

static const char *at(const char *name) {
        static char paths[4][2 * PATH_MAX];
        static unsigned n;
        char *path = paths[n++ % 4];

        snprintf(path, sizeof(paths[0]), "%s/%s", root, name);
        return path;
}

static void put(const char *path) {
        FILE *f = fopen(path, "we");

        assert_non_null(f);
        fputs("x", f);
        assert_int_equal(fclose(f), 0);
}

/* Below /tmp, which is covered: a home with work directory, results and secrets. */
static int setup(void **state) {
        char template[] = "/tmp/test-devshell-view-XXXXXX";

        if (!mkdtemp(template) || !realpath(template, root))
                return -1;
        mkdir(at("home"), 0700);
        mkdir(at("home/work"), 0700);
        mkdir(at("home/results"), 0700);
        mkdir(at("home/.nix-profile"), 0700);
        mkdir(at("home/.ssh"), 0700);
        mkdir(at("temporary"), 0700);
        put(at("home/work/flake.nix"));
        put(at("home/.nix-profile/nix"));
        put(at("home/.ssh/id_test"));
        put(at("canary"));
        setenv("HOME", at("home"), 1);
        setenv("TMPDIR", at("temporary"), 1);
        unsetenv("XDG_RUNTIME_DIR");
        return 0;
}

static int teardown(void **state) {
        pid_t pid = fork();

        if (pid == 0)
                execlp("rm", "rm", "-rf", root, NULL);
        return waitpid(pid, NULL, 0) == pid ? 0 : -1;
}

static bool has(const char *name) {
        return access(at(name), F_OK) == 0;
}

static bool can_make(const char *name) {
        FILE *f = fopen(at(name), "we");

        if (f)
                fclose(f);
        return f;
}

/* The number of what is wrong. */
static int look(void) {
        int r = devshell_view_enter(at("home/work"), at("home/results"));

        if (r < 0)
                return -r;
        return !has("home/work/flake.nix")                                                         ? 201
                        : !has("home/.nix-profile/nix")                                            ? 202
                        : !can_make("home/results/new")                                            ? 203
                        : !can_make("temporary/new")                                               ? 204
                        : has("canary")                                                            ? 205
                        : has("home/.ssh")                                                         ? 206
                        : can_make("home/new")                                                     ? 207
                        : can_make("new")                                                          ? 208
                        : access("/home/tester", F_OK) == 0 || access("/run/user/1000", F_OK) == 0 ? 209
                                                                                                   : 0;
}

static int in_child(int (*function)(void)) {
        int status;
        pid_t pid = fork();

        if (pid == 0)
                _exit(function());
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_true(WIFEXITED(status));
        return WEXITSTATUS(status);
}

static void test_view(void **state) {
        int r = in_child(look);

        if (r == EUSERS)
                skip();
        assert_int_equal(r, 0);
        /* nothing of it is seen outside */
        assert_true(has("home/results/new") && has("temporary/new") && has("home/.ssh/id_test") &&
                        has("canary"));
}

/* A guest of a VM above it has put a link in the place of the work directory, or of what it lies in. */
static void test_links(void **state) {
        assert_int_equal(rename(at("home/work"), at("home/aside")), 0);
        assert_int_equal(symlink(".ssh", at("home/work")), 0);
        if (in_child(look) == EUSERS)
                skip();
        assert_int_equal(in_child(look), ELOOP);
        unlink(at("home/work"));
        assert_int_equal(in_child(look), ENOENT);
        assert_int_equal(rename(at("home"), at("other")), 0);
        assert_int_equal(symlink("other", at("home")), 0);
        assert_int_equal(rename(at("other/aside"), at("other/work")), 0);
        assert_int_equal(in_child(look), ELOOP);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_view, setup, teardown),
                cmocka_unit_test_setup_teardown(test_links, setup, teardown),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
