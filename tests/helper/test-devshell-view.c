/* In processes of their own, because nobody comes back from a namespace. */

#include "tests/scratch.h"

#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "helper/devshell/view.h"

/* Below /tmp, which is covered: a home with work directory, results and secrets. */
static int setup(void **state) {
        if (scratch_setup(state) < 0)
                return -1;
        mkdir(scratch_path("home"), 0700);
        mkdir(scratch_path("home/work"), 0700);
        mkdir(scratch_path("home/results"), 0700);
        mkdir(scratch_path("home/.nix-profile"), 0700);
        mkdir(scratch_path("home/.ssh"), 0700);
        mkdir(scratch_path("temporary"), 0700);
        scratch_write("home/work/flake.nix", "x", 0600);
        scratch_write("home/.nix-profile/nix", "x", 0600);
        scratch_write("home/.ssh/id_test", "x", 0600);
        scratch_write("canary", "x", 0600);
        setenv("HOME", scratch_path("home"), 1);
        setenv("TMPDIR", scratch_path("temporary"), 1);
        unsetenv("XDG_RUNTIME_DIR");
        return 0;
}

static bool has(const char *name) {
        return access(scratch_path(name), F_OK) == 0;
}

static bool can_make(const char *name) {
        FILE *f = fopen(scratch_path(name), "we");

        if (f)
                fclose(f);
        return f;
}

/* The number of what is wrong. */
static int look(void) {
        int r = devshell_view_enter(scratch_path("home/work"), scratch_path("home/results"));

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
        assert_int_equal(rename(scratch_path("home/work"), scratch_path("home/aside")), 0);
        assert_int_equal(symlink(".ssh", scratch_path("home/work")), 0);
        if (in_child(look) == EUSERS)
                skip();
        assert_int_equal(in_child(look), ELOOP);
        unlink(scratch_path("home/work"));
        assert_int_equal(in_child(look), ENOENT);
        assert_int_equal(rename(scratch_path("home"), scratch_path("other")), 0);
        assert_int_equal(symlink("other", scratch_path("home")), 0);
        assert_int_equal(rename(scratch_path("other/aside"), scratch_path("other/work")), 0);
        assert_int_equal(in_child(look), ELOOP);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_view, setup, scratch_teardown),
                cmocka_unit_test_setup_teardown(test_links, setup, scratch_teardown),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
