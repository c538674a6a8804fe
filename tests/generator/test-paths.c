#include "test.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#include "paths.h"

static UserPaths paths;

/* A user who is not on this machine. */
static int setup(void **state) {
        setenv("HOME", "/home/u", 1);
        setenv("XDG_RUNTIME_DIR", "/run/user/9999", 1);
        unsetenv("XDG_CONFIG_HOME");
        unsetenv("XDG_DATA_HOME");
        unsetenv("XDG_CACHE_HOME");
        return user_paths_init(&paths);
}

static int teardown(void **state) {
        user_paths_done(&paths);
        return 0;
}

static void check(const char *value, const char *expected) {
        const char *why = NULL;
        char *path = NULL;
        int r = path_parse(&paths, value, &path, &why);

        if (expected) {
                assert_int_equal(r, 0);
                assert_string_equal(path, expected);
        } else {
                assert_int_equal(r, -EINVAL);
                assert_non_null(why);
                assert_null(path);
        }
        free(path);
}

static void test_parse(void **state) {
        check("/a/b", "/a/b");
        check("//a//./b/", "/a/b");
        check("/", "/");
        check("~", "/home/u");
        check("~/x y", "/home/u/x y");
        check("/a/..b/.c/...", "/a/..b/.c/...");
        check("a/b", NULL);
        check("./a", NULL);
        check("~u/x", NULL);
        check("/a/../b", NULL);
        check("/a/..", NULL);
        check("~/..", NULL);
        check("/a\\", NULL);
        check("/a\tb", NULL);
}

static void test_is_in(void **state) {
        assert_true(path_is_in("/a/b", "/a"));
        assert_true(path_is_in("/a", "/a"));
        assert_true(path_is_in("/a", "/"));
        assert_false(path_is_in("/ab", "/a"));
        assert_false(path_is_in("/a", "/a/b"));
}

static void test_refused(void **state) {
        static const char *const refused[] = { "/", "/home", "/home/u", "/home/u/.config",
                "/home/u/.config/x", "/home/u/.ssh", "/home/u/.ssh/x", "/home/u/.gnupg", "/home/u/.local",
                "/home/u/.local/bin", "/home/u/.local/share", "/home/u/.local/share/claude-microvm",
                "/home/u/.cache", "/home/u/.cache/claude-microvm/devshell", "/home/u/bin",
                "/home/u/.local/share/systemd/user", "/run/user/9999", "/run/user/9999/x", "/run", "/etc",
                "/usr", "/var" };
        static const char *const allowed[] = { "/home/u/src", "/home/u/.configuration", "/home/other",
                "/srv/x", "/home/u/.local/share/other", "/home/u/.cache/other", "/run/user/99991" };

        for (size_t i = 0; i < sizeof(refused) / sizeof(*refused); i++)
                if (!path_refused(&paths, refused[i], 0))
                        fail_msg("%s is not refused", refused[i]);
        for (size_t i = 0; i < sizeof(allowed) / sizeof(*allowed); i++)
                if (path_refused(&paths, allowed[i], 0))
                        fail_msg("%s: %s", allowed[i], path_refused(&paths, allowed[i], 0));
        assert_non_null(path_refused(&paths, "/home/u/.local/share/claude-microvm/x", 0));
        assert_null(path_refused(&paths, "/home/u/.local/share/claude-microvm/x", 1));
        assert_non_null(path_refused(&paths, "/home/u/.local/share/claude-microvm", 1));
}

/* Whose configuration is somewhere else by way of a link has it there. */
static void test_refused_behind_links(void **state) {
        char directory[] = "/tmp/test-paths.XXXXXX", *dotfiles, *ssh, *link, *new;
        UserPaths p;

        assert_non_null(mkdtemp(directory));
        assert_true(asprintf(&dotfiles, "%s/dotfiles", directory) > 0);
        assert_true(asprintf(&link, "%s/.config", directory) > 0);
        assert_true(asprintf(&new, "%s/.config/new/project", directory) > 0);
        assert_true(asprintf(&ssh, "%s/.ssh", directory) > 0);
        assert_int_equal(mkdir(dotfiles, 0700), 0);
        assert_int_equal(symlink("dotfiles", link), 0);
        assert_int_equal(symlink(dotfiles, ssh), 0);
        setenv("HOME", directory, 1);
        assert_int_equal(user_paths_init(&p), 0);
        assert_non_null(path_refused(&p, dotfiles, 0));
        /* a directory that is still to be made is where it will be */
        free(link);
        link = path_canonical(new);
        assert_true(path_is_in(link, dotfiles));
        assert_non_null(path_refused(&p, link, 0));
        user_paths_done(&p);
        free(link);
        assert_true(asprintf(&link, "rm -r '%s'", directory) > 0);
        assert_int_equal(system(link), 0);
        free(dotfiles);
        free(ssh);
        free(link);
        free(new);
}

static void test_environment(void **state) {
        UserPaths p;

        setenv("HOME", "/nonexistent/home", 1);
        setenv("XDG_CONFIG_HOME", "relative", 1);
        setenv("XDG_DATA_HOME", "/data", 1);
        unsetenv("XDG_CACHE_HOME");
        unsetenv("XDG_RUNTIME_DIR");
        assert_int_equal(user_paths_init(&p), 0);
        assert_string_equal(p.config_home, "/nonexistent/home/.config");
        assert_string_equal(p.data_home, "/data/claude-microvm");
        assert_null(p.runtime_dir);
        user_paths_done(&p);
        setenv("HOME", "home", 1);
        assert_int_equal(user_paths_init(&p), -ENOENT);
        unsetenv("HOME");
        assert_int_equal(user_paths_init(&p), -ENOENT);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_parse),
                cmocka_unit_test(test_is_in),
                cmocka_unit_test(test_refused),
                cmocka_unit_test(test_refused_behind_links),
                cmocka_unit_test(test_environment),
        };
        return cmocka_run_group_tests(tests, setup, teardown);
}
