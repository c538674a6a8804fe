#include "tests/test.h"

#include "common/cleanup.h"
#include "helper/host/namespaces.h"
#include "tests/scratch.h"

#define RELOAD "sudo apparmor_parser --replace /etc/apparmor.d/claude-vm-helper"

static void make_tree(const char *const *names) {
        for (; *names; names++)
                scratch_mkdir(*names);
}

/* A machine that refuses nothing. */
static int setup(void **state) {
        static const char *const names[] = { "proc", "proc/sys", "proc/sys/kernel", "proc/sys/user",
                "proc/self", "proc/self/attr", "proc/self/attr/apparmor", "etc", "etc/apparmor.d", "sys",
                "sys/kernel", "sys/kernel/security", "sys/kernel/security/apparmor",
                "sys/kernel/security/apparmor/policy", "sys/kernel/security/apparmor/policy/profiles",
                NULL };

        if (scratch_setup(state) != 0)
                return -1;
        make_tree(names);
        scratch_write("proc/sys/user/max_user_namespaces", "95000\n", 0600);
        scratch_write("proc/sys/kernel/apparmor_restrict_unprivileged_userns", "0\n", 0600);
        return 0;
}

static int setup_ubuntu(void **state) {
        if (setup(state) != 0)
                return -1;
        scratch_write("proc/sys/kernel/apparmor_restrict_unprivileged_userns", "1\n", 0600);
        scratch_write("proc/self/attr/apparmor/current", "unconfined\n", 0600);
        return 0;
}

static void says(const char *first, const char *second) {
        _cleanup_free_ char *why = NULL;

        assert_int_equal(namespaces_explain(scratch, "/usr/libexec/claude-vm-helper", &why), 0);
        if (!strstr(why, first) || !strstr(why, second))
                fail_msg("says '%s'", why);
}

static void test_settings(void **state) {
        says("no known setting", "container");
        scratch_write("proc/sys/user/max_net_namespaces", "0\n", 0600);
        says("user.max_net_namespaces is 0", "sysctl --write user.max_net_namespaces=15000");
        scratch_write("proc/sys/user/max_user_namespaces", "0\n", 0600);
        says("user.max_user_namespaces is 0", "sysctl --write user.max_user_namespaces=15000");
        scratch_write("proc/sys/kernel/unprivileged_userns_clone", "0\n", 0600);
        says("kernel.unprivileged_userns_clone is 0", "sysctl --write kernel.unprivileged_userns_clone=1");
        scratch_write("proc/sys/kernel/unprivileged_userns_clone", "1\n", 0600);
        says("user.max_user_namespaces is 0", "sysctl --write");
}

static void test_missing(void **state) {
        says("The profile is missing", "-Dapparmor_dir=/etc/apparmor.d");
        /* that of another program does not help */
        scratch_mkdir("sys/kernel/security/apparmor/policy/profiles/claude-vm-helper-old.1");
        says("The profile is missing", RELOAD);
}

static void test_not_loaded(void **state) {
        scratch_write("etc/apparmor.d/claude-vm-helper", "abi <abi/4.0>,\n", 0600);
        scratch_mkdir("sys/kernel/security/apparmor/policy/profiles/claude-vm-mkguest.3");
        says("/etc/apparmor.d/claude-vm-helper is not loaded: ", RELOAD);
}

static void test_not_effective(void **state) {
        scratch_write("etc/apparmor.d/claude-vm-helper", "abi <abi/4.0>,\n", 0600);
        scratch_mkdir("sys/kernel/security/apparmor/policy/profiles/claude-vm-helper.12");
        says("is not effective for /usr/libexec/claude-vm-helper, which runs as 'unconfined'", RELOAD);
        scratch_write("proc/self/attr/apparmor/current", "snap.code (enforce)\n", 0600);
        says("which runs as 'snap.code (enforce)'", RELOAD);
}

/* Without the directory of the kernel's profiles nothing says that it is not loaded. */
static void test_unknown(void **state) {
        scratch_write("etc/apparmor.d/claude-vm-helper", "abi <abi/4.0>,\n", 0600);
        assert_int_equal(rename(scratch_path("sys/kernel/security"), scratch_path("sys/kernel/elsewhere")),
                        0);
        says("is not effective for", RELOAD);
}

static void test_does_not_allow(void **state) {
        scratch_write("etc/apparmor.d/claude-vm-helper", "abi <abi/4.0>,\n", 0600);
        scratch_mkdir("sys/kernel/security/apparmor/policy/profiles/claude-vm-helper.12");
        scratch_write("proc/self/attr/apparmor/current", "claude-vm-helper (unconfined)\n", 0600);
        says("claude-vm-helper does not allow them: add `userns,` to /etc/apparmor.d/local/claude-vm-helper",
                        RELOAD);
        /* the older name of the file */
        assert_int_equal(rename(scratch_path("proc/self/attr/apparmor/current"),
                                         scratch_path("proc/self/attr/current")),
                        0);
        says("does not allow them", RELOAD);
        scratch_write("proc/self/attr/current", "claude-vm-helper2 (enforce)\n", 0600);
        says("is not effective", "claude-vm-helper2");
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_settings, setup, scratch_teardown),
                cmocka_unit_test_setup_teardown(test_missing, setup_ubuntu, scratch_teardown),
                cmocka_unit_test_setup_teardown(test_not_loaded, setup_ubuntu, scratch_teardown),
                cmocka_unit_test_setup_teardown(test_not_effective, setup_ubuntu, scratch_teardown),
                cmocka_unit_test_setup_teardown(test_unknown, setup_ubuntu, scratch_teardown),
                cmocka_unit_test_setup_teardown(test_does_not_allow, setup_ubuntu, scratch_teardown),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
