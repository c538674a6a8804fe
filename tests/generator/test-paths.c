#include "test.h"

#include <errno.h>

#include "paths.h"

static UserPaths paths = {
        .home = (char *) "/home/u",
        .config_home = (char *) "/home/u/.config",
        .data_home = (char *) "/home/u/.local/share/claude-microvm",
        .cache_home = (char *) "/home/u/.cache/claude-microvm",
        .runtime_dir = (char *) "/run/user/1000",
};

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
                "/home/u/.cache", "/home/u/.cache/claude-microvm/devshell", "/run/user/1000",
                "/run/user/1000/x", "/run", "/etc", "/usr", "/var" };
        static const char *const allowed[] = { "/home/u/src", "/home/u/.configuration", "/home/other",
                "/srv/x", "/home/u/.local/share/other", "/home/u/.cache/other", "/run/user/10001" };

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
        assert_string_equal(p.cache_home, "/nonexistent/home/.cache/claude-microvm");
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
                cmocka_unit_test(test_environment),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
