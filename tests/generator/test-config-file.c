#include "tests/test.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "generator/config-file.h"

/* What the handler got, as `section.key=value@line;`. */
static char seen[16384];

static void handler(void *userdata, const char *section, const char *key, const char *value, unsigned line) {
        size_t n = strlen(seen);

        snprintf(seen + n, sizeof(seen) - n, "%s.%s=%s@%u;", section, key, value, line);
}

/* Parses a text; the number of errors. */
static unsigned parse(const char *text, size_t size) {
        Messages m = { .path = "t" };
        unsigned n;

        seen[0] = '\0';
        config_file_parse(text, size, &m, handler, NULL);
        n = m.n_errors;
        messages_done(&m);
        return n;
}

static unsigned parse_text(const char *text) {
        return parse(text, strlen(text));
}

static void test_values_arrive_whole(void **state) {
        assert_int_equal(parse_text("[A]\nK = v ; w # x\n; c\n# c\n\nL=\n"), 0);
        assert_string_equal(seen, "A.K=v ; w # x@2;A.L=@6;");
        assert_int_equal(parse_text("[A]\r\nK=v\r\nL=a:b=c\t\n"), 0);
        assert_string_equal(seen, "A.K=v@2;A.L=a:b=c@3;");
        /* no newline at the end */
        assert_int_equal(parse_text("[A]\nK=v"), 0);
        assert_string_equal(seen, "A.K=v@2;");
}

/* inih's own buffer has 200 bytes. */
static void test_long_line(void **state) {
        char text[9000];
        int n;

        n = snprintf(text, sizeof(text), "[A]\nK=%0*d\nL=1\n", 5000, 0);
        assert_int_equal(parse(text, (size_t) n), 0);
        assert_non_null(strstr(seen, "00@2;A.L=1@3;"));
        n = snprintf(text, sizeof(text), "[A]\nK=%0*d\nL=1\n", (int) CONFIG_LINE_MAX, 0);
        assert_int_equal(parse(text, (size_t) n), 1);
        assert_string_equal(seen, "A.L=1@3;");
}

static void test_refused_lines(void **state) {
        static const char *const bad[] = { "[A]\n K=v\n", "[A]\n\tK=v\n", "[A]\nK\n", "[A]\nK:v\n",
                "[A]\nK x=v\n", "[A\n", "[A] x\n", "[[A]\n", "[A]]\n", "[A]x]\n", "[A]\n=v\n",
                "[A]\nK=\033[1m\n", "[A]\nK=\x7f\n", "[A]\nK=\xff\n", "[A]\nK=\xc0\x80\n",
                "[A]\nK=\xed\xa0\x80\n", "[A]\nK=\xf5\x80\x80\x80\n", "[A]\nK=\xe2\x82\n" };

        for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
                assert_int_equal(parse(bad[i], strlen(bad[i])), 1);
                assert_string_equal(seen, "");
        }
        assert_int_equal(parse("[A]\nK=a\0b\nL=c\n", 14), 1);
        assert_string_equal(seen, "A.L=c@3;");
        assert_int_equal(parse_text("[A]\nK=\xe2\x82\xac\n"), 0);
}

/* What is not for us may have any form, and the next section is ours again. */
static void test_foreign(void **state) {
        assert_int_equal(
                        parse_text("[A]\nX-any key=v\nK=1\n[X-My notes; all]\nno assignment\n indented\nL=2\n[A]\nM=3\n"),
                        0);
        assert_string_equal(seen, "A.K=1@3;A.M=3@9;");
        assert_int_equal(
                        parse_text("[X-a-name-of-a-section-that-has-more-than-forty-bytes]\nL=2\n[B]\nM=3\n"),
                        0);
        assert_string_equal(seen, "B.M=3@4;");
        assert_int_equal(parse_text("[X-a\nL=2\n"), 1);
}

static void test_byte_order_mark(void **state) {
        assert_int_equal(parse_text("\xEF\xBB\xBF[A]\nK=v\n"), 0);
        assert_string_equal(seen, "A.K=v@2;");
        assert_int_equal(parse_text("\xEF\xBB\xBF"), 0);
}

static int directory(char *path) {
        strcpy(path, "/tmp/test-config-file.XXXXXX");
        assert_non_null(mkdtemp(path));
        return open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
}

static void create(int dir, const char *name, const char *content, mode_t mode) {
        int fd = openat(dir, name, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

        assert_true(fd >= 0);
        assert_int_equal(write(fd, content, strlen(content)), strlen(content));
        assert_int_equal(fchmod(fd, mode), 0);
        close(fd);
}

static int read_file(int dir, const char *name, unsigned *errors) {
        Messages m = { .path = name };
        ConfigFile file;
        int r;

        seen[0] = '\0';
        r = config_file_read(dir, name, &m, handler, NULL, &file);
        *errors = m.n_errors;
        messages_done(&m);
        return r;
}

static void test_files(void **state) {
        char path[64];
        int dir = directory(path);
        unsigned errors;

        create(dir, "good", "[A]\nK=v\n", 0644);
        create(dir, "empty", "", 0644);
        create(dir, "shared", "[A]\nK=v\n", 0664);
        assert_int_equal(symlinkat("/dev/null", dir, "null"), 0);
        assert_int_equal(symlinkat("good", dir, "link"), 0);
        assert_int_equal(mkfifoat(dir, "fifo", 0600), 0);
        assert_int_equal(mkdirat(dir, "dir", 0700), 0);

        assert_int_equal(read_file(dir, "good", &errors), 0);
        assert_int_equal(errors, 0);
        assert_string_equal(seen, "A.K=v@2;");
        assert_int_equal(read_file(dir, "empty", &errors), 1);
        assert_int_equal(read_file(dir, "null", &errors), 1);
        assert_int_equal(read_file(dir, "absent", &errors), -ENOENT);
        for (const char **name = (const char *[]) { "shared", "link", "fifo", "dir", NULL }; *name; name++) {
                assert_true(read_file(dir, *name, &errors) < 0);
                assert_int_equal(errors, 1);
                assert_string_equal(seen, "");
        }
        for (const char **name = (const char *[]) { "good", "empty", "shared", "null", "link", "fifo",
                             NULL };
                        *name; name++)
                unlinkat(dir, *name, 0);
        unlinkat(dir, "dir", AT_REMOVEDIR);
        close(dir);
        rmdir(path);
}

static int write_text(const char *path, const char *text) {
        int fd = open(path, O_WRONLY | O_CLOEXEC);
        ssize_t n = fd < 0 ? -1 : write(fd, text, strlen(text));

        close(fd);
        return n < 0 ? -1 : 0;
}

/* In a user namespace all files but our own are another user's. */
static void test_foreign_file(void **state) {
        char map[64];
        unsigned errors;
        int status;
        pid_t pid;

        snprintf(map, sizeof(map), "1 %u 1", getuid());
        pid = fork();
        if (pid == 0) {
                int dir = open("/etc", O_PATH | O_DIRECTORY | O_CLOEXEC);

                /* qemu-user has a thread of its own, and a process with threads makes no user namespace */
                if (unshare(CLONE_NEWUSER) < 0)
                        _exit(errno == EINVAL ? 77 : 2);
                if (write_text("/proc/self/uid_map", map) < 0)
                        _exit(2);
                seen[0] = '\0';
                _exit(read_file(dir, "passwd", &errors) < 0 && errors == 1 && !seen[0] ? 0 : 1);
        }
        assert_int_equal(waitpid(pid, &status, 0), pid);
        if (WIFEXITED(status) && WEXITSTATUS(status) == 77)
                skip();
        assert_int_equal(status, 0);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_values_arrive_whole),
                cmocka_unit_test(test_long_line),
                cmocka_unit_test(test_refused_lines),
                cmocka_unit_test(test_foreign),
                cmocka_unit_test(test_byte_order_mark),
                cmocka_unit_test(test_files),
                cmocka_unit_test(test_foreign_file),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
