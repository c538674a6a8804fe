/* What a guest's root can do to protected names: the file operations of its virtiofsd, in the mount
 * namespace that virtiofsd is given. Each test is a child, because the namespaces stay. */

#include "tests/scratch.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdbool.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/obeyed-names.h"
#include "common/strv.h"
#include "helper/share/protect.h"
#include "helper/share/share-root.h"

static int setup(void **state) {
        static const char *const directories[] = { "work", "work/.git", "work/.git/hooks",
                "work/.git/objects", "work/.git/refs", "work/.vscode", "work/src", "run" };

        if (scratch_setup(state) < 0)
                return -1;
        for (size_t i = 0; i < ELEMENTSOF(directories); i++)
                scratch_mkdir(directories[i]);
        scratch_write("work/.git/HEAD", "ref: refs/heads/main\n", 0600);
        scratch_write("work/.git/config", "[core]\n", 0600);
        scratch_write("work/.git/hooks/pre-commit", "x", 0700);
        scratch_write("work/.envrc", "x", 0600);
        scratch_write("work/.vscode/tasks.json", "x", 0600);
        scratch_write("work/src/main.c", "x", 0600);
        return 0;
}

static char **notes;

/* Runs `then` with the share as virtiofsd gets it. */
static int with_repository(const char *words, const char *worktree, void (*then)(void)) {
        const Protect what = {
                .words = words,
                .worktree = worktree,
                .directory = scratch_path("work"),
                .guest = "/srv/work",
        };
        pid_t pid = fork();
        int status = 0;

        if (pid == 0) {
                char *name = NULL;
                int r = share_root_bind(scratch_path("work"), false, scratch_path("run/root"));

                if (r == 0)
                        r = protect_share(scratch_path("run/root"), &what, &notes, &name);
                if (r == 0)
                        then();
                _exit(-r);
        }
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_true(WIFEXITED(status));
        return -WEXITSTATUS(status);
}

static int with_share(const char *words, void (*then)(void)) {
        return with_repository(words, "", then);
}

/* In the child: a wrong answer is its exit status. */
#define CHECK(condition)                                                                                    \
        do {                                                                                                \
                if (!(condition)) {                                                                         \
                        fprintf(stderr, "line %d: not so: %s (%s)\n", __LINE__, #condition,                 \
                                        strerror(errno));                                                   \
                        _exit(100);                                                                         \
                }                                                                                           \
        } while (0)

static const char *in(const char *name) {
        static char paths[8][PATH_MAX];
        static unsigned next;
        char *path = paths[next++ % 8];

        snprintf(path, PATH_MAX, "%s/run/root/%s", scratch, name);
        return path;
}

static int error_of(int result) {
        return result < 0 ? errno : 0;
}

static int open_error(const char *name, int flags) {
        _cleanup_close_ int fd = open(in(name), flags | O_CLOEXEC, 0700);

        return error_of(fd);
}

static bool can_write(const char *name) {
        return open_error(name, O_WRONLY) == 0;
}

static bool can_make(const char *name) {
        return open_error(name, O_WRONLY | O_CREAT | O_EXCL) == 0;
}

static int move(const char *from, const char *to) {
        return error_of(rename(in(from), in(to)));
}

static void change_names(void) {
        CHECK(open_error(".git/hooks/pre-commit", O_WRONLY) == EROFS);
        CHECK(open_error(".git/hooks/post-commit", O_WRONLY | O_CREAT) == EROFS);
        CHECK(error_of(unlink(in(".git/hooks/pre-commit"))) == EROFS);
        CHECK(error_of(chmod(in(".git/hooks/pre-commit"), 0777)) == EROFS);
        CHECK(open_error(".envrc", O_WRONLY | O_TRUNC) == EROFS);
        CHECK(error_of(truncate(in(".envrc"), 0)) == EROFS);
        CHECK(error_of(unlink(in(".envrc"))) == EBUSY);
        CHECK(open_error(".vscode/launch.json", O_WRONLY | O_CREAT) == EROFS);
        CHECK(error_of(link(in(".envrc"), in("src/other"))) == EXDEV);
        CHECK(error_of(link(in(".git/hooks/pre-commit"), in("src/other"))) == EXDEV);
}

static void test_names_are_read_only(void **state) {
        assert_int_equal(with_share("yes", change_names), 0);
        assert_file("work/.envrc", "x");
        assert_file("work/.git/hooks/pre-commit", "x");
}

static void move_names(void) {
        CHECK(move(".git", "git") == EBUSY);
        CHECK(move(".git/hooks", ".git/old") == EBUSY);
        CHECK(move(".git/hooks", "src/old") == EXDEV || errno == EBUSY);
        CHECK(move(".vscode", "vscode") == EBUSY);
        CHECK(move(".envrc", "envrc") == EBUSY);
        CHECK(can_make("src/envrc"));
        CHECK(move("src/envrc", ".envrc") == EBUSY);
        CHECK(error_of(mkdir(in("src/git"), 0700)) == 0);
        CHECK(move("src/git", ".git") == EBUSY || errno == ENOTEMPTY);
        CHECK(error_of(renameat2(AT_FDCWD, in("src/git"), AT_FDCWD, in(".git"), RENAME_EXCHANGE)) == EBUSY);
        CHECK(error_of(rmdir(in(".git"))) == EBUSY);
}

static void test_no_parent_can_be_moved(void **state) {
        assert_int_equal(with_share("yes", move_names), 0);
}

static void work_on(void) {
        CHECK(can_write("src/main.c") && can_make("src/new.c"));
        CHECK(can_make(".git/config.lock") && move(".git/config.lock", ".git/config") == 0);
        CHECK(can_make(".git/objects/x") && move(".git/objects/x", ".git/objects/y") == 0);
        CHECK(can_make(".git/HEAD.lock") && move(".git/HEAD.lock", ".git/HEAD") == 0);
        CHECK(notes == NULL);
}

static void test_the_rest_can_be_written(void **state) {
        assert_int_equal(with_share("yes", work_on), 0);
        /* nothing was put into the project, and nothing is mounted outside */
        assert_false(scratch_has("work/.husky"));
        scratch_write("work/.envrc", "y", 0600);
        assert_int_equal(rename(scratch_path("work/.git"), scratch_path("work/git")), 0);
}

static void write_all(void) {
        CHECK(can_write(".envrc") && can_write(".git/hooks/pre-commit") && move(".git", "git") == 0);
}

static void test_off(void **state) {
        assert_int_equal(with_share("no", write_all), 0);
}

static void write_but_listed(void) {
        CHECK(!can_write("src/main.c") && move("src", "s") == EBUSY && can_make("src/new.c"));
        CHECK(can_write(".envrc") && can_write(".git/hooks/pre-commit"));
}

static void test_a_list_is_all(void **state) {
        assert_int_equal(with_share("src/main.c missing/name", write_but_listed), 0);
}

static void write_but_both(void) {
        CHECK(!can_write("src/main.c") && !can_write(".envrc"));
}

static void test_a_list_and_the_default(void **state) {
        assert_int_equal(with_share("yes src/main.c", write_but_both), 0);
}

static void look_at_submodules(void) {
        CHECK(!can_make(".git/modules/one/hooks/new") &&
                        move(".git/modules/one", ".git/modules/x") == EBUSY);
        CHECK(!can_make(".git/modules/lib/two/hooks/new") &&
                        move(".git/modules/lib", ".git/modules/x") == EBUSY);
        CHECK(!can_make(".git/modules/one/modules/deep/hooks/new"));
        CHECK(move(".git/modules", ".git/x") == EBUSY && can_make(".git/modules/one/index"));
}

/* A submodule's name may have slashes, and a submodule has submodules. */
static void test_submodules(void **state) {
        static const char *const directories[] = { "", "/one", "/one/hooks", "/one/modules",
                "/one/modules/deep", "/one/modules/deep/hooks", "/lib", "/lib/two", "/lib/two/hooks" };
        char path[256];

        for (size_t i = 0; i < ELEMENTSOF(directories); i++) {
                snprintf(path, sizeof(path), "work/.git/modules%s", directories[i]);
                scratch_mkdir(path);
        }
        scratch_write("work/.git/modules/one/HEAD", "x", 0600);
        scratch_write("work/.git/modules/one/modules/deep/HEAD", "x", 0600);
        scratch_write("work/.git/modules/lib/two/HEAD", "x", 0600);
        /* which an earlier guest has made, to hide the one below */
        scratch_write("work/.git/modules/lib/HEAD", "x", 0600);
        assert_int_equal(with_share("yes", look_at_submodules), 0);
}

static void look_at_git_file(void) {
        CHECK(!can_write(".git") && move(".git", "git") == EBUSY && error_of(unlink(in(".git"))) == EBUSY);
        CHECK(!can_make(".bare/hooks/new") && move(".bare", "bare") == EBUSY &&
                        can_make(".bare/config.lock"));
}

/* `.git` of a linked worktree, or of a repository beside its worktrees. */
static void test_git_is_a_file(void **state) {
        assert_int_equal(rename(scratch_path("work/.git"), scratch_path("work/.bare")), 0);
        scratch_write("work/.git", "gitdir: ./.bare\n", 0600);
        assert_int_equal(with_share("yes", look_at_git_file), 0);
}

static void look_at_plain_git_file(void) {
        CHECK(!can_write(".git") && move(".git", "git") == EBUSY);
}

/* Wherever it leads, nothing outside of the share is touched. */
static void test_git_file_that_leads_out(void **state) {
        static const char *const texts[] = { "gitdir: ../outside\n", "gitdir: /etc\n", "gitdir: link\n",
                "gitdir: \n", "", "gitdir: src/../..\n", "\xff\xfe" };

        assert_int_equal(rename(scratch_path("work/.git"), scratch_path("outside")), 0);
        scratch_link("../outside", "work/link");
        for (size_t i = 0; i < ELEMENTSOF(texts); i++) {
                scratch_write("work/.git", texts[i], 0600);
                assert_int_equal(with_share("yes", look_at_plain_git_file), 0);
        }
}

static void look_at_bare(void) {
        CHECK(!can_make("hooks/new") && move("hooks", "x") == EBUSY && can_make("objects/x"));
}

static void test_bare_repository(void **state) {
        static const char *const names[] = { "HEAD", "objects", "refs", "hooks" };
        char from[64], to[64];

        for (size_t i = 0; i < ELEMENTSOF(names); i++) {
                snprintf(from, sizeof(from), "work/.git/%s", names[i]);
                snprintf(to, sizeof(to), "work/%s", names[i]);
                assert_int_equal(rename(scratch_path(from), scratch_path(to)), 0);
        }
        assert_int_equal(rename(scratch_path("work/.git"), scratch_path("rest")), 0);
        assert_int_equal(with_share("yes", look_at_bare), 0);
}

static void make_worktree(const char *git_dir, const char *name, const char *gitdir) {
        char path[256];

        snprintf(path, sizeof(path), "%s/worktrees/%s", git_dir, name);
        scratch_mkdir(path);
        snprintf(path, sizeof(path), "%s/worktrees/%s/gitdir", git_dir, name);
        scratch_write(path, gitdir, 0600);
}

static void look_at_worktrees(void) {
        static const char *const foreign[] = { "far", "beside", "none" },
                                 *const own[] = { "host", "guest", "short", "relative" };

        for (size_t i = 0; i < ELEMENTSOF(foreign); i++) {
                char name[64], file[80];

                snprintf(name, sizeof(name), ".git/worktrees/%s", foreign[i]);
                snprintf(file, sizeof(file), "%s/x", name);
                CHECK(!can_make(file) && move(name, "x") != 0 && error_of(rmdir(in(name))) == EBUSY);
        }
        for (size_t i = 0; i < ELEMENTSOF(own); i++) {
                char file[64];

                snprintf(file, sizeof(file), ".git/worktrees/%s/x", own[i]);
                CHECK(can_make(file));
        }
        /* the guest makes some, too */
        CHECK(error_of(mkdir(in(".git/worktrees/new"), 0700)) == 0 && can_make(".git/worktrees/new/x"));
}

static void write_worktrees(void) {
        CHECK(can_make(".git/worktrees/far/x"));
}

/* Those that lie outside of the share look to git in the guest as if they were gone. */
static void test_worktrees(void **state) {
        char here[PATH_MAX];

        scratch_mkdir("work/.git/worktrees");
        snprintf(here, sizeof(here), "%s/work/near/.git\n", scratch);
        make_worktree("work/.git", "far", "/nonexistent/far/.git\n");
        make_worktree("work/.git", "beside", "../../../../beside/.git\n");
        make_worktree("work/.git", "none", "");
        make_worktree("work/.git", "host", here);
        make_worktree("work/.git", "guest", "/srv/work/near/.git\n");
        make_worktree("work/.git", "short", "/work/near/.git\n");
        make_worktree("work/.git", "relative", "../../../near/.git\n");
        assert_int_equal(with_share("yes", look_at_worktrees), 0);
        assert_int_equal(with_share("no", write_worktrees), 0);
}

static void look_at_own_worktree(void) {
        CHECK(can_make("worktrees/own/index.lock") &&
                        move("worktrees/own/index.lock", "worktrees/own/index") == 0);
        CHECK(move("worktrees/own", "worktrees/x") != 0 && rmdir(in("worktrees/own")) != 0);
        CHECK(!can_make("worktrees/other/x") && !can_make("worktrees/x") && move("worktrees", "w") == EBUSY);
        /* one that the host makes now */
        CHECK(mkdir(scratch_path("work/worktrees/late"), 0700) == 0 && rmdir(in("worktrees/late")) != 0 &&
                        !can_make("worktrees/late/x"));
        CHECK(rmdir(scratch_path("work/worktrees/late")) == 0);
        CHECK(can_make("refs/x") && unlink(in("refs/x")) == 0 && can_make("config.lock") &&
                        move("config.lock", "config") == 0);
}

static void look_at_own_protected(void) {
        look_at_own_worktree();
        CHECK(!can_make("hooks/x") && !can_make("modules/m/hooks/x") && can_make("modules/m/x"));
        CHECK(!can_make("worktrees/own/modules/sub/hooks/x") && can_make("worktrees/own/modules/sub/x"));
        CHECK(notes == NULL);
}

static void look_at_own_unprotected(void) {
        look_at_own_worktree();
        CHECK(can_make("hooks/x") && can_make("worktrees/own/modules/sub/hooks/x"));
}

static void look_at_lost_worktree(void) {
        CHECK(!can_make("hooks/x2") && can_make("refs/y"));
}

/* The repository of a worktree, whose files are in another share. */
static void test_own_worktree(void **state) {
        static const char *const directories[] = { "modules", "modules/m", "modules/m/hooks",
                "worktrees/own/modules", "worktrees/own/modules/sub", "worktrees/own/modules/sub/hooks" };
        char path[256];

        assert_int_equal(rename(scratch_path("work"), scratch_path("rest")), 0);
        assert_int_equal(rename(scratch_path("rest/.git"), scratch_path("work")), 0);
        scratch_mkdir("work/worktrees");
        make_worktree("work", "own", "/nonexistent/own/.git\n");
        make_worktree("work", "other", "/nonexistent/other/.git\n");
        for (size_t i = 0; i < ELEMENTSOF(directories); i++) {
                snprintf(path, sizeof(path), "work/%s", directories[i]);
                scratch_mkdir(path);
        }
        scratch_write("work/modules/m/HEAD", "x", 0600);
        scratch_write("work/worktrees/own/modules/sub/HEAD", "x", 0600);
        assert_int_equal(with_repository("yes", "own", look_at_own_protected), 0);
        assert_int_equal(with_repository("no", "own", look_at_own_unprotected), 0);
        assert_int_equal(with_repository("yes", "gone", look_at_lost_worktree), 0);
}

static void look_at_no_repository(void) {
        CHECK(!can_write(".envrc") && can_make(".git"));
}

static void test_no_repository(void **state) {
        assert_int_equal(rename(scratch_path("work/.git"), scratch_path("rest")), 0);
        assert_int_equal(with_share("yes", look_at_no_repository), 0);
}

static bool has_note(const char *name) {
        for (char **note = notes; note && *note; note++)
                if (strstr(*note, name))
                        return true;
        return false;
}

static void look_at_links(void) {
        CHECK(has_note("'.envrc' is or goes through a symbolic link"));
        CHECK(has_note("'.claude/settings.json' is or goes through a symbolic link"));
        CHECK(open_error("../../outside/settings.json", O_WRONLY) == 0);
        CHECK(access(in("../../outside/settings.json"), W_OK) == 0);
        CHECK(!can_write(".vscode/tasks.json"));
}

/* They are named, never followed. */
static void test_links(void **state) {
        scratch_mkdir("outside");
        scratch_write("outside/settings.json", "x", 0600);
        assert_int_equal(unlink(scratch_path("work/.envrc")), 0);
        scratch_link("../outside/settings.json", "work/.envrc");
        scratch_link("../outside", "work/.claude");
        assert_int_equal(with_share("yes", look_at_links), 0);
}

static void look_at_hard_links(void) {
        CHECK(has_note("'.envrc' is or has a file with another name"));
        CHECK(has_note("'.git/hooks' is or has a file with another name"));
}

static void test_hard_links(void **state) {
        assert_int_equal(link(scratch_path("work/.envrc"), scratch_path("work/src/a")), 0);
        assert_int_equal(link(scratch_path("work/.git/hooks/pre-commit"), scratch_path("work/src/b")), 0);
        assert_int_equal(with_share("yes", look_at_hard_links), 0);
}

static void nothing(void) {
}

static void test_too_many_submodules(void **state) {
        char path[64];

        scratch_mkdir("work/.git/modules");
        for (unsigned i = 0; i < 4097; i++) {
                snprintf(path, sizeof(path), "work/.git/modules/%u", i);
                scratch_mkdir(path);
        }
        assert_int_equal(with_share("yes", nothing), -E2BIG);
}

static volatile bool enough;

/* The guest of another VM that has the directory, and no Protect=. */
static void *swap(void *unused) {
        while (!enough)
                (void) !renameat2(AT_FDCWD, scratch_path("work/.vscode"), AT_FDCWD,
                                scratch_path("work/link"), RENAME_EXCHANGE);
        return NULL;
}

static void look_after_race(void) {
        CHECK(open_error("../../outside/file", O_WRONLY) == 0);
}

/* Whatever is at the name at any moment, what the link leads to is left alone. */
static void test_race(void **state) {
        unsigned n_done = 0;
        pthread_t thread;

        scratch_mkdir("outside");
        scratch_write("outside/file", "x", 0600);
        scratch_link("../outside", "work/link");
        enough = false;
        assert_int_equal(pthread_create(&thread, NULL, swap, NULL), 0);
        for (unsigned i = 0; i < 100; i++) {
                int r = with_share(".vscode", look_after_race);

                n_done += r == 0;
                if (r != 0 && r != -EBUSY && r != -ELOOP)
                        fail_msg("%s", strerror(-r));
        }
        enough = true;
        assert_int_equal(pthread_join(thread, NULL), 0);
        assert_true(n_done > 0);
}

static void test_words(void **state) {
        static const char *const good[] = { "yes", "no", "yes a", ".envrc", "a/b/c ..x", "a" };
        static const char *const bad[] = { "", " ", "/etc", "a/", "a//b", "../a", "a/..", "./a", "a/./b",
                "no a", "yes no", "a ." };

        for (size_t i = 0; i < ELEMENTSOF(good); i++)
                assert_null(protect_refused(good[i]));
        for (size_t i = 0; i < ELEMENTSOF(bad); i++)
                assert_non_null(protect_refused(bad[i]));
        /* and the table itself follows the rule */
        for (size_t i = 0; obeyed_name(i); i++)
                assert_null(protect_refused(obeyed_name(i)->path));
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, scratch_teardown)

int main(void) {
        const struct CMUnitTest tests[] = {
                CASE(test_names_are_read_only),
                CASE(test_no_parent_can_be_moved),
                CASE(test_the_rest_can_be_written),
                CASE(test_off),
                CASE(test_a_list_is_all),
                CASE(test_a_list_and_the_default),
                CASE(test_submodules),
                CASE(test_git_is_a_file),
                CASE(test_git_file_that_leads_out),
                CASE(test_bare_repository),
                CASE(test_worktrees),
                CASE(test_own_worktree),
                CASE(test_no_repository),
                CASE(test_links),
                CASE(test_hard_links),
                CASE(test_too_many_submodules),
                CASE(test_race),
                cmocka_unit_test(test_words),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
