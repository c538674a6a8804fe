/* Names, results and their end, with a nix and a devenv that are scripts. */

#include "tests/test.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/whole-file.h"
#include "helper/devshell/devshell.h"
#include "helper/devshell/source.h"

static char root[PATH_MAX];
static DevShellKind kind;

/* A path below the test's directory; valid until the fourth call after it. */
static const char *at(const char *name) {
        static char paths[4][2 * PATH_MAX];
        static unsigned n;
        char *path = paths[n++ % 4];

        snprintf(path, sizeof(paths[0]), "%s/%s", root, name);
        return path;
}

static void put(const char *name, const char *text) {
        FILE *f = fopen(at(name), "we");

        assert_non_null(f);
        fputs(text, f);
        assert_int_equal(fclose(f), 0);
        assert_int_equal(chmod(at(name), 0700), 0);
}

static int setup(void **state) {
        char template[] = "/tmp/test-devshell-XXXXXX";

        if (!mkdtemp(template) || !realpath(template, root))
                return -1;
        kind = DEVSHELL_FLAKE;
        mkdir(at("work"), 0700);
        mkdir(at("bin"), 0700);
        put("bin/nix",
                        "#!/bin/bash\necho \"$PATH\" >>\"$XDG_CACHE_HOME/calls\"\n"
                        "text=$(<flake.nix)\n[ \"$text\" != broken ] || exit 1\n"
                        "[ \"$text\" != moving ] || echo moved >flake.nix\n"
                        "[ \"$text\" = empty ] || echo \"$text\"\n");
        put("bin/devenv",
                        "#!/bin/bash\necho \"$1 $PWD\" >>\"$XDG_CACHE_HOME/calls\"\n: >written\necho "
                        "\"$(<devenv.nix)\"\n");
        return 0;
}

static int teardown(void **state) {
        pid_t pid = fork();

        if (pid == 0)
                execlp("rm", "rm", "-rf", root, NULL);
        return waitpid(pid, NULL, 0) == pid ? 0 : -1;
}

/* In a process of its own, because it changes directory and environment. */
static int evaluate(void) {
        int status;
        pid_t pid = fork();

        if (pid == 0) {
                const DevShellConfig config = {
                        .dirs = at("bin"),
                        .dir = at("cache"),
                        .work_directory = at("work"),
                        .kind = kind,
                };

                _exit(devshell_evaluate(&config));
        }
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_true(WIFEXITED(status));
        return WEXITSTATUS(status);
}

static unsigned calls(void) {
        _cleanup_free_ char *text = NULL;
        unsigned n = 0;

        if (whole_file_read(at("cache/calls"), 4096, &text) < 0)
                return 0;
        for (const char *s = text; (s = strchr(s, '\n')); s++)
                n++;
        return n;
}

static void check_script(const char *expected) {
        _cleanup_close_ int fd = devshell_open(at("cache"), at("work"), kind);
        char text[513] = "";

        if (!expected) {
                assert_int_equal(fd, -ENOENT);
                return;
        }
        assert_true(fd >= 0);
        assert_int_equal(read(fd, text, sizeof(text)), 512);
        assert_int_equal(strncmp(text, expected, strlen(expected)), 0);
        assert_int_equal(strspn(text + strlen(expected), "\n"), 512 - strlen(expected));
}

/* Owned. */
static char *read_script(void) {
        _cleanup_close_ int fd = devshell_open(at("cache"), at("work"), kind);
        char *text = calloc(1, 4097);

        assert_true(fd >= 0 && text && read(fd, text, 4096) > 0);
        return text;
}

static void key(char ret[static 37]) {
        DevShellSource source;
        const char *name;

        assert_int_equal(devshell_source_read(at("work"), kind, &source, &name), 0);
        memcpy(ret, source.key, 37);
        devshell_source_done(&source);
}

/* Each file counts, and so does where one ends and the next begins. */
static void test_key(void **state) {
        static const char *const names[] = { "work/flake.nix", "work/flake.lock", "work/devenv.nix",
                "work/devenv.yaml", "work/devenv.lock" };
        char keys[8][37];

        key(keys[0]);
        for (size_t i = 0; i < ELEMENTSOF(names); i++) {
                put(names[i], "");
                key(keys[1 + i]);
        }
        put("work/flake.nix", "flake.lock 0\n");
        unlink(at("work/flake.lock"));
        key(keys[6]);
        put("work/flake.nix", "");
        put("work/flake.lock", "flake.lock 0\n");
        key(keys[7]);
        for (size_t i = 0; i < ELEMENTSOF(keys); i++)
                for (size_t j = 0; j < i; j++)
                        assert_string_not_equal(keys[i], keys[j]);
}

static void test_refused(void **state) {
        static const char nul[] = "a\0b";
        DevShellSource source;
        const char *name;

        put("work/devenv.lock", "");
        assert_int_equal(whole_file_create(at("work/flake.nix"), 0600, nul, sizeof(nul)), 0);
        assert_int_equal(devshell_source_read(at("work"), kind, &source, &name), -EINVAL);
        assert_string_equal(name, "flake.nix");
        unlink(at("work/flake.nix"));
        assert_int_equal(mkfifo(at("work/flake.nix"), 0600), 0);
        assert_int_equal(devshell_source_read(at("work"), kind, &source, &name), -ENOTSUP);
        unlink(at("work/flake.nix"));
        assert_int_equal(symlink("devenv.lock", at("work/flake.nix")), 0);
        assert_int_equal(devshell_source_read(at("work"), kind, &source, &name), -ELOOP);
        assert_int_equal(symlink("work", at("link")), 0);
        assert_int_equal(devshell_source_read(at("link"), kind, &source, &name), -ELOOP);
        assert_int_equal(devshell_source_read(at("nowhere"), kind, &source, &name), -ENOENT);
        assert_int_not_equal(evaluate(), 0);
        assert_int_equal(calls(), 0);
}

static void test_cache(void **state) {
        _cleanup_free_ char *path = NULL;

        assert_int_equal(evaluate(), 0);
        assert_int_equal(devshell_open(at("cache"), at("work"), kind), -ENODATA);
        put("work/flake.nix", "export A=1");
        check_script(NULL);
        assert_int_equal(evaluate(), 0);
        assert_int_equal(evaluate(), 0);
        assert_int_equal(calls(), 1);
        check_script("export A=1");
        put("work/flake.nix", "export A=2");
        check_script(NULL);
        assert_int_equal(evaluate(), 0);
        check_script("export A=2");
        /* the old one is gone: evaluated again */
        put("work/flake.nix", "export A=1");
        assert_int_equal(evaluate(), 0);
        assert_int_equal(calls(), 3);
        assert_int_equal(whole_file_read(at("cache/calls"), 4096, &path), 0);
        assert_string_equal(path, "/var/empty\n/var/empty\n/var/empty\n");
}

static void test_failures(void **state) {
        put("work/flake.nix", "broken");
        assert_int_equal(evaluate(), 1);
        check_script(NULL);
        put("work/flake.nix", "empty");
        assert_int_equal(evaluate(), 1);
        put("work/flake.nix", "moving");
        assert_int_equal(evaluate(), 1);
        check_script(NULL);
        put("work/flake.nix", "moving");
        check_script(NULL);
        /* nothing half done stays */
        unlink(at("bin/nix"));
        assert_int_equal(evaluate(), 1);
        assert_int_equal(calls(), 3);
}

/* Its store paths are gone. */
static void test_profile(void **state) {
        DevShellSource source;
        const char *name;
        char link[128];

        put("work/flake.nix", "export A=1");
        assert_int_equal(evaluate(), 0);
        assert_int_equal(devshell_source_read(at("work"), kind, &source, &name), 0);
        snprintf(link, sizeof(link), "cache/%s/profile", source.project);
        devshell_source_done(&source);
        assert_int_equal(symlink("/", at(link)), 0);
        assert_int_equal(evaluate(), 0);
        assert_int_equal(calls(), 1);
        unlink(at(link));
        assert_int_equal(symlink("/nonexistent", at(link)), 0);
        assert_int_equal(evaluate(), 0);
        assert_int_equal(calls(), 2);
}

/* devenv writes beside its files, so it sees copies of them. */
static void test_devenv(void **state) {
        _cleanup_free_ char *text = NULL;
        char expected[PATH_MAX + 64];

        put("work/devenv.nix", "export B=1");
        /* not without its name */
        assert_int_equal(evaluate(), 1);
        assert_int_equal(calls(), 0);
        kind = DEVSHELL_DEVENV;
        assert_int_equal(evaluate(), 0);
        check_script("export B=1");
        assert_int_not_equal(access(at("work/written"), F_OK), 0);
        assert_int_equal(whole_file_read(at("cache/calls"), 4096, &text), 0);
        snprintf(expected, sizeof(expected), "print-dev-env %s/cache/", root);
        assert_int_equal(strncmp(text, expected, strlen(expected)), 0);
        put("work/devenv.nix", "export B=2");
        assert_int_equal(evaluate(), 0);
        check_script("export B=2");
        /* the result of one kind is none of the other's */
        put("work/flake.nix", "export A=1");
        assert_int_equal(evaluate(), 0);
        kind = DEVSHELL_FLAKE;
        check_script(NULL);
        assert_int_equal(evaluate(), 0);
        check_script("export A=1");
}

static void test_environment(void **state) {
        _cleanup_free_ char *text = NULL;

        put("bin/nix", "#!/bin/bash\necho \"$*\" >&2\n/usr/bin/env\n");
        put("work/flake.nix", "{}");
        setenv("SECRET_TOKEN", "x", 1);
        setenv("TMPDIR", "/somewhere", 1);
        setenv("DBUS_SESSION_BUS_ADDRESS", "x", 1);
        setenv("https_proxy", "http://proxy", 1);
        assert_int_equal(evaluate(), 0);
        text = read_script();
        assert_null(strstr(text, "SECRET_TOKEN"));
        assert_null(strstr(text, "DBUS"));
        assert_non_null(strstr(text, "https_proxy=http://proxy\n"));
        assert_non_null(strstr(text, "PATH=/var/empty\n"));
        assert_non_null(strstr(text, "HOME=/somewhere\n"));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_key, setup, teardown),
                cmocka_unit_test_setup_teardown(test_refused, setup, teardown),
                cmocka_unit_test_setup_teardown(test_cache, setup, teardown),
                cmocka_unit_test_setup_teardown(test_failures, setup, teardown),
                cmocka_unit_test_setup_teardown(test_profile, setup, teardown),
                cmocka_unit_test_setup_teardown(test_devenv, setup, teardown),
                cmocka_unit_test_setup_teardown(test_environment, setup, teardown),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
