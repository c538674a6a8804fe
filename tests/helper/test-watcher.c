/* What the host saves is told, and what a guest does with names neither leads out nor floods. */

#include "helper/notify/watcher.h"

#include <stdio.h>
#include <stdlib.h>

#include "common/usec.h"
#include "helper/notify/ignored.h"
#include "tests/scratch.h"

static sd_event *event;
static Watcher *watcher;
static char told[512][128];
static size_t n_told;
static bool is_full;

static bool tell(void *userdata, const char *path) {
        if (is_full)
                return false;
        assert_true(n_told < 512);
        snprintf(told[n_told++], sizeof(told[0]), "%s", path);
        return true;
}

/* Until nothing has happened for a while that is longer than all of the watcher's own. */
static void run(void) {
        uint64_t idle_usec = SEC / 2;

        while (sd_event_run(event, idle_usec) > 0)
                ;
}

static void begin(void) {
        int root = open(scratch_path("work"), O_RDONLY | O_DIRECTORY | O_CLOEXEC);

        assert_true(root >= 0);
        assert_int_equal(sd_event_new(&event), 0);
        assert_int_equal(watcher_new(event, root, tell, NULL, &watcher), 0);
        run();
        assert_int_equal(n_told, 0);
}

static bool was_told(const char *path) {
        for (size_t i = 0; i < n_told; i++)
                if (strcmp(told[i], path) == 0)
                        return true;
        return false;
}

static size_t count(void) {
        bool incomplete;

        return watcher_count(watcher, &incomplete);
}

static int setup(void **state) {
        n_told = 0;
        is_full = false;
        if (scratch_setup(state) < 0)
                return -1;
        scratch_mkdir("work");
        scratch_mkdir("work/src");
        scratch_write("work/src/a", "a", 0644);
        return 0;
}

static int teardown(void **state) {
        watcher = watcher_free(watcher);
        event = sd_event_unref(event);
        return scratch_teardown(state);
}

static void test_a_save(void **state) {
        begin();
        scratch_write("work/src/a", "b", 0644);
        scratch_write("work/new", "new", 0644);
        run();
        assert_int_equal(n_told, 2);
        assert_true(was_told("src/a"));
        assert_true(was_told("new"));
}

/* As an editor saves: beside it, and renamed. */
static void test_a_rename(void **state) {
        begin();
        scratch_write("work/src/.a.swp", "b", 0644);
        assert_int_equal(rename(scratch_path("work/src/.a.swp"), scratch_path("work/src/a")), 0);
        run();
        assert_true(was_told("src/a"));
        n_told = 0;
        assert_int_equal(unlink(scratch_path("work/src/a")), 0);
        run();
        assert_int_equal(n_told, 1);
        assert_true(was_told("src/a"));
}

/* What the guest does because it was told. */
static void test_a_touch_is_no_event(void **state) {
        struct stat st;

        begin();
        assert_int_equal(stat(scratch_path("work/src/a"), &st), 0);
        assert_int_equal(chown(scratch_path("work/src/a"), st.st_uid, (gid_t) -1), 0);
        assert_int_equal(chown(scratch_path("work/src"), st.st_uid, (gid_t) -1), 0);
        run();
        assert_int_equal(n_told, 0);
}

static void test_new_directories(void **state) {
        begin();
        scratch_mkdir("work/lib");
        scratch_mkdir("work/lib/deep");
        run();
        n_told = 0;
        scratch_write("work/lib/deep/file", "x", 0644);
        run();
        assert_true(was_told("lib/deep/file"));
        /* and by its new name when it is moved */
        assert_int_equal(rename(scratch_path("work/lib"), scratch_path("work/moved")), 0);
        run();
        n_told = 0;
        scratch_write("work/moved/deep/file", "y", 0644);
        run();
        assert_true(was_told("moved/deep/file"));
        assert_false(was_told("lib/deep/file"));
}

static void test_ignored(void **state) {
        scratch_write("work/.gitignore", "# a comment\n*.log\n/out/\ngen/made\n!keep\n*a*a*\nprivate/\n",
                        0644);
        scratch_mkdir("work/node_modules");
        scratch_mkdir("work/.git");
        scratch_mkdir("work/out");
        scratch_mkdir("work/src/private");
        begin();
        assert_int_equal(count(), 2);
        scratch_write("work/node_modules/x", "x", 0644);
        scratch_write("work/.git/index", "x", 0644);
        scratch_write("work/out/x", "x", 0644);
        scratch_write("work/src/private/x", "x", 0644);
        scratch_write("work/src/x.log", "x", 0644);
        run();
        assert_int_equal(n_told, 0);
        scratch_write("work/src/keep", "x", 0644);
        run();
        assert_int_equal(n_told, 1);
}

static void test_patterns(void **state) {
        Ignored ignored = {};

        ignored_read(&ignored, "/top\nany\na/b\n*.o\npre*\nx*y\n**/no\n[ab]\n");
        assert_true(ignored_has(&ignored, "top"));
        assert_false(ignored_has(&ignored, "sub/top"));
        assert_true(ignored_has(&ignored, "sub/any"));
        assert_true(ignored_has(&ignored, "a/b"));
        assert_false(ignored_has(&ignored, "c/a/b"));
        assert_true(ignored_has(&ignored, "sub/x.o"));
        assert_true(ignored_has(&ignored, "prefix"));
        assert_true(ignored_has(&ignored, "xy"));
        assert_false(ignored_has(&ignored, "x"));
        assert_false(ignored_has(&ignored, "no"));
        assert_int_equal(ignored.n, 6);
        ignored_done(&ignored);
        begin();
}

/* A link to a directory elsewhere is a name, and no way out. */
static void test_no_link_is_followed(void **state) {
        scratch_mkdir("outside");
        scratch_link("../outside", "work/link");
        begin();
        assert_int_equal(count(), 2);
        scratch_link("../../outside", "work/src/link");
        run();
        n_told = 0;
        scratch_write("outside/secret", "x", 0644);
        run();
        assert_int_equal(n_told, 0);
        assert_int_equal(count(), 2);
        /* a directory that is moved out is watched no longer */
        assert_int_equal(rename(scratch_path("work/src"), scratch_path("outside/src")), 0);
        run();
        n_told = 0;
        scratch_write("outside/src/a", "x", 0644);
        run();
        assert_int_equal(n_told, 0);
}

/* Of more names than can be told a crowd becomes its directory, and what has none the root. */
static void test_a_storm(void **state) {
        char name[64];

        begin();
        for (unsigned i = 0; i < 300; i++) {
                snprintf(name, sizeof(name), "work/src/%u", i);
                scratch_write(name, "x", 0644);
        }
        /* which is in no crowd */
        scratch_write("work/saved", "x", 0644);
        run();
        assert_true(n_told < 20);
        assert_true(was_told("src"));
        assert_true(was_told("saved"));
        n_told = 0;
        for (unsigned i = 0; i < 300; i++) {
                snprintf(name, sizeof(name), "work/d%u", i);
                scratch_mkdir(name);
        }
        run();
        for (unsigned i = 0; i < 300; i++) {
                snprintf(name, sizeof(name), "work/d%u/f", i);
                scratch_write(name, "x", 0644);
        }
        run();
        assert_true(n_told < 300);
        assert_true(was_told("."));
        /* afterwards it is as before */
        n_told = 0;
        scratch_write("work/src/a", "again", 0644);
        run();
        assert_int_equal(n_told, 1);
        assert_true(was_told("src/a"));
}

/* A guest that does not read gets it later, and not twice. */
static void test_a_slow_reader(void **state) {
        begin();
        is_full = true;
        scratch_write("work/src/a", "b", 0644);
        for (unsigned i = 0; i < 8; i++)
                (void) sd_event_run(event, SEC / 10);
        scratch_write("work/src/a", "c", 0644);
        is_full = false;
        run();
        assert_int_equal(n_told, 1);
}

/* A line for each name: none of them can be two. */
static void test_hostile_names(void **state) {
        begin();
        scratch_write("work/src/poweroff\npoweroff", "x", 0644);
        scratch_write("work/src/ok", "x", 0644);
        run();
        assert_int_equal(n_told, 1);
        assert_true(was_told("src/ok"));
}

/* What could not be told is not watched. */
static void test_a_long_chain(void **state) {
        bool is_incomplete = false;

        scratch_mkdir_chain("work/src", 8);
        begin();
        assert_int_equal(watcher_count(watcher, &is_incomplete), 2 + 4);
        assert_true(is_incomplete);
}

int main(void) {
        const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
                TEST(test_a_save),
                TEST(test_a_rename),
                TEST(test_a_touch_is_no_event),
                TEST(test_new_directories),
                TEST(test_ignored),
                TEST(test_patterns),
                TEST(test_no_link_is_followed),
                TEST(test_a_storm),
                TEST(test_a_slow_reader),
                TEST(test_hostile_names),
                TEST(test_a_long_chain),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
