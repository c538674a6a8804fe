#include "tests/test.h"

#include <errno.h>

#include "common/cleanup.h"
#include "common/strv.h"
#include "helper/parameters.h"

#define UUID "CLAUDE_VM_UUID=0b7c1f3e-5d0a-4b52-9f0e-2d1c3b4a5968"
#define GOOD UUID, "CLAUDE_VM_MEMORY_MIB=2048", "CLAUDE_VM_CPUS=2"
#define ENVIRONMENT(...) ((char *const *) (const char *const[]) { __VA_ARGS__, NULL })

static void test_good(void **state) {
        Parameters *p = NULL;
        char *why = NULL;

        assert_int_equal(
                        parameters_read("p",
                                        ENVIRONMENT(GOOD, "CLAUDE_VM_SHARE_work=ro:/work:/a:b c",
                                                        "CLAUDE_VM_SHARE_home=rw,create:/home/claude:/h",
                                                        "CLAUDE_VM_ARGUMENT_1=y z", "CLAUDE_VM_ARGUMENT_0=x",
                                                        "CLAUDE_VM_ENVIRONMENT_A=b=c", "OTHER=1"),
                                        &p, &why),
                        0);
        assert_int_equal(setting_number(p->values, SETTING_MEMORY_MIB), 2048);
        assert_int_equal(p->n_shares, 2);
        assert_true(p->shares[0].create);
        assert_string_equal(p->shares[1].directory, "/a:b c");
        assert_true(p->shares[1].read_only);
        assert_false(p->shares[1].create);
        assert_int_equal(strv_length(p->arguments), 2);
        assert_string_equal(p->arguments[1], "y z");
        assert_string_equal(p->environment[0], "A=b=c");
        parameters_free(p);
}

static void test_defaults(void **state) {
        Parameters *p = NULL;
        char *why = NULL;

        assert_int_equal(parameters_read("p", ENVIRONMENT(UUID), &p, &why), 0);
        assert_int_equal(setting_number(p->values, SETTING_MEMORY_MIB), 4096);
        assert_int_equal(setting_number(p->values, SETTING_CPUS), 4);
        assert_string_equal(setting_value(p->values, SETTING_GUEST), "debian");
        assert_true(setting_is(p->values, SETTING_AGENT, "claude"));
        assert_true(setting_is(p->values, SETTING_AGENT_START, "boot"));
        assert_true(setting_is(p->values, SETTING_NETWORK, "internet"));
        assert_int_equal(p->dev_shell, DEVSHELL_NONE);
        assert_string_equal(p->caller_credentials, "");
        parameters_free(p);
}

static void test_optional_share(void **state) {
        Parameters *p = NULL;
        char *why = NULL;

        assert_int_equal(parameters_read("p",
                                         ENVIRONMENT(GOOD, "CLAUDE_VM_DEV_SHELL=yes",
                                                         "CLAUDE_VM_SHARE_a=ro,optional:/a:/nonexistent/a",
                                                         "CLAUDE_VM_SHARE_b=ro,optional:/b:/",
                                                         "CLAUDE_VM_SHARE_work=rw:/work:/nonexistent/w"),
                                         &p, &why),
                        0);
        assert_true(p->dev_shell);
        parameters_drop_missing_shares(p);
        assert_int_equal(p->n_shares, 2);
        assert_string_equal(p->shares[0].tag, "b");
        assert_string_equal(parameters_share_directory(p, "work"), "/nonexistent/w");
        assert_null(parameters_share_directory(p, "a"));
        parameters_free(p);
}

/* systemd may hand variables over in any order; the guest mounts in this one. */
static void test_order_of_shares(void **state) {
        static const char *const expected[] = { "data", "below", "home", "skills", "work" };
        Parameters *p = NULL;
        char *why = NULL;

        assert_int_equal(
                        parameters_read("p",
                                        ENVIRONMENT(GOOD,
                                                        "CLAUDE_VM_SHARE_skills=ro:/home/claude/.claude/skills:/s",
                                                        "CLAUDE_VM_SHARE_below=rw:/data/below:/b",
                                                        "CLAUDE_VM_SHARE_work=rw:/work:/w",
                                                        "CLAUDE_VM_SHARE_home=rw:/home/claude:/h",
                                                        "CLAUDE_VM_SHARE_data=rw:/data:/d"),
                                        &p, &why),
                        0);
        assert_int_equal(p->n_shares, ELEMENTSOF(expected));
        for (size_t i = 0; i < ELEMENTSOF(expected); i++)
                assert_string_equal(p->shares[i].tag, expected[i]);
        parameters_free(p);
}

static const char *place_of(const Parameters *p, const char *tag) {
        return parameters_share(p, tag)->guest_directory;
}

/* For an image whose guest works at /work: what lies in the work directory moves with it. */
static void test_move_to_work(void **state) {
        Parameters *p = NULL;
        char *why = NULL;

        assert_int_equal(parameters_read("p",
                                         ENVIRONMENT(GOOD, "CLAUDE_VM_SHARE_work=rw:/home/u/w:/home/u/w",
                                                         "CLAUDE_VM_SHARE_lib=rw:/home/u/w/lib:/l",
                                                         "CLAUDE_VM_SHARE_beside=rw:/home/u/web:/b",
                                                         "CLAUDE_VM_SHARE_home=rw:/home/claude:/h"),
                                         &p, &why),
                        0);
        assert_int_equal(parameters_move_to_work(p), 1);
        assert_string_equal(place_of(p, "work"), "/work");
        assert_string_equal(place_of(p, "lib"), "/work/lib");
        assert_string_equal(place_of(p, "beside"), "/home/u/web");
        assert_string_equal(place_of(p, "home"), "/home/claude");
        /* still in the order in which the guest mounts them */
        assert_string_equal(p->shares[p->n_shares - 1].tag, "lib");
        assert_int_equal(parameters_move_to_work(p), 0);
        parameters_free(p);
}

static void refused(char *const *environment, const char *text) {
        Parameters *p = NULL;
        char *why = NULL;

        assert_int_equal(parameters_read("p", environment, &p, &why), -EINVAL);
        assert_null(p);
        if (!strstr(why, text))
                fail_msg("'%s' has no '%s'", why, text);
        free(why);
}

static void test_refused(void **state) {
        refused(ENVIRONMENT("HOME=/"), "p.ini");
        refused(ENVIRONMENT("CLAUDE_VM_CONFIG_ERROR=x.ini:1: no", GOOD), "x.ini:1: no");
        refused(ENVIRONMENT("CLAUDE_VM_UUID=x"), "UUID");
        refused(ENVIRONMENT(GOOD, "CLAUDE_VM_GIT_WORKTREE=a/b"), "CLAUDE_VM_GIT_WORKTREE=a/b");
        refused(ENVIRONMENT(GOOD, "CLAUDE_VM_GIT_WORKTREE=.."), "name of a directory");
        refused(ENVIRONMENT(GOOD, "CLAUDE_VM_GIT_WORKTREE="), "name of a directory");
        refused(ENVIRONMENT(GOOD, "CLAUDE_VM_GIT_WORKTREE=a\nb"), "name of a directory");
        refused(ENVIRONMENT(UUID, "CLAUDE_VM_MEMORY_MIB=2G", "CLAUDE_VM_CPUS=2"), "2G");
        /* the generator's bound */
        refused(ENVIRONMENT(UUID, "CLAUDE_VM_MEMORY_MIB=127"), "between 128M and 1T");
        refused(ENVIRONMENT(GOOD, "CLAUDE_VM_NETWORK=off"),
                        "NETWORK=off in the unit: must be one of: internet allow none open");
        refused(ENVIRONMENT(GOOD, "CLAUDE_VM_DEV_SHELL=1"), "no yes devenv");
        refused(ENVIRONMENT(GOOD, "CLAUDE_VM_WORK_DIRECTORY=w"), "absolute directory");
        refused(ENVIRONMENT(UUID, "CLAUDE_VM_MEMORY_MIB=2048", "CLAUDE_VM_CPUS=0"), "CPUS");
        refused(ENVIRONMENT(GOOD, "CLAUDE_VM_GUEST=../x"), "GUEST");
        refused(ENVIRONMENT(GOOD, "CLAUDE_VM_SHARE_work=/a"), "SHARE");
        /* F21: no `=` at all */
        refused(ENVIRONMENT(GOOD, "CLAUDE_VM_SHARE_work"), "SHARE");
        refused(ENVIRONMENT(GOOD, "CLAUDE_VM_SHARE_work=rw:/a:b"), "SHARE");
        refused(ENVIRONMENT(GOOD, "CLAUDE_VM_SHARE_W,x=rw:/a:/b"), "SHARE");
        refused(ENVIRONMENT(GOOD, "CLAUDE_VM_SHARE_0=rw:/a:/b"), "SHARE");
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_good),
                cmocka_unit_test(test_defaults),
                cmocka_unit_test(test_optional_share),
                cmocka_unit_test(test_order_of_shares),
                cmocka_unit_test(test_move_to_work),
                cmocka_unit_test(test_refused),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
