/* Links that count and links that do not. Run as an ordinary user: /, /usr and /proc are root's. */

#include "tests/scratch.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/path-walk.h"

/* mono/part is a project in another one's directory; .aws is what a guest would like to have. */
static int setup(void **state) {
        if (scratch_setup(state) < 0)
                return -1;
        mkdir(scratch_path("mono"), 0700);
        mkdir(scratch_path("mono/part"), 0700);
        mkdir(scratch_path(".aws"), 0700);
        scratch_write("key", "x", 0600);
        return 0;
}

/* The place must own its descriptor exactly if there is no error. */
static void check(PathLinks links, const char *path, int expected, const char *expected_path, int error) {
        _cleanup_(path_walker_done) PathWalker walker = PATH_WALKER(links, scratch);

        /* the second time from the parent that is kept */
        for (int i = 0; i < 2; i++) {
                PathPlace place;
                int r = path_walk(&walker, path, &place);

                if (r != expected || (expected_path && strcmp(place.path, expected_path) != 0))
                        fail_msg("%s: %d %s, expected %d %s", path, r, place.path, expected,
                                        expected_path ?: "");
                if (r == 0)
                        assert_int_equal(place.error, error);
                assert_int_equal(place.fd >= 0, r == 0);
                path_place_done(&place);
        }
}

static void trusted(const char *path, int expected, const char *expected_path, int error) {
        check(PATH_LINKS_TRUSTED, path, expected, expected_path, error);
}

static void test_without_links(void **state) {
        trusted("/", 0, "/", 0);
        trusted(scratch_path("mono/part"), 0, scratch_path("mono/part"), 0);
        trusted(scratch_path("mono//./part/"), 0, scratch_path("mono/part"), 0);
        trusted(scratch_path("key"), 0, scratch_path("key"), -ENOTDIR);
        trusted(scratch_path("key/below"), 0, scratch_path("key/below"), -ENOTDIR);
        trusted(scratch_path("new"), 0, scratch_path("new"), -ENOENT);
        trusted(scratch_path("new/and/more"), 0, scratch_path("new/and/more"), -ENOENT);
}

static void test_existing_part(void **state) {
        PathWalker walker = PATH_WALKER(PATH_LINKS_NONE, NULL);
        PathPlace place;

        assert_int_equal(path_walk(&walker, scratch_path("mono/new/more"), &place), 0);
        assert_int_equal(place.existing, strlen(scratch_path("mono")));
        path_place_done(&place);
        assert_int_equal(path_walk(&walker, scratch_path("key/x"), &place), 0);
        assert_int_equal(place.existing, strlen(scratch_path("key")));
        path_place_done(&place);
        path_walker_done(&walker);
}

/* F2: what the guest of mono puts in the place of part. */
static void test_link_of_a_guest(void **state) {
        assert_int_equal(rename(scratch_path("mono/part"), scratch_path("mono/aside")), 0);
        assert_int_equal(symlink(scratch_path(".aws"), scratch_path("mono/part")), 0);
        trusted(scratch_path("mono/part"), -ELOOP, scratch_path("mono/part"), 0);
        trusted(scratch_path("mono/part/below"), -ELOOP, scratch_path("mono/part"), 0);
        check(PATH_LINKS_NONE, scratch_path("mono/part"), -ELOOP, scratch_path("mono/part"), 0);
        check(PATH_LINKS_ALL, scratch_path("mono/part"), 0, scratch_path(".aws"), 0);
        assert_int_equal(path_open_directory(scratch_path("mono/part")), -ELOOP);
}

/* A link of the user's leads to one of the guest's. */
static void test_trusted_link_to_another(void **state) {
        assert_int_equal(symlink("mono/link", scratch_path("mine")), 0);
        assert_int_equal(symlink("../.aws", scratch_path("mono/link")), 0);
        trusted(scratch_path("mine"), -ELOOP, scratch_path("mono/link"), 0);
        trusted(scratch_path("mine/below"), -ELOOP, scratch_path("mono/link"), 0);
}

static void test_links_of_the_home(void **state) {
        assert_int_equal(symlink("mono", scratch_path("link")), 0);
        assert_int_equal(symlink(scratch_path("mono/../mono/./part"), scratch_path("absolute")), 0);
        assert_int_equal(symlink("link/part", scratch_path("twice")), 0);
        assert_int_equal(symlink("new/deep", scratch_path("dangling")), 0);
        assert_int_equal(symlink("new/../mono", scratch_path("nowhere")), 0);
        assert_int_equal(symlink("../../../../..", scratch_path("up")), 0);
        trusted(scratch_path("link/part"), 0, scratch_path("mono/part"), 0);
        trusted(scratch_path("absolute"), 0, scratch_path("mono/part"), 0);
        trusted(scratch_path("twice/x"), 0, scratch_path("mono/part/x"), -ENOENT);
        trusted(scratch_path("dangling/x"), 0, scratch_path("new/deep/x"), -ENOENT);
        trusted(scratch_path("nowhere"), -ENOENT, NULL, 0);
        trusted(scratch_path("up"), 0, "/", 0);
        trusted(scratch_path("up/usr"), 0, "/usr", 0);
        check(PATH_LINKS_NONE, scratch_path("link/part"), -ELOOP, scratch_path("link"), 0);
}

/* Others may write to the home, so its links may be theirs. */
static void test_writable_home(void **state) {
        assert_int_equal(symlink("mono", scratch_path("link")), 0);
        assert_int_equal(chmod(scratch, 0770), 0);
        trusted(scratch_path("link"), -ELOOP, scratch_path("link"), 0);
}

static void test_loops(void **state) {
        char name[32] = "mono";

        assert_int_equal(symlink("b", scratch_path("a")), 0);
        assert_int_equal(symlink("a", scratch_path("b")), 0);
        assert_int_equal(symlink("self/x", scratch_path("self")), 0);
        trusted(scratch_path("a"), -ELOOP, NULL, 0);
        trusted(scratch_path("self"), -ELOOP, NULL, 0);
        for (int i = 0; i < 41; i++) {
                char link[32];

                snprintf(link, sizeof(link), "chain%d", i);
                assert_int_equal(symlink(name, scratch_path(link)), 0);
                strcpy(name, link);
        }
        trusted(scratch_path("chain39"), 0, scratch_path("mono"), 0);
        trusted(scratch_path("chain40"), -ELOOP, NULL, 0);
}

/* /proc/self is root's link; what lies in a process's directory is that process's. /tmp is everybody's. */
static void test_links_of_root(void **state) {
        _cleanup_(path_walker_done) PathWalker walker = PATH_WALKER(PATH_LINKS_TRUSTED, NULL);
        char link[64], path[PATH_MAX];
        PathPlace place;

        if (getuid() == 0)
                skip();
        assert_int_equal(path_walk(&walker, "/proc/self/fd", &place), 0);
        path_place_done(&place);
        snprintf(path, sizeof(path), "/proc/%d/fd", getpid());
        assert_string_equal(place.path, path);
        assert_int_equal(path_walk(&walker, "/proc/self/cwd", &place), -ELOOP);
        snprintf(link, sizeof(link), "/tmp/test-path-walk.%d", getpid());
        assert_int_equal(symlink("/usr", link), 0);
        trusted(link, -ELOOP, link, 0);
        assert_int_equal(unlink(link), 0);
}

static void test_too_long(void **state) {
        PathWalker walker = PATH_WALKER(PATH_LINKS_TRUSTED, scratch);
        char target[4000], path[PATH_MAX + 16];
        PathPlace place;

        memset(target, 'x', sizeof(target));
        for (size_t i = 0; i < sizeof(target); i += 200)
                target[i] = '/';
        target[sizeof(target) - 1] = '\0';
        assert_int_equal(symlink(target, scratch_path("long")), 0);
        trusted(scratch_path("long"), 0, NULL, -ENOENT);
        snprintf(path, sizeof(path), "%s/%.150s", scratch_path("long"), target + 1);
        trusted(path, -ENAMETOOLONG, NULL, 0);
        memset(path, 'z', PATH_MAX);
        path[0] = '/';
        path[PATH_MAX] = '\0';
        trusted(path, -ENAMETOOLONG, NULL, 0);
        memset(&place, 'x', sizeof(place));
        assert_int_equal(path_walk(&walker, path, &place), -ENAMETOOLONG);
        assert_string_equal(place.path, "");
}

/* A kept parent spares the walk, and no check. */
static void test_kept_parent(void **state) {
        _cleanup_(path_walker_done) PathWalker walker = PATH_WALKER(PATH_LINKS_TRUSTED, scratch);
        PathPlace place;

        assert_int_equal(path_walk(&walker, scratch_path("mono/part"), &place), 0);
        path_place_done(&place);
        assert_int_equal(symlink(scratch_path(".aws"), scratch_path("mono/link")), 0);
        assert_int_equal(path_walk(&walker, scratch_path("mono/link"), &place), -ELOOP);
        assert_int_equal(path_walk(&walker, scratch_path("mono/part"), &place), 0);
        assert_string_equal(place.path, scratch_path("mono/part"));
        path_place_done(&place);
        /* a parent that is none is not kept */
        assert_int_equal(path_walk(&walker, scratch_path("mono/link/x"), &place), -ELOOP);
        assert_int_equal(path_walk(&walker, scratch_path("mono/link/y"), &place), -ELOOP);
        assert_int_equal(path_walk(&walker, scratch_path("later/x"), &place), 0);
        path_place_done(&place);
        assert_int_equal(symlink("mono", scratch_path("later")), 0);
        assert_int_equal(path_walk(&walker, scratch_path("later/part"), &place), 0);
        assert_string_equal(place.path, scratch_path("mono/part"));
        path_place_done(&place);
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, scratch_teardown)

int main(void) {
        const struct CMUnitTest tests[] = {
                CASE(test_without_links),
                CASE(test_existing_part),
                CASE(test_link_of_a_guest),
                CASE(test_trusted_link_to_another),
                CASE(test_links_of_the_home),
                CASE(test_writable_home),
                CASE(test_loops),
                CASE(test_links_of_root),
                CASE(test_too_long),
                CASE(test_kept_parent),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
