#include "tests/test.h"

#include <errno.h>

#include "common/cleanup.h"
#include "config.h"
#include "helper/claude-run/uninstalled.h"
#include "tests/scratch.h"

#define DROPIN "claude-vm@p.service.d"
#define UNITS "claude-microvm/units/"

static const char *const templates[] = { "app-claude.slice", "claude-vm@.service", "claude-vm-copy@.service",
        "claude-vm-devshell@.service", "claude-vm-ssh@.service", "claude-vm-virtiofsd@.service",
        "claude-vm-virtiofsd@.socket" };

/* A generator that copies what is in `wanted`, and ends with the status in `status`. */
static int setup(void **state) {
        char script[512];

        if (scratch_setup(state) != 0)
                return -1;
        scratch_mkdir("wanted");
        scratch_mkdir("wanted/" DROPIN);
        scratch_write("wanted/" DROPIN "/50-claude-microvm.conf", "[Service]\n", 0600);
        /* what starts at login, for a generator that runs at login */
        scratch_mkdir("wanted/default.target.wants");
        scratch_write("template", "[Unit]\n", 0600);
        scratch_link(scratch_path("template"), "wanted/default.target.wants/claude-vm@p.service");
        scratch_write("status", "0", 0600);
        snprintf(script, sizeof(script),
                        "#!/bin/sh\ncp -RP %s/wanted/. \"$1\" || exit 9\necho said\nexit $(cat %s/status)\n",
                        scratch, scratch);
        scratch_write("generator", script, 0700);
        return 0;
}

static int sync_with(bool installed) {
        return uninstalled_sync(scratch, scratch_path("generator"), installed);
}

static void assert_linked(void) {
        for (size_t i = 0; i < ELEMENTSOF(templates); i++) {
                char name[128], target[PATH_MAX];

                snprintf(name, sizeof(name), "systemd/user/%s", templates[i]);
                snprintf(target, sizeof(target), "%s/%s", USER_UNIT_DIR, templates[i]);
                assert_link(name, target);
                /* drop-ins that were installed with it */
                strcat(name, ".d");
                strcat(target, ".d");
                if (access(target, F_OK) == 0)
                        assert_link(name, target);
                else
                        assert_false(scratch_has(name));
        }
        assert_link("systemd/user/" DROPIN, scratch_path(UNITS DROPIN));
        assert_false(scratch_has("systemd/user/default.target.wants"));
}

static void test_links_are_made(void **state) {
        struct stat before, after;

        assert_int_equal(sync_with(false), 1);
        assert_linked();
        assert_file(UNITS DROPIN "/50-claude-microvm.conf", "[Service]\n");
        /* nothing has changed: nothing is written, and the manager has no need to reload */
        assert_int_equal(stat(scratch_path(UNITS), &before), 0);
        assert_int_equal(sync_with(false), 0);
        assert_int_equal(stat(scratch_path(UNITS), &after), 0);
        assert_int_equal(before.st_ino, after.st_ino);
        assert_false(scratch_has("claude-microvm/units.new"));
}

static void test_changes_are_seen(void **state) {
        assert_int_equal(sync_with(false), 1);
        /* another text */
        scratch_write("wanted/" DROPIN "/50-claude-microvm.conf", "[Service]\nNice=1\n", 0600);
        assert_int_equal(sync_with(false), 1);
        assert_file("systemd/user/" DROPIN "/50-claude-microvm.conf", "[Service]\nNice=1\n");
        assert_int_equal(sync_with(false), 0);
        /* one project more, and the first one gone: its link with it */
        scratch_mkdir("wanted/claude-vm@q.service.d");
        assert_int_equal(rename(scratch_path("wanted/" DROPIN), scratch_path("away")), 0);
        assert_int_equal(sync_with(false), 1);
        assert_false(scratch_has("systemd/user/" DROPIN));
        assert_link("systemd/user/claude-vm@q.service.d", scratch_path(UNITS "claude-vm@q.service.d"));
        /* a template of another copy of ours, at another place */
        unlink(scratch_path("systemd/user/claude-vm@.service"));
        scratch_link("/elsewhere/claude-vm@.service", "systemd/user/claude-vm@.service");
        assert_int_equal(sync_with(false), 1);
        assert_link("systemd/user/claude-vm@.service", USER_UNIT_DIR "/claude-vm@.service");
        /* the same copy's drop-ins, which this one may not have */
        unlink(scratch_path("systemd/user/claude-vm@.service.d"));
        scratch_link("/elsewhere/claude-vm@.service.d", "systemd/user/claude-vm@.service.d");
        assert_int_equal(sync_with(false), 1);
        assert_int_equal(sync_with(false), 0);
        if (access(USER_UNIT_DIR "/claude-vm@.service.d", F_OK) == 0)
                assert_link("systemd/user/claude-vm@.service.d", USER_UNIT_DIR "/claude-vm@.service.d");
        else
                assert_false(scratch_has("systemd/user/claude-vm@.service.d"));
}

/* A bad ini is a unit that says so; a generator that fails leaves what was there. */
static void test_generator_fails(void **state) {
        assert_int_equal(sync_with(false), 1);
        scratch_write("status", "1", 0600);
        assert_int_equal(sync_with(false), 0);
        scratch_write("wanted/more", "", 0600);
        scratch_write("status", "2", 0600);
        assert_int_equal(sync_with(false), -EIO);
        assert_linked();
        assert_false(scratch_has(UNITS "more"));
        unlink(scratch_path("generator"));
        /* valgrind loses the errno of posix_spawn(): the child fails in its place */
        assert_true(sync_with(false) < 0);
        assert_linked();
}

static void test_an_installation_takes_them_away(void **state) {
        /* it looks, and makes nothing */
        assert_int_equal(sync_with(true), 0);
        assert_false(scratch_has("claude-microvm"));
        assert_int_equal(sync_with(false), 1);
        assert_int_equal(sync_with(true), 1);
        for (size_t i = 0; i < ELEMENTSOF(templates); i++) {
                char name[128];

                snprintf(name, sizeof(name), "systemd/user/%s", templates[i]);
                assert_false(scratch_has(name));
                strcat(name, ".d");
                assert_false(scratch_has(name));
        }
        assert_false(scratch_has("systemd/user/" DROPIN));
        assert_false(scratch_has("claude-microvm/units"));
        assert_int_equal(sync_with(true), 0);
}

/* In the same directory are units of ad-hoc VMs and the user's own: neither is replaced or removed. */
static void test_foreign_files_are_left_alone(void **state) {
        scratch_mkdir("systemd");
        scratch_mkdir("systemd/user");
        scratch_mkdir("systemd/user/" DROPIN);
        scratch_write("systemd/user/" DROPIN "/mine.conf", "mine", 0600);
        scratch_write("systemd/user/claude-vm@.service", "mine", 0600);
        scratch_link("/nonexistent", "systemd/user/mine.service");
        assert_int_equal(sync_with(false), 1);
        assert_int_equal(sync_with(true), 1);
        assert_file("systemd/user/" DROPIN "/mine.conf", "mine");
        assert_file("systemd/user/claude-vm@.service", "mine");
        assert_link("systemd/user/mine.service", "/nonexistent");
        assert_false(scratch_has("systemd/user/claude-vm-ssh@.service"));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_links_are_made, setup, scratch_teardown),
                cmocka_unit_test_setup_teardown(test_changes_are_seen, setup, scratch_teardown),
                cmocka_unit_test_setup_teardown(test_generator_fails, setup, scratch_teardown),
                cmocka_unit_test_setup_teardown(
                                test_an_installation_takes_them_away, setup, scratch_teardown),
                cmocka_unit_test_setup_teardown(test_foreign_files_are_left_alone, setup, scratch_teardown),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
