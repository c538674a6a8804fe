#include "tests/test.h"

#include <errno.h>
#include <unistd.h>

#include "helper/vm/guest-credentials.h"
#include "helper/vm/user-settings.h"
#include "tests/scratch.h"

static bool kvm;
static char **environment;

/* A credential of a VM with one share; `ret` is empty without it. */
static int make_named(const char *name, const char *tag, const char *guest_directory, const char *disk_key,
                char *ret, size_t size, char **ret_why) {
        ShareParameters share = {
                .tag = (char *) tag,
                .guest_directory = (char *) guest_directory,
                .directory = (char *) "/h",
        };
        Parameters p = {
                .id = "p",
                .uuid = "0b7c1f3e-5d0a-4b52-9f0e-2d1c3b4a5968",
                .shares = &share,
                .n_shares = 1,
                .environment = environment,
                .values = { [SETTING_PRIVATE] = (char *) "node_modules web/target",
                                [SETTING_SETUP] = (char *) "scripts/vm setup" },
        };
        const SshKeys keys = { .authorized_key = (char *) "key\n", .host_key = (char *) "key\n" };
        const Secrets secrets = { .caller = "" };
        GuestCredentials c = {};
        int r = guest_credentials_make(&p, &keys, &secrets, kvm, false, disk_key, NULL, &c, ret_why);

        memset(ret, 0, size);
        for (unsigned i = 0; i < c.n; i++)
                if (strcmp(c.items[i].name, name) == 0)
                        assert_true(pread(c.items[i].fd, ret, size - 1, 0) > 0);
        guest_credentials_done(&c);
        return r;
}

static int make(const char *guest_directory, char *ret, size_t size, char **ret_why) {
        return make_named("fstab.extra", "s", guest_directory, NULL, ret, size, ret_why);
}

static void test_disk(void **state) {
        char text[256], text2[256], *why = NULL;

        assert_int_equal(make_named("claude-vm.disk", "work", "/work", NULL, text, sizeof(text), &why), 0);
        assert_string_equal(text, "");
        assert_int_equal(make_named("claude-vm.disk", "work", "/work", "0123", text, sizeof(text), &why), 0);
        assert_string_equal(text, "0123\n");
        /* where the work directory is in the guest */
        assert_int_equal(make_named("claude-vm.private", "work", "/home/me/web", NULL, text, sizeof(text),
                                         &why),
                        0);
        assert_int_equal(make_named("claude-vm.setup", "work", "/home/me/web", NULL, text2, sizeof(text2),
                                         &why),
                        0);
        assert_string_equal(text2, "/home/me/web\nscripts/vm setup\n");
        assert_string_equal(text, "/home/me/web\nnode_modules\nweb/target\n");
}

/* Under emulation the agent starts without the compiler that does not pay there, unless the user wants it.
 */
static void test_environment(void **state) {
        char text[256], *why = NULL, *own[] = { (char *) "A=1", (char *) "BUN_JSC_useDFGJIT=1", NULL };

        environment = own;
        assert_int_equal(
                        make_named("claude-vm.environment", "work", "/work", NULL, text, sizeof(text), &why),
                        0);
        assert_memory_equal(text, "A=1\0BUN_JSC_useDFGJIT=1\0", 25);
        own[1] = NULL;
        assert_int_equal(
                        make_named("claude-vm.environment", "work", "/work", NULL, text, sizeof(text), &why),
                        0);
        assert_memory_equal(text, "BUN_JSC_useDFGJIT=0\0A=1\0", 25);
        kvm = true;
        assert_int_equal(
                        make_named("claude-vm.environment", "work", "/work", NULL, text, sizeof(text), &why),
                        0);
        assert_memory_equal(text, "A=1\0\0", 6);
        environment = NULL;
}

/* A field of fstab is a field, and a line one share. */
static void test_mounts(void **state) {
        static const char *const bad[] = { "/a\n/dev/vda / ext4 rw 0 0", "/a\033[m", "/a\r", "/a\x7f",
                "/a\xff" };
        char text[256], *why = NULL;

        assert_int_equal(make("/a b\\c", text, sizeof(text), &why), 0);
        assert_string_equal(text, "s /a\\040b\\134c virtiofs rw,nosuid,nodev 0 0\n");
        for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
                assert_int_equal(make(bad[i], text, sizeof(text), &why), -EINVAL);
                assert_string_equal(text, "");
                assert_non_null(strstr(why, "share 's'"));
                free(why);
                why = NULL;
        }
}

/* One of them depends on this machine, which may have no time zone. */
static void test_all(void **state) {
        _cleanup_free_ char *zone = NULL;
        ShareParameters shares[] = {
                { .tag = (char *) "work", .guest_directory = (char *) "/work", .directory = (char *) "/h" },
                { .tag = (char *) "user_config",
                                .guest_directory = (char *) "/c",
                                .directory = (char *) scratch_path("config") },
        };
        const Parameters p = {
                .id = "p",
                .uuid = "0b7c1f3e-5d0a-4b52-9f0e-2d1c3b4a5968",
                .shares = shares,
                .n_shares = 2,
                .dev_shell = DEVSHELL_FLAKE,
                .values = { [SETTING_PRIVATE] = (char *) "node_modules",
                                [SETTING_SETUP] = (char *) "setup" },
        };
        const SshKeys keys = { .authorized_key = (char *) "key\n", .host_key = (char *) "key\n" };
        const Secrets secrets = { .caller = "" };
        const unsigned n = user_settings_time_zone("/etc/localtime", &zone) == 0 ? 0 : 1;
        GuestCredentials c = {};
        char *why = NULL;

        scratch_mkdir("config");
        scratch_write("config/settings.json", "{\"model\":\"opus\"}", 0600);
        scratch_write("git", "#!/bin/sh\necho user.name A\n", 0700);
        assert_int_equal(guest_credentials_make(&p, &keys, &secrets, true, true, "0123", scratch_path("git"),
                                         &c, &why),
                        0);
        assert_int_equal(c.n + n, GUEST_CREDENTIALS_MAX);
        guest_credentials_done(&c);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_mounts),
                cmocka_unit_test(test_disk),
                cmocka_unit_test(test_environment),
                cmocka_unit_test(test_all),
        };
        return cmocka_run_group_tests(tests, scratch_setup, scratch_teardown);
}
