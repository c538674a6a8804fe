/* Links that count and links that do not. Run as an ordinary user: /, /usr and /proc are root's. */

#include "tests/tree.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/path-walk.h"

/* mono/part is a project in another one's directory; .aws is what a guest would like to have. */
static int setup(void **state) {
        if (tree_make() < 0)
                return -1;
        mkdir(in("mono"), 0700);
        mkdir(in("mono/part"), 0700);
        mkdir(in(".aws"), 0700);
        make_file(in("key"));
        return 0;
}

/* The place must own its descriptor exactly if there is no error. */
static void check(PathLinks links, const char *path, int expected, const char *expected_path, int error) {
        _cleanup_(path_walker_done) PathWalker walker = PATH_WALKER(links, tree);

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
        trusted(in("mono/part"), 0, in("mono/part"), 0);
        trusted(in("mono//./part/"), 0, in("mono/part"), 0);
        trusted(in("key"), 0, in("key"), -ENOTDIR);
        trusted(in("key/below"), 0, in("key/below"), -ENOTDIR);
        trusted(in("new"), 0, in("new"), -ENOENT);
        trusted(in("new/and/more"), 0, in("new/and/more"), -ENOENT);
}

static void test_existing_part(void **state) {
        PathWalker walker = PATH_WALKER(PATH_LINKS_NONE, NULL);
        PathPlace place;

        assert_int_equal(path_walk(&walker, in("mono/new/more"), &place), 0);
        assert_int_equal(place.existing, strlen(in("mono")));
        path_place_done(&place);
        assert_int_equal(path_walk(&walker, in("key/x"), &place), 0);
        assert_int_equal(place.existing, strlen(in("key")));
        path_place_done(&place);
        path_walker_done(&walker);
}

/* F2: what the guest of mono puts in the place of part. */
static void test_link_of_a_guest(void **state) {
        assert_int_equal(rename(in("mono/part"), in("mono/aside")), 0);
        assert_int_equal(symlink(in(".aws"), in("mono/part")), 0);
        trusted(in("mono/part"), -ELOOP, in("mono/part"), 0);
        trusted(in("mono/part/below"), -ELOOP, in("mono/part"), 0);
        check(PATH_LINKS_NONE, in("mono/part"), -ELOOP, in("mono/part"), 0);
        check(PATH_LINKS_ALL, in("mono/part"), 0, in(".aws"), 0);
        assert_int_equal(path_open_directory(in("mono/part")), -ELOOP);
}

/* A link of the user's leads to one of the guest's. */
static void test_trusted_link_to_another(void **state) {
        assert_int_equal(symlink("mono/link", in("mine")), 0);
        assert_int_equal(symlink("../.aws", in("mono/link")), 0);
        trusted(in("mine"), -ELOOP, in("mono/link"), 0);
        trusted(in("mine/below"), -ELOOP, in("mono/link"), 0);
}

static void test_links_of_the_home(void **state) {
        assert_int_equal(symlink("mono", in("link")), 0);
        assert_int_equal(symlink(in("mono/../mono/./part"), in("absolute")), 0);
        assert_int_equal(symlink("link/part", in("twice")), 0);
        assert_int_equal(symlink("new/deep", in("dangling")), 0);
        assert_int_equal(symlink("new/../mono", in("nowhere")), 0);
        assert_int_equal(symlink("../../../../..", in("up")), 0);
        trusted(in("link/part"), 0, in("mono/part"), 0);
        trusted(in("absolute"), 0, in("mono/part"), 0);
        trusted(in("twice/x"), 0, in("mono/part/x"), -ENOENT);
        trusted(in("dangling/x"), 0, in("new/deep/x"), -ENOENT);
        trusted(in("nowhere"), -ENOENT, NULL, 0);
        trusted(in("up"), 0, "/", 0);
        trusted(in("up/usr"), 0, "/usr", 0);
        check(PATH_LINKS_NONE, in("link/part"), -ELOOP, in("link"), 0);
}

/* Others may write to the home, so its links may be theirs. */
static void test_writable_home(void **state) {
        assert_int_equal(symlink("mono", in("link")), 0);
        assert_int_equal(chmod(tree, 0770), 0);
        trusted(in("link"), -ELOOP, in("link"), 0);
}

static void test_loops(void **state) {
        char name[32] = "mono";

        assert_int_equal(symlink("b", in("a")), 0);
        assert_int_equal(symlink("a", in("b")), 0);
        assert_int_equal(symlink("self/x", in("self")), 0);
        trusted(in("a"), -ELOOP, NULL, 0);
        trusted(in("self"), -ELOOP, NULL, 0);
        for (int i = 0; i < 41; i++) {
                char link[32];

                snprintf(link, sizeof(link), "chain%d", i);
                assert_int_equal(symlink(name, in(link)), 0);
                strcpy(name, link);
        }
        trusted(in("chain39"), 0, in("mono"), 0);
        trusted(in("chain40"), -ELOOP, NULL, 0);
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
        char target[4000], path[PATH_MAX + 16];

        memset(target, 'x', sizeof(target));
        for (size_t i = 0; i < sizeof(target); i += 200)
                target[i] = '/';
        target[sizeof(target) - 1] = '\0';
        assert_int_equal(symlink(target, in("long")), 0);
        trusted(in("long"), 0, NULL, -ENOENT);
        snprintf(path, sizeof(path), "%s/%.150s", in("long"), target + 1);
        trusted(path, -ENAMETOOLONG, NULL, 0);
        memset(path, 'z', PATH_MAX);
        path[0] = '/';
        path[PATH_MAX] = '\0';
        trusted(path, -ENAMETOOLONG, NULL, 0);
}

/* A kept parent spares the walk, and no check. */
static void test_kept_parent(void **state) {
        _cleanup_(path_walker_done) PathWalker walker = PATH_WALKER(PATH_LINKS_TRUSTED, tree);
        PathPlace place;

        assert_int_equal(path_walk(&walker, in("mono/part"), &place), 0);
        path_place_done(&place);
        assert_int_equal(symlink(in(".aws"), in("mono/link")), 0);
        assert_int_equal(path_walk(&walker, in("mono/link"), &place), -ELOOP);
        assert_int_equal(path_walk(&walker, in("mono/part"), &place), 0);
        assert_string_equal(place.path, in("mono/part"));
        path_place_done(&place);
        /* a parent that is none is not kept */
        assert_int_equal(path_walk(&walker, in("mono/link/x"), &place), -ELOOP);
        assert_int_equal(path_walk(&walker, in("mono/link/y"), &place), -ELOOP);
        assert_int_equal(path_walk(&walker, in("later/x"), &place), 0);
        path_place_done(&place);
        assert_int_equal(symlink("mono", in("later")), 0);
        assert_int_equal(path_walk(&walker, in("later/part"), &place), 0);
        assert_string_equal(place.path, in("mono/part"));
        path_place_done(&place);
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, tree_remove)

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
