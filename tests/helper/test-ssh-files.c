#include "tests/test.h"

#include <errno.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/run-program.h"
#include "config.h"
#include "helper/ssh/files.h"

static int print(const char *directory, const char *id, char **ret) {
        size_t size;
        FILE *f = open_memstream(ret, &size);
        int r = ssh_files_print_config(f, directory, id);

        assert_int_equal(fclose(f), 0);
        return r;
}

static void test_refuses(void **state) {
        static const char *const bad[] = { "/run/a\n  ProxyCommand touch /tmp/x", "/a\r", "/a\033", "/a\tb",
                "/a\xff", "/a\u2028", "/${HOME}" };
        char *text;

        for (size_t i = 0; i < ELEMENTSOF(bad); i++) {
                assert_int_equal(print(bad[i], "p", &text), -EINVAL);
                free(text);
        }
        assert_int_equal(print("/run", "p\nProxyCommand x", &text), -EINVAL);
        free(text);
        assert_int_equal(print("/run", "p;x", &text), -EINVAL);
        free(text);
}

/* ssh itself says what it has understood. The tokens of IdentityFile are still to be expanded there. */
static void test_ssh_reads_what_was_meant(void **state) {
        static const char *const directories[][2] = {
                { "/run/user/1000/claude-vm/p", "/run/user/1000/claude-vm/p" },
                { "/a b\" #c", "/a b\" #c" },
                { "/100%h\\'x", "/100%%h\\'x" },
                { "/a\\ b=c", "/a\\ b=c" },
        };
        static const char *const words[][2] = { { "identityfile", "ssh.key" },
                { "userknownhostsfile", "ssh.known_hosts" }, { "controlpath", "ssh/control" } };
        char path[] = "/tmp/test-session-files.XXXXXX";
        const char *const argv[] = { SSH_PATH, "-G", "-F", path, "claude-vm", NULL };
        int fd = mkstemp(path);

        assert_true(fd >= 0);
        if (access(SSH_PATH, X_OK) < 0)
                skip();
        for (size_t i = 0; i < ELEMENTSOF(directories); i++) {
                char *text, *answer, line[128];

                assert_int_equal(print(directories[i][0], "p", &text), 0);
                assert_int_equal(ftruncate(fd, 0), 0);
                assert_int_equal(pwrite(fd, text, strlen(text), 0), (ssize_t) strlen(text));
                assert_int_equal(run_program_read(argv, &answer), 0);
                for (size_t j = 0; j < ELEMENTSOF(words); j++) {
                        snprintf(line, sizeof(line), "\n%s %s/%s\n", words[j][0], directories[i][j == 0],
                                        words[j][1]);
                        if (!strstr(answer, line))
                                fail_msg("ssh has not read%sbut: %s", line, answer);
                }
                assert_non_null(strstr(answer, "\nproxycommand " HELPER_PATH " connect p\n"));
                free(text);
                free(answer);
        }
        close(fd);
        unlink(path);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_refuses),
                cmocka_unit_test(test_ssh_reads_what_was_meant),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
