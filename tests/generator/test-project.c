#include "tests/test.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <sys/mman.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "generator/project.h"
#include "generator/show.h"
#include "tests/capture.h"

static char directory[] = "/tmp/test-project.XXXXXX";
static const char *man_page;

static UserPaths paths = {
        .home = (char *) "/nonexistent/u",
        .config_home = (char *) "/nonexistent/u/.config",
        .data_home = (char *) "/nonexistent/u/.local/share/claude-microvm",
};

/* The project of an ini with this text; the caller frees it. */
static Project *load(const char *name, const char *text) {
        _cleanup_close_ int dir = open(directory, O_PATH | O_DIRECTORY | O_CLOEXEC);
        _cleanup_close_ int fd = openat(dir, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
        Project *p = NULL;

        assert_int_equal(write(fd, text, strlen(text)), strlen(text));
        assert_int_equal(project_load(&paths, NULL, dir, directory, name, false, &p), 0);
        assert_int_equal(unlinkat(dir, name, 0), 0);
        return p;
}

#define WORK "[Project]\nWorkDirectory=/nonexistent/work\n"

static void test_defaults(void **state) {
        Project *p = load("p.ini", WORK);

        assert_int_equal(p->messages.n_errors, 0);
        assert_string_equal(p->id, "p");
        assert_int_equal(setting_number(p->values, SETTING_MEMORY_MIB), 4096);
        assert_int_equal(setting_number(p->values, SETTING_CPUS), 4);
        assert_string_equal(setting_value(p->values, SETTING_AGENT), "claude");
        assert_string_equal(setting_value(p->values, SETTING_GUEST), "debian");
        assert_int_equal(p->n_shares, 2);
        assert_string_equal(p->shares[0].guest_directory, "/nonexistent/work");
        assert_false(p->shares[0].create);
        assert_true(p->shares[1].create);
        assert_non_null(strstr(p->shares[1].directory, "/.local/share/claude-microvm/work-"));
        project_free(p);
}

/* Stable, and another one for another name or directory. */
static void test_uuid(void **state) {
        Project *a = load("a.ini", WORK), *b = load("a.ini", WORK), *c = load("c.ini", WORK);
        Project *d = load("a.ini", "[Project]\nWorkDirectory=/nonexistent/other\n");

        assert_string_equal(a->uuid, "2ff69345-cbb9-5c81-b873-d37d8fe13b61");
        assert_string_equal(a->uuid, b->uuid);
        assert_string_not_equal(a->uuid, c->uuid);
        assert_string_not_equal(a->uuid, d->uuid);
        assert_string_equal(a->values[SETTING_HOME], c->values[SETTING_HOME]);
        assert_string_not_equal(a->values[SETTING_HOME], d->values[SETTING_HOME]);
        project_free(a);
        project_free(b);
        project_free(c);
        project_free(d);
}

static void memory(const char *value, uint64_t expected) {
        char text[128];
        Project *p;

        snprintf(text, sizeof(text), WORK "[VM]\nMemory=%s\n", value);
        p = load("p.ini", text);
        if (expected > 0)
                assert_int_equal(setting_number(p->values, SETTING_MEMORY_MIB), expected);
        else
                assert_int_equal(p->messages.n_errors, 1);
        project_free(p);
}

static void test_memory(void **state) {
        memory("512M", 512);
        memory("4G", 4096);
        memory("1T", 1024 * 1024);
        memory("1048576K", 1024);
        memory("4", 0);
        memory("4GB", 0);
        memory("4 G", 0);
        memory("-4G", 0);
        memory("+4G", 0);
        memory("1M", 0);
        memory("2T", 0);
        memory("99999999999999999999G", 0);
        memory("18446744073709551615T", 0);
        memory("G", 0);
}

static void test_arguments(void **state) {
        Project *p = load("p.ini",
                        WORK "AgentArguments=-p \"a \\\"b\\\" c\" 'd \"e' f\\ g \"\"\nAgentArguments=x\n");
        static const char *const expected[] = { "-p", "a \"b\" c", "d \"e", "f g", "", "x" };

        assert_int_equal(p->messages.n_errors, 0);
        for (size_t i = 0; i < 6; i++)
                assert_string_equal(p->agent_arguments[i], expected[i]);
        assert_null(p->agent_arguments[6]);
        project_free(p);
        p = load("p.ini", WORK "AgentArguments=\"\\d+\\.x\" \"\\$a\\`\\\\\" \\d '\\d'\n");
        assert_string_equal(p->agent_arguments[0], "\\d+\\.x");
        assert_string_equal(p->agent_arguments[1], "$a`\\");
        assert_string_equal(p->agent_arguments[2], "d");
        assert_string_equal(p->agent_arguments[3], "\\d");
        project_free(p);
        for (const char **bad = (const char *[]) { "\"a", "'a", "a\\", "\"a\\", NULL }; *bad; bad++) {
                char text[128];

                snprintf(text, sizeof(text), WORK "AgentArguments=%s\n", *bad);
                p = load("p.ini", text);
                assert_int_equal(p->messages.n_errors, 1);
                project_free(p);
        }
}

/* The unit has the names with blanks between, whatever the ini has. */
static void test_tabs(void **state) {
        Project *p = load("p.ini", WORK "Protect=yes\t a/b\tc\nPrivate=x\ty\n");

        assert_int_equal(p->messages.n_errors, 0);
        assert_string_equal(p->values[SETTING_PROTECT], "yes  a/b c");
        assert_string_equal(p->values[SETTING_PRIVATE], "x y");
        project_free(p);
}

/* Each is refused for its own reason: the message says where it stands, and why. */
static void test_refused(void **state) {
        static const struct {
                const char *text, *where, *why;
        } bad[] = {
                { "[VM]\nMemory=4G\n", ": WorkDirectory= is missing", "that the agent works on" },
                { WORK "WorkDirectory=/nonexistent/b\n",
                                ":3: WorkDirectory=/nonexistent/b: ", "already set in line 2" },
                { WORK "Home=/nonexistent/work/home\n",
                                ":3: the share 'home' (/nonexistent/work/home) lies in",
                                "'work' (/nonexistent/work)" },
                { WORK "Home=relative\n", ":3: Home=relative: ", "absolute" },
                { WORK "ReadOnly=maybe\n", ":3: ReadOnly=maybe: ", "yes or no" },
                { WORK "Agent=nobody\n", ":3: Agent=nobody: ", "one of: claude gemini codex" },
                { WORK "UUID=x\n", ":3: UUID=x: ", "uuidgen" },
                { WORK "[VM]\nCPUs=0\n", ":4: CPUs=0: ", "1 to 255" },
                { WORK "[VM]\nCPUs=1e3\n", ":4: CPUs=1e3: ", "1 to 255" },
                { WORK "[VM]\nCPUs=256\n", ":4: CPUs=256: ", "1 to 255" },
                { WORK "[VM]\nAccelerator=kv\n", ":4: Accelerator=kv: ", "one of: auto kvm tcg" },
                { WORK "[VM]\nAccelerator=kvm tcg\n", ":4: Accelerator=kvm tcg: ", "one of: auto kvm tcg" },
                { WORK "[VM]\nGuest=a/b\n", ":4: Guest=a/b: ", "name of a guest image" },
                { WORK "[Network]\nMode=\n", ":4: Mode=: ", "needs a value" },
                { WORK "[Service]\nMemoryMax=1G\\\n",
                                ":4: MemoryMax=1G\\: ", "systemd.resource-control(5)" },
                { WORK "Setup=a\tb\n", ":3: Setup=a b: ", "must not contain a tab" },
                { WORK "[Service]\nNice=1;2\n", ":4: Nice=1;2: ", "value for Nice" },
                { WORK "[Service]\nMemoryMax=8GB\n", ":4: MemoryMax=8GB: ", "like 6G or 512M" },
                { WORK "[Environment]\nKEY\n", ":4: 'KEY' ", "write Key=value" },
                { WORK "[Credentials]\nKEY\nKEY=/x\n", ":5: KEY: ", "set twice" },
                { WORK "[Credentials]\nKEY\n[Install]\nWantedBy=default.target\n",
                                ":4: KEY= ", "environment of claude-run" },
                { WORK "[Credentials]\nK EY\n", ":4: 'K EY' ", "letters, digits and '_'" },
                { WORK "[Credentials]\nKEY=relative\n", ":4: KEY=relative: ", "file with the secret" },
                { WORK "[Credentials]\n1KEY=/x\n", ":4: 1KEY: ", "begin with a digit" },
                { WORK "[Environment]\nA=1\nA=2\n", ":5: A: ", "set twice" },
                { WORK "[Environment]\nA=1\n[Credentials]\nA=/x\n", ":6: A: ", "set twice" },
                { WORK "[Install]\nWantedBy=multi-user.target\n",
                                ":4: WantedBy=multi-user.target: ", "default.target" },
                { WORK "Share=data:/nonexistent/data\n",
                                ":3: Share=data:/nonexistent/data: ", "TAG:HOSTDIR:GUESTDIR" },
                { WORK "Share=work:/nonexistent/data:/data\n", ":3: Share=work:", "the tag 'work'" },
                { WORK "Share=Data:/nonexistent/data:/data\n", ":3: Share=Data:", "the tag 'Data'" },
                { WORK "Share=data:/nonexistent/data:/data:rw\n",
                                ":3: Share=data:", "TAG:HOSTDIR:GUESTDIR" },
                { WORK "Share=data:/nonexistent/data:/etc\n", ":3: Share=data:", "'/etc' " },
                { WORK "Share=data:/nonexistent/data:/work\n", ":3: Share=data:", "'/work' " },
                { WORK "Share=data:/nonexistent/data:data\n", ":3: Share=data:", "'data' " },
                { WORK "Share=data:/nonexistent/work/sub:/data\n",
                                ":3: the share 'data' (/nonexistent/work/sub) lies in",
                                "'work' (/nonexistent/work)" },
                { WORK "Share=data:/nonexistent:/data\n",
                                ":3: Share=", "is your home directory or contains it" },
                { WORK "Share=d:/nonexistent/d:/d\nShare=d:/nonexistent/e:/e\n",
                                ":4: Share=d:/nonexistent/e:/e: ", "'d' is taken" },
        };

        for (size_t i = 0; i < ELEMENTSOF(bad); i++) {
                Project *p = load("p.ini", bad[i].text);

                if (p->messages.n_errors == 0)
                        fail_msg("not refused: %s", bad[i].text);
                assert_says(p->messages.first_error, bad[i].where);
                assert_says(p->messages.first_error, bad[i].why);
                project_free(p);
        }
}

/* A typing error in a key that tightens something must not leave it out. */
static void test_unknown_keys(void **state) {
        static const char *const expected[] = {
                "p.ini:3: Bogus=: unknown key in [Project]; one of your own begins with X-: X-Bogus=",
                "p.ini:4: Agnet=: unknown key in [Project]; did you mean Agent=?",
                "p.ini:5: Memory=: unknown key in [Project]; Memory= belongs in [VM]",
                "p.ini:7: Key=: unknown section [Future]; one of your own begins with X-: [X-Future]"
        };
        Capture c = capture_begin(STDERR_FILENO);
        Project *p = load("p.ini", WORK "Bogus=1\nAgnet=codex\nMemory=8G\n[Future]\nKey=1\n");
        const char *said = capture_end(c);

        assert_int_equal(p->messages.n_errors, ELEMENTSOF(expected));
        for (size_t i = 0; i < ELEMENTSOF(expected); i++)
                assert_says(said, expected[i]);
        project_free(p);
}

static void test_keys_of_others(void **state) {
        Project *p = load("p.ini",
                        WORK
                        "X-Team=web, db\n[X-Editor.One]\nany line at all\n a b\n[VM]\nX-=1\nX-CPUs=3\nMemory=8G\n");

        assert_int_equal(p->messages.n_errors, 1);
        assert_says(p->messages.first_error, "'X-' is not a valid key");
        project_free(p);
        p = load("p.ini", WORK "X-Team=web\n[X-Editor]\nMemory=none\n[VM]\nX-CPUs=3\nMemory=8G\n");
        assert_int_equal(p->messages.n_errors, 0);
        assert_int_equal(setting_number(p->values, SETTING_MEMORY_MIB), 8192);
        assert_null(p->values[SETTING_CPUS]);
        project_free(p);
}

static void test_secrets_of_the_caller(void **state) {
        Project *p = load("p.ini", WORK "[Credentials]\nA\nB=\nC=/nonexistent/c\n");

        assert_int_equal(p->messages.n_errors, 0);
        assert_int_equal(p->caller_credentials.n, 2);
        assert_string_equal(p->caller_credentials.items[0].name, "A");
        assert_string_equal(p->caller_credentials.items[1].name, "B");
        assert_int_equal(p->credentials.n, 1);
        project_free(p);
}

static void test_names(void **state) {
        Project *p = load("a b.ini", WORK);

        assert_int_equal(p->messages.n_errors, 1);
        assert_string_equal(p->id, "");
        project_free(p);
}

/* What --show prints of an ini with this text. */
static void shown(const char *text, char *ret, size_t size) {
        _cleanup_close_ int dir = open(directory, O_PATH | O_DIRECTORY | O_CLOEXEC);
        _cleanup_close_ int fd = openat(dir, "shown.ini", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
        _cleanup_close_ int out = memfd_create("stdout", MFD_CLOEXEC), saved = -EBADF;
        Project *p = NULL;
        ssize_t n;

        assert_int_equal(write(fd, text, strlen(text)), strlen(text));
        assert_int_equal(project_load(&paths, NULL, dir, directory, "shown.ini", false, &p), 0);
        assert_int_equal(p->messages.n_errors, 0);
        fflush(stdout);
        saved = dup(STDOUT_FILENO);
        assert_true(saved >= 0 && dup2(out, STDOUT_FILENO) >= 0);
        assert_int_equal(show_project(p), 0);
        fflush(stdout);
        assert_true(dup2(saved, STDOUT_FILENO) >= 0);
        n = pread(out, ret, size - 1, 0);
        assert_true(n > 0);
        ret[n] = '\0';
        assert_int_equal(unlinkat(dir, "shown.ini", 0), 0);
        project_free(p);
}

/* Each default of the table, without a file and a line; and what the ini says instead of it. */
static void test_show(void **state) {
        char text[16384], line[256];

        shown(WORK, text, sizeof(text));
        for (size_t i = 0; i < N_SETTINGS; i++) {
                const Setting *s = &settings[i];

                snprintf(line, sizeof(line), "{\"section\":\"%s\",\"key\":\"%s\",\"value\":\"%s\"}",
                                s->section, s->key, s->fallback ?: "");
                if (!!strstr(text, line) != !!s->fallback)
                        fail_msg("the default of %s= is not shown: %s", s->key, text);
        }
        shown(WORK "[VM]\nMemory=2G\n", text, sizeof(text));
        assert_non_null(strstr(text, "\"key\":\"Memory\",\"value\":\"2G\",\"file\":"));
        assert_null(strstr(text, "\"value\":\"4G\""));
}

static bool is_key(const char *word, size_t length) {
        for (size_t i = 0; i < N_SETTINGS; i++)
                if (strlen(settings[i].key) == length && memcmp(settings[i].key, word, length) == 0)
                        return true;
        return false;
}

/* The text from `begin` up to the next line that begins with one of two macros, owned; NULL if there is
 * none. */
static char *part_of(const char *text, const char *begin, const char *macro, const char *other) {
        const char *start = text ? strstr(text, begin) : NULL, *end, *other_end;

        if (!start)
                return NULL;
        start += strlen(begin);
        end = strstr(start, macro);
        other_end = strstr(start, other);
        if (!end || (other_end && other_end < end))
                end = other_end;
        return end ? strndup(start, (size_t) (end - start)) : strdup(start);
}

/* Its words, or the ends of its range, and its default. */
static void check_paragraph(const Setting *s, const char *paragraph) {
        const char *word = s->range ?: "";
        size_t n;

        for (; (n = setting_next_word(&word)) > 0; word += n)
                if (!memmem(paragraph, strlen(paragraph), word, n))
                        fail_msg("%s= in the man page does not say '%.*s'", s->key, (int) n, word);
        if (s->range && !strstr(paragraph, s->fallback))
                fail_msg("%s= in the man page does not say its default %s", s->key, s->fallback);
}

/* Each key of the table has its paragraph in the man page, in its section; and the page has no other. */
static void test_man_page(void **state) {
        _cleanup_fclose_ FILE *f = fopen(man_page, "re");
        _cleanup_free_ char *text = calloc(1, 1 << 20);

        assert_non_null(f);
        assert_true(fread(text, 1, (1 << 20) - 1, f) > 0);
        for (size_t i = 0; i < N_SETTINGS; i++) {
                _cleanup_free_ char *section = NULL, *paragraph = NULL;
                const Setting *s = &settings[i];
                char heading[128], entry[128];

                snprintf(heading, sizeof(heading), "\n.SH [%s]\n", s->section);
                snprintf(entry, sizeof(entry), "\n.B %s=\n", s->key);
                section = part_of(text, heading, "\n.SH ", "\n.SH ");
                paragraph = part_of(section, entry, "\n.TP\n", "\n.SH ");
                if (!paragraph)
                        fail_msg("%s= of [%s] is not in the man page", s->key, s->section);
                check_paragraph(s, paragraph);
        }
        for (const char *p = text; (p = strstr(p, "\n.B "));) {
                size_t length;

                p += strlen("\n.B ");
                length = strcspn(p, "= \n");
                if (p[length] == '=' && p[length + 1] == '\n' && !is_key(p, length))
                        fail_msg("%.*s= of the man page is no key", (int) length, p);
        }
}

int main(int argc, char **argv) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_defaults),
                cmocka_unit_test(test_uuid),
                cmocka_unit_test(test_memory),
                cmocka_unit_test(test_arguments),
                cmocka_unit_test(test_tabs),
                cmocka_unit_test(test_refused),
                cmocka_unit_test(test_unknown_keys),
                cmocka_unit_test(test_keys_of_others),
                cmocka_unit_test(test_secrets_of_the_caller),
                cmocka_unit_test(test_names),
                cmocka_unit_test(test_show),
                cmocka_unit_test(test_man_page),
        };
        int r;

        if (argc < 2 || !mkdtemp(directory))
                return 1;
        man_page = argv[1];
        r = cmocka_run_group_tests(tests, NULL, NULL);
        rmdir(directory);
        return r;
}
