#include "tests/test.h"

#include <errno.h>
#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/path.h"
#include "generator/paths.h"
#include "generator/shareable.h"

static UserPaths paths;

/* A user who is not on this machine. */
static int setup(void **state) {
        setenv("HOME", "/home/u", 1);
        setenv("XDG_RUNTIME_DIR", "/run/user/9999", 1);
        unsetenv("XDG_CONFIG_HOME");
        unsetenv("XDG_DATA_HOME");
        unsetenv("XDG_CACHE_HOME");
        return user_paths_init(&paths) < 0 ? -1 : shareable_close_places(&paths);
}

static int teardown(void **state) {
        user_paths_done(&paths);
        return 0;
}

static void check(const char *value, const char *expected) {
        const char *why = NULL;
        char *path = NULL;
        int r = path_parse(paths.home, value, &path, &why);

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

/* The path counts, not what is written for it; systemd takes none of PATH_MAX bytes. */
static void test_long(void **state) {
        char value[PATH_MAX + 1];
        size_t n = PATH_MAX - 1 - strlen("/home/u");
        char *path = NULL;
        const char *why;

        memset(value, 'x', sizeof(value));
        memcpy(value, "~/", 2);
        value[n + 1] = '\0';
        assert_int_equal(path_parse(paths.home, value, &path, &why), 0);
        assert_int_equal(strlen(path), PATH_MAX - 1);
        free(path);
        value[n + 1] = 'x';
        value[n + 2] = '\0';
        check(value, NULL);
        value[n] = '%';
        value[n + 1] = '\0';
        check(value, NULL);
}

static void test_is_in(void **state) {
        assert_true(path_is_in("/a/b", "/a"));
        assert_true(path_is_in("/a", "/a"));
        assert_true(path_is_in("/a", "/"));
        assert_false(path_is_in("/ab", "/a"));
        assert_false(path_is_in("/a", "/a/b"));
}

/* The reason, with what is really at the path. */
static const char *refused(const UserPaths *p, const char *path, bool is_agent_home) {
        PathPlace place;
        const char *why;

        assert_int_equal(user_paths_resolve(p, path, &place), 0);
        why = shareable_refused(p, &place, is_agent_home);
        path_place_done(&place);
        return why;
}

static void test_refused(void **state) {
        static const char *const never[] = { "/", "/home", "/home/u", "/home/u/.config", "/home/u/.config/x",
                "/home/u/.ssh", "/home/u/.ssh/x", "/home/u/.gnupg", "/home/u/.local", "/home/u/.local/bin",
                "/home/u/.local/share", "/home/u/.local/share/claude-microvm", "/home/u/.cache",
                "/home/u/.cache/claude-microvm/devshell", "/home/u/bin", "/home/u/go", "/home/u/go/bin",
                "/home/u/.cargo", "/home/u/.npm-global", "/home/u/.local/lib", "/home/u/.local/lib/x",
                "/home/u/.local/share/applications", "/home/u/.local/share/keyrings", "/home/u/.pki",
                "/home/u/.password-store", "/home/u/.claude", "/home/u/snap", "/home/u/snap/x",
                "/home/u/.local/share/systemd/user", "/run/user/9999", "/run/user/9999/x", "/run/user",
                "/run", "/etc", "/etc/systemd", "/usr", "/usr/local", "/usr/lib/x", "/var", "/var/lib",
                "/var/lib/x", "/var/spool/cron", "/root", "/root/x", "/boot", "/tmp", "/var/tmp", "/dev",
                "/dev/shm", "/dev/shm/x", "/dev/pts", "/proc", "/proc/self/fd", "/proc/sys", "/sys",
                "/sys/fs/cgroup", "/sys/kernel/debug", "/nix", "/nix/var/nix", "/home/linuxbrew" };
        static const char *const allowed[] = { "/home/u/src", "/home/u/src/.hidden", "/home/u/go/src",
                "/home/u/binaries", "/home/u/Desktop", "/home/other/x", "/srv/x", "/srv", "/opt/x", "/mnt/x",
                "/tmp/x", "/var/tmp/x", "/var/www/x", "/usr/src/x", "/usr/local/src/x", "/nix/store" };

        for (size_t i = 0; i < sizeof(never) / sizeof(*never); i++)
                if (!refused(&paths, never[i], false))
                        fail_msg("%s is not refused", never[i]);
        for (size_t i = 0; i < sizeof(allowed) / sizeof(*allowed); i++)
                if (refused(&paths, allowed[i], false))
                        fail_msg("%s: %s", allowed[i], refused(&paths, allowed[i], false));
}

/* One level below our data directory, and not the images. */
static void test_homes(void **state) {
        assert_non_null(refused(&paths, "/home/u/.local/share/claude-microvm/x", false));
        assert_null(refused(&paths, "/home/u/.local/share/claude-microvm/x", true));
        assert_non_null(refused(&paths, "/home/u/.local/share/claude-microvm/x/y", true));
        assert_non_null(refused(&paths, "/home/u/.local/share/claude-microvm", true));
        assert_non_null(refused(&paths, "/home/u/.local/share/claude-microvm/guests", true));
        assert_non_null(refused(&paths, "/home/u/.local/share/claude-microvm/guests/debian", true));
}

static void test_hidden(void **state) {
        static const char *const hidden[] = { "/home/u/.aws", "/home/u/.kube/x", "/home/u/.mozilla",
                "/home/u/.docker", "/home/u/.vscode", "/home/u/.vim", "/home/u/.emacs.d",
                "/home/u/.oh-my-zsh", "/home/u/.nix-profile", "/home/u/.cargo/registry",
                "/home/u/.claude/skills", "/home/u/.local/share/fish", "/home/u/.local/state",
                "/home/u/.cache/other", "/home/u/.gradle", "/home/u/.var", "/home/u/..x" };
        static const char *const seen[] = { "/home/u/src", "/home/u/src/.git", "/home/u", "/home/us/.x",
                "/srv/.x", "/home/u/.local/share/claude-microvm/x" };

        for (size_t i = 0; i < sizeof(hidden) / sizeof(*hidden); i++)
                if (!shareable_is_hidden(&paths, hidden[i]))
                        fail_msg("%s is not hidden", hidden[i]);
        for (size_t i = 0; i < sizeof(seen) / sizeof(*seen); i++)
                if (shareable_is_hidden(&paths, seen[i]))
                        fail_msg("%s is hidden", seen[i]);
}

static void test_stays_closed(void **state) {
        static const char *const closed[] = { "/home/u/.config", "/home/u/.config/nvim", "/home/u/.ssh",
                "/home/u/.gnupg", "/home/u/.local", "/home/u/.local/bin", "/home/u/.local/share",
                "/home/u/.local/share/claude-microvm/x", "/home/u/.cache", "/home/u/.claude",
                "/home/u/.cargo", "/home/u/.pki", "/home/u/src", "/home/u", "/", "/srv/.x",
                "/run/user/9999" };
        static const char *const open[] = { "/home/u/.dotfiles", "/home/u/.claude/skills",
                "/home/u/.local/share/chezmoi" };

        for (size_t i = 0; i < sizeof(closed) / sizeof(*closed); i++)
                if (!shareable_stays_closed(&paths, closed[i]))
                        fail_msg("%s can be opened", closed[i]);
        for (size_t i = 0; i < sizeof(open) / sizeof(*open); i++)
                if (shareable_stays_closed(&paths, open[i]))
                        fail_msg("%s: %s", open[i], shareable_stays_closed(&paths, open[i]));
}

/* Whose configuration is somewhere else by way of a link has it there. */
static void test_refused_behind_links(void **state) {
        char directory[] = "/tmp/test-paths.XXXXXX", *dotfiles, *ssh, *link, *new;
        PathPlace place;
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
        assert_int_equal(shareable_close_places(&p), 0);
        assert_non_null(refused(&p, dotfiles, false));
        /* a directory that is still to be made is where it will be */
        assert_int_equal(user_paths_resolve(&p, new, &place), 0);
        path_place_done(&place);
        assert_true(path_is_in(place.path, dotfiles));
        assert_non_null(refused(&p, new, false));
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
                cmocka_unit_test(test_long),
                cmocka_unit_test(test_is_in),
                cmocka_unit_test(test_refused),
                cmocka_unit_test(test_homes),
                cmocka_unit_test(test_hidden),
                cmocka_unit_test(test_stays_closed),
                cmocka_unit_test(test_refused_behind_links),
                cmocka_unit_test(test_environment),
        };
        return cmocka_run_group_tests(tests, setup, teardown);
}
