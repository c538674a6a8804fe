/* config edit with editors that are scripts. The service manager is the test's: see --wrap in meson.build.
 */

#include "tests/test.h"

#include <errno.h>
#include <glob.h>

#include "common/cleanup.h"
#include "common/exit-status.h"
#include "helper/claude-run/config-edit.h"
#include "tests/capture.h"
#include "tests/claude-run/ini.h"

static unsigned n_reloads;
static const char *in_place, *in_place_text;

int __wrap_manager_connect(Manager **ret);
int __wrap_manager_reload(Manager *m);

int __wrap_manager_connect(Manager **ret) {
        *ret = NULL;
        return 0;
}

/* The manager reads the file that is in place by then. */
int __wrap_manager_reload(Manager *m) {
        assert_file(in_place, in_place_text);
        n_reloads++;
        return 0;
}

static int setup(void **state) {
        if (scratch_setup(state) != 0)
                return -1;
        n_reloads = 0;
        in_place = "p.ini";
        in_place_text = "good\n";
        scratch_write("p.ini", "before\n", 0640);
        ini_setup("p.ini", "p.ini");
        return 0;
}

/* The editor gets the copy as $1. */
static void set_editor(const char *script) {
        char text[1024];

        snprintf(text, sizeof(text), "#!/bin/sh\n%s\n", script);
        scratch_write("editor", text, 0700);
        setenv("EDITOR", scratch_path("editor"), 1);
}

static int edit_named(const char *name, const char *script, const char **ret_said) {
        Capture c;
        int r;

        set_editor(script);
        c = capture_begin(STDERR_FILENO);
        r = config_edit(&ini_context, name);
        *ret_said = capture_end(c);
        return r;
}

static int edit(const char *script, const char **ret_said) {
        return edit_named("p", script, ret_said);
}

static mode_t mode_of(const char *name) {
        struct stat st;

        assert_int_equal(stat(scratch_path(name), &st), 0);
        return st.st_mode & 07777;
}

/* What was written and not taken: its text, or NULL. */
static const char *kept(void) {
        static char text[64];
        glob_t found;
        FILE *f;

        if (glob(scratch_path(".edit-*/p.ini"), 0, NULL, &found) != 0)
                return NULL;
        f = fopen(found.gl_pathv[0], "re");
        assert_non_null(f);
        text[fread(text, 1, sizeof(text) - 1, f)] = '\0';
        fclose(f);
        globfree(&found);
        return text;
}

static void assert_no_directory(void) {
        glob_t found;

        assert_int_equal(glob(scratch_path(".edit-*"), 0, NULL, &found), GLOB_NOMATCH);
}

static void test_good(void **state) {
        const char *said;

        assert_int_equal(edit("echo good >\"$1\"", &said), 0);
        assert_says(said, "p.ini' is changed");
        assert_says(said, "claude-run restart p");
        assert_file("p.ini", "good\n");
        assert_int_equal(mode_of("p.ini"), 0640);
        assert_int_equal(n_reloads, 1);
        assert_no_directory();
}

/* Nobody else reads the copy, which may have secrets, while it is edited. */
static void test_copy(void **state) {
        const char *said;

        assert_int_equal(
                        edit("stat --format %a \"$1\" \"${1%/*}\" >${0%/*}/modes; echo \"${1##*/}\" >>${0%/*}/modes; cat \"$1\" >>${0%/*}/modes",
                                        &said),
                        0);
        assert_file("modes", "600\n700\np.ini\nbefore\n");
        assert_int_equal(n_reloads, 0);
}

static void test_unchanged(void **state) {
        const char *said;

        assert_int_equal(edit("echo other >\"$1\"; echo before >\"$1\"", &said), 0);
        assert_says(said, "nothing is changed");
        assert_file("p.ini", "before\n");
        assert_int_equal(n_reloads, 0);
        assert_no_directory();
}

/* Without a terminal there is nobody to ask. */
static void test_bad(void **state) {
        const char *said;

        assert_int_equal(edit("echo bad >\"$1\"", &said), EXIT_CONFIGURATION);
        assert_says(said, scratch_path("p.ini:1: bad"));
        assert_says(said, "p.ini' is not changed");
        assert_says(said, "what you wrote is kept in ");
        assert_string_equal(kept(), "bad\n");
        assert_file("p.ini", "before\n");
        assert_int_equal(n_reloads, 0);
}

/* What another program writes into the file meanwhile is not lost, nor is what the user wrote. */
static void test_changed_meanwhile(void **state) {
        const char *said;

        assert_int_equal(edit("echo good >\"$1\"; echo theirs >\"${0%/*}/p.ini\"", &said), EXIT_FAILURE);
        assert_says(said, "p.ini' has changed meanwhile, and is not replaced");
        assert_says(said, "what you wrote is kept in ");
        assert_string_equal(kept(), "good\n");
        assert_file("p.ini", "theirs\n");
        assert_int_equal(n_reloads, 0);
        assert_int_equal(edit("echo good >\"$1\"; rm \"${0%/*}/p.ini\"", &said), EXIT_FAILURE);
        assert_says(said, "what you wrote is kept in ");
}

static void test_killed(void **state) {
        const char *said;

        assert_int_equal(edit("echo half >\"$1\"; kill -KILL $$", &said), EXIT_FAILURE);
        assert_says(said, "the editor '");
        assert_says(said, "what you wrote is kept in ");
        assert_string_equal(kept(), "half\n");
        assert_file("p.ini", "before\n");
        /* one that has written nothing leaves nothing */
        assert_int_equal(edit("rm \"${1}\" \"${1%/*}\" -r; exit 1", &said), EXIT_FAILURE);
        assert_null(strstr(said, "kept"));
        assert_file("p.ini", "before\n");
}

/* The same in a terminal where somebody has typed these lines ahead. */
static int edit_in_terminal(const char *script, const char *typed) {
        int leader = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC), follower, input, errors, r;

        assert_true(leader >= 0 && grantpt(leader) == 0 && unlockpt(leader) == 0);
        follower = open(ptsname(leader), O_RDWR | O_NOCTTY | O_CLOEXEC);
        assert_true(follower >= 0);
        assert_int_equal(write(leader, typed, strlen(typed)), strlen(typed));
        set_editor(script);
        input = dup(STDIN_FILENO);
        errors = dup(STDERR_FILENO);
        fflush(NULL);
        dup2(follower, STDIN_FILENO);
        dup2(follower, STDERR_FILENO);
        r = config_edit(&ini_context, "p");
        fflush(stderr);
        dup2(input, STDIN_FILENO);
        dup2(errors, STDERR_FILENO);
        close(input);
        close(errors);
        close(follower);
        close(leader);
        return r;
}

/* Each call of the editor counts. */
#define COUNT "echo x >>${0%/*}/calls; "

static void test_bad_twice_then_discarded(void **state) {
        assert_int_equal(edit_in_terminal(COUNT "echo bad >>\"$1\"", "e\nd\n"), EXIT_CONFIGURATION);
        assert_file("calls", "x\nx\n");
        assert_file("p.ini", "before\n");
        assert_no_directory();
        assert_int_equal(n_reloads, 0);
}

static void test_bad_then_good(void **state) {
        /* it goes on from what was written, not from the file */
        assert_int_equal(
                        edit_in_terminal(COUNT "grep -q bad \"$1\" && echo good >\"$1\" || echo bad >\"$1\"",
                                        "\n"),
                        0);
        assert_file("calls", "x\nx\n");
        assert_file("p.ini", "good\n");
        assert_int_equal(n_reloads, 1);
        assert_no_directory();
}

/* The administrator's file is copied, and stays as it is; a mask gives way to the file. */
static void test_other_places(void **state) {
        const char *said;

        scratch_mkdir("etc");
        scratch_write("etc/p.ini", "system\n", 0644);
        assert_int_equal(unlink(scratch_path("p.ini")), 0);
        ini_setup("p.ini", "etc/p.ini");
        assert_int_equal(edit("echo good >\"$1\"", &said), 0);
        assert_file("p.ini", "good\n");
        assert_int_equal(mode_of("p.ini"), 0644);
        assert_file("etc/p.ini", "system\n");

        assert_int_equal(unlink(scratch_path("p.ini")), 0);
        scratch_link("/dev/null", "p.ini");
        ini_setup("p.ini", "p.ini");
        assert_int_equal(edit("echo good >\"$1\"", &said), 0);
        assert_file("p.ini", "good\n");
        assert_int_equal(mode_of("p.ini"), 0600);

        ini_setup("p.ini", NULL);
        assert_int_equal(edit("exit 0", &said), EXIT_CONFIGURATION);
        assert_says(said, "claude-run config new p");
}

/* A link into a directory of dotfiles stays, and so does its file. */
static void test_link(void **state) {
        const char *said;

        scratch_write("file.ini", "before\n", 0600);
        assert_int_equal(unlink(scratch_path("p.ini")), 0);
        scratch_link("file.ini", "p.ini");
        assert_int_equal(edit("echo good >\"$1\"", &said), EXIT_CONFIGURATION);
        assert_says(said, "p.ini: is a symbolic link: put the file itself there");
        assert_file("file.ini", "before\n");
        assert_no_directory();
}

/* The first time there is no file, and the administrator's is not copied: both count. */
static void test_defaults(void **state) {
        const char *said;

        in_place = "defaults.ini";
        scratch_mkdir("etc");
        scratch_write("etc/defaults.ini", "system\n", 0644);
        ini_setup("defaults.ini", "etc/defaults.ini");
        assert_int_equal(edit_named("defaults", "exit 0", &said), 0);
        assert_false(scratch_has("defaults.ini"));
        assert_int_equal(edit_named("defaults", "grep -q system \"$1\" || echo good >\"$1\"", &said), 0);
        assert_says(said, "defaults.ini' is changed");
        assert_file("defaults.ini", "good\n");
        assert_file("etc/defaults.ini", "system\n");
        assert_int_equal(n_reloads, 1);
        assert_int_equal(edit_named("defaults", "grep -q good \"$1\"", &said), 0);
        assert_says(said, "nothing is changed");
        assert_no_directory();
}

/* What stands before is `before`, and the key of another section stays as it is. */
static void assert_set(const char *before, const char *value, const char *after) {
        in_place_text = after;
        assert_int_equal(unlink(scratch_path("p.ini")), 0);
        scratch_write("p.ini", before, 0600);
        assert_int_equal(config_set_line(&ini_context, "p", "VM", "Memory", value), 0);
        assert_file("p.ini", after);
        assert_no_directory();
}

static void test_set_line(void **state) {
        Capture c;
        const char *said;

        assert_set("[VM]\nMemory=1G\nCPUs=2\n", "2G", "[VM]\nMemory=2G\nCPUs=2\n");
        assert_set("[VM]\n  Memory = 1G # x\n", "2G", "[VM]\nMemory=2G\n");
        assert_set("[VM]\n#Memory=1G\nMemoryX=1", "2G", "[VM]\n#Memory=1G\nMemoryX=1\nMemory=2G\n");
        assert_set("[Environment]\nMemory=1G\n", "2G", "[Environment]\nMemory=1G\n[VM]\nMemory=2G\n");
        assert_set("", "2G", "[VM]\nMemory=2G\n");
        assert_int_equal(n_reloads, 5);

        c = capture_begin(STDERR_FILENO);
        assert_int_equal(config_set_line(&ini_context, "p", "VM", "Memory", "bad"), EXIT_CONFIGURATION);
        said = capture_end(c);
        assert_says(said, "p.ini' is not changed");
        assert_file("p.ini", "[VM]\nMemory=2G\n");
        assert_int_equal(n_reloads, 5);
        assert_no_directory();
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_good, setup, scratch_teardown),
                cmocka_unit_test_setup_teardown(test_copy, setup, scratch_teardown),
                cmocka_unit_test_setup_teardown(test_unchanged, setup, scratch_teardown),
                cmocka_unit_test_setup_teardown(test_bad, setup, scratch_teardown),
                cmocka_unit_test_setup_teardown(test_changed_meanwhile, setup, scratch_teardown),
                cmocka_unit_test_setup_teardown(test_killed, setup, scratch_teardown),
                cmocka_unit_test_setup_teardown(test_bad_twice_then_discarded, setup, scratch_teardown),
                cmocka_unit_test_setup_teardown(test_bad_then_good, setup, scratch_teardown),
                cmocka_unit_test_setup_teardown(test_other_places, setup, scratch_teardown),
                cmocka_unit_test_setup_teardown(test_link, setup, scratch_teardown),
                cmocka_unit_test_setup_teardown(test_defaults, setup, scratch_teardown),
                cmocka_unit_test_setup_teardown(test_set_line, setup, scratch_teardown),
        };

        unsetenv("VISUAL");
        umask(077);
        /* nobody to ask, wherever the tests run */
        if (!freopen("/dev/null", "re", stdin))
                return 1;
        return cmocka_run_group_tests(tests, NULL, NULL);
}
