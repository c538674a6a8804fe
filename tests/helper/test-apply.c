/* What comes from a copy to the original, and what a hostile guest has put there. */

#include "helper/copy/apply.h"

#include <errno.h>

#include "common/cleanup.h"
#include "common/run-program.h"
#include "common/strjoin.h"
#include "common/strv.h"
#include "config.h"
#include "helper/copy/branch.h"
#include "helper/copy/make.h"
#include "tests/scratch.h"

#define COPY "data/claude-microvm/copies/web"
#define WORK COPY "/work"

static Record record;
static Changes changes;
static int origin, work, directory;

static int open_at(const char *name) {
        int fd = open(scratch_path(name), O_RDONLY | O_DIRECTORY | O_CLOEXEC);

        assert_true(fd >= 0);
        return fd;
}

static void find(const char *protect) {
        changes_done(&changes);
        assert_int_equal(difference_find(origin, work, &record, protect, &changes), 0);
}

/* The original has been made; here is its copy. */
static void make_copy(void) {
        const CopyRequest request = {
                .data_home = scratch_path("data"),
                .id = "web",
                .origin = scratch_path("origin"),
                .max_mib = 100,
        };
        _cleanup_free_ char *why = NULL;
        CopyResult result;

        assert_int_equal(copy_make(&request, &result, &why), 1);
        origin = open_at("origin");
        work = open_at(WORK);
        directory = open_at(COPY);
        assert_int_equal(record_read(directory, COPY_RECORD, &record), 0);
}

static void make_origin(void) {
        scratch_mkdir("origin");
        scratch_mkdir("origin/src");
        scratch_mkdir("origin/old");
        scratch_write("origin/file", "text\n", 0640);
        scratch_write("origin/other", "other\n", 0644);
        scratch_write("origin/src/run.sh", "#!/bin/sh\n", 0644);
        scratch_write("origin/old/gone", "gone\n", 0644);
        scratch_write("origin/.envrc", "export A=1\n", 0644);
}

static int setup(void **state) {
        record = (Record) {};
        changes = (Changes) {};
        return scratch_setup(state);
}

static int teardown(void **state) {
        changes_done(&changes);
        record_done(&record);
        close(origin);
        close(work);
        close(directory);
        return scratch_teardown(state);
}

static const Change *change_of(const char *path) {
        for (size_t i = 0; i < changes.n; i++)
                if (strcmp(changes.items[i].path, path) == 0)
                        return &changes.items[i];
        fail_msg("no change of %s", path);
        return NULL;
}

static Apply apply_all(bool with_protected, bool overwrite) {
        Apply a = { origin, work, &record, "yes", with_protected, overwrite };

        find("yes");
        if (changes.n > 0)
                qsort(changes.items, changes.n, sizeof(Change), apply_order);
        for (size_t i = 0; i < changes.n; i++)
                if (!apply_refused(&a, &changes.items[i]))
                        assert_int_equal(apply_change(&a, &changes.items[i]), 0);
        return a;
}

static void remove_name(const char *name) {
        assert_int_equal(remove(scratch_path(name)), 0);
}

/* A write takes such a bit away. */
static void write_set_id(const char *name, mode_t mode) {
        scratch_write(name, "x", 0755);
        assert_int_equal(chmod(scratch_path(name), mode), 0);
}

static void test_nothing_differs(void **state) {
        make_origin();
        make_copy();
        find("yes");
        assert_int_equal(changes.n, 0);
}

static void test_applies(void **state) {
        struct stat st;

        make_origin();
        make_copy();
        scratch_write(WORK "/file", "changed\n", 0666);
        scratch_write(WORK "/src/run.sh", "#!/bin/sh\n", 0755);
        scratch_mkdir(WORK "/new");
        scratch_mkdir(WORK "/new/deep");
        scratch_write(WORK "/new/deep/file", "new\n", 0600);
        scratch_link("deep/file", WORK "/new/link");
        remove_name(WORK "/old/gone");
        remove_name(WORK "/old");
        find("yes");
        assert_int_equal(changes.n, 8);
        assert_int_equal(change_of("file")->kind, CHANGE_CHANGED);
        assert_int_equal(change_of("src/run.sh")->kind, CHANGE_CHANGED);
        assert_int_equal(change_of("new/deep/file")->kind, CHANGE_NEW);
        assert_int_equal(change_of("old/gone")->kind, CHANGE_REMOVED);
        apply_all(false, false);
        assert_file("origin/file", "changed\n");
        assert_file("origin/new/deep/file", "new\n");
        assert_link("origin/new/link", "deep/file");
        assert_false(scratch_has("origin/old"));
        assert_file("origin/other", "other\n");
        /* the host's mode, and the guest's bit */
        assert_int_equal(stat(scratch_path("origin/file"), &st), 0);
        assert_int_equal(st.st_mode & 07777, 0640);
        assert_int_equal(stat(scratch_path("origin/src/run.sh"), &st), 0);
        assert_int_equal(st.st_mode & 07777, 0755);
        find("yes");
        assert_int_equal(changes.n, 0);
        /* and again, which is no conflict with what was applied */
        scratch_write(WORK "/file", "again\n", 0644);
        assert_int_equal(record_write(directory, COPY_RECORD, &record), 0);
        record_done(&record);
        assert_int_equal(record_read(directory, COPY_RECORD, &record), 0);
        apply_all(false, false);
        assert_file("origin/file", "again\n");
}

static void test_conflicts(void **state) {
        Apply a;

        make_origin();
        make_copy();
        scratch_write("origin/file", "mine is longer\n", 0640);
        scratch_write(WORK "/file", "changed\n", 0640);
        scratch_write("origin/new", "mine\n", 0644);
        scratch_write(WORK "/new", "theirs\n", 0644);
        scratch_write("origin/old/gone", "I need it\n", 0644);
        remove_name(WORK "/old/gone");
        remove_name("origin/other");
        scratch_write(WORK "/other", "theirs\n", 0644);
        a = apply_all(false, false);
        assert_int_equal(changes.n, 4);
        for (size_t i = 0; i < changes.n; i++)
                assert_non_null(strstr(apply_refused(&a, &changes.items[i]), "has changed here"));
        assert_file("origin/file", "mine is longer\n");
        assert_file("origin/new", "mine\n");
        assert_file("origin/old/gone", "I need it\n");
        assert_false(scratch_has("origin/other"));
        apply_all(false, true);
        assert_file("origin/file", "changed\n");
        assert_file("origin/new", "theirs\n");
        assert_false(scratch_has("origin/old/gone"));
        assert_file("origin/other", "theirs\n");
}

/* Between the look and the change. */
static void test_change_at_the_last_moment(void **state) {
        Apply a = { 0, 0, &record, "yes", false, false };

        make_origin();
        make_copy();
        scratch_write(WORK "/file", "changed\n", 0640);
        scratch_write(WORK "/new", "new\n", 0640);
        find("yes");
        a.origin = origin;
        a.work = work;
        scratch_write("origin/file", "mine, a moment ago\n", 0640);
        scratch_write("origin/new", "mine, too\n", 0640);
        assert_int_equal(apply_change(&a, change_of("file")), -ESTALE);
        assert_int_equal(apply_change(&a, change_of("new")), -ESTALE);
        assert_file("origin/file", "mine, a moment ago\n");
        assert_file("origin/new", "mine, too\n");
        /* and what the guest does then */
        remove_name("origin/new");
        remove_name(WORK "/new");
        scratch_link("/etc/passwd", WORK "/new");
        assert_int_equal(apply_change(&a, change_of("new")), -ESTALE);
        remove_name(WORK "/new");
        write_set_id(WORK "/new", 04755);
        assert_int_equal(apply_change(&a, change_of("new")), -ESTALE);
        assert_false(scratch_has("origin/new"));
}

static void test_hostile_copy(void **state) {
        static const struct {
                const char *path;
                ChangeRefusal refusal;
        } expected[] = {
                { "suid", REFUSAL_SET_ID },
                { "sgid", REFUSAL_SET_ID },
                { "out", REFUSAL_LINK },
                { "up", REFUSAL_LINK },
                { "here-and-up", REFUSAL_LINK },
                { ".envrc", REFUSAL_PROTECTED },
                { "src/.vscode", REFUSAL_PROTECTED },
                { "src/.vscode/tasks.json", REFUSAL_PROTECTED },
                { "src/.HUSKY", REFUSAL_PROTECTED },
                { "sub/.git", REFUSAL_REPOSITORY },
                { "sub/.GIT", REFUSAL_REPOSITORY },
                { "bare", REFUSAL_REPOSITORY },
                { "file", REFUSAL_SPECIAL },
        };
        struct stat before, after;
        Apply a;

        make_origin();
        make_copy();
        write_set_id(WORK "/suid", 04755);
        write_set_id(WORK "/sgid", 02755);
        scratch_link("/etc/passwd", WORK "/out");
        scratch_link("../x", WORK "/up");
        scratch_link("src/../../x", WORK "/here-and-up");
        scratch_write(WORK "/.envrc", "evil\n", 0644);
        scratch_mkdir(WORK "/src/.vscode");
        scratch_write(WORK "/src/.vscode/tasks.json", "{}", 0644);
        scratch_mkdir(WORK "/src/.HUSKY");
        scratch_mkdir(WORK "/sub");
        scratch_mkdir(WORK "/sub/.git");
        scratch_write(WORK "/sub/.git/config", "[core]\n\tfsmonitor = evil\n", 0644);
        scratch_mkdir(WORK "/sub/.GIT");
        scratch_mkdir(WORK "/bare");
        scratch_mkdir(WORK "/bare/objects");
        scratch_mkdir(WORK "/bare/refs");
        scratch_write(WORK "/bare/HEAD", "ref: refs/heads/main\n", 0644);
        scratch_write(WORK "/bare/config", "[core]\n\tfsmonitor = evil\n", 0644);
        remove_name(WORK "/file");
        assert_int_equal(mkfifo(scratch_path(WORK "/file"), 0600), 0);
        assert_int_equal(mkfifo(scratch_path(WORK "/fifo"), 0600), 0);
        scratch_mkdir(WORK "/.git");
        scratch_write(WORK "/.git/config", "[core]\n\tfsmonitor = evil\n", 0644);
        assert_int_equal(stat(scratch_path("origin/file"), &before), 0);
        a = apply_all(false, false);
        for (size_t i = 0; i < ELEMENTSOF(expected); i++) {
                assert_int_equal(change_of(expected[i].path)->refusal, expected[i].refusal);
                assert_non_null(apply_refused(&a, change_of(expected[i].path)));
        }
        /* those and `sub` */
        assert_int_equal(changes.n, ELEMENTSOF(expected) + 1);
        assert_true(scratch_has("origin/sub"));
        assert_false(scratch_has("origin/sub/.git"));
        assert_false(scratch_has("origin/.git"));
        assert_false(scratch_has("origin/bare"));
        assert_false(scratch_has("origin/out"));
        assert_file("origin/.envrc", "export A=1\n");
        assert_int_equal(stat(scratch_path("origin/file"), &after), 0);
        assert_int_equal(after.st_ino, before.st_ino);
        apply_all(true, true);
        assert_file("origin/.envrc", "evil\n");
        assert_false(scratch_has("origin/suid"));
        assert_false(scratch_has("origin/out"));
        assert_false(scratch_has("origin/sub/.git"));
}

/* A directory of the copy that becomes a link, and one of the original that is one. */
static void test_no_link_is_followed(void **state) {
        Apply a = { 0, 0, &record, "yes", true, true };

        make_origin();
        scratch_mkdir("outside");
        scratch_write("outside/secret", "secret\n", 0644);
        make_copy();
        scratch_mkdir(WORK "/new");
        scratch_write(WORK "/new/secret", "guest\n", 0644);
        find("yes");
        a.origin = origin;
        a.work = work;
        /* the guest swaps the directory after the look */
        remove_name(WORK "/new/secret");
        remove_name(WORK "/new");
        scratch_link("../../../../../outside", WORK "/new");
        assert_int_equal(apply_change(&a, change_of("new/secret")), -ESTALE);
        assert_false(scratch_has("origin/new/secret"));
        /* the user's link is the user's */
        remove_name(WORK "/new");
        scratch_mkdir(WORK "/new");
        scratch_write(WORK "/new/secret", "guest\n", 0644);
        assert_int_equal(rmdir(scratch_path("origin/new")), 0);
        scratch_link("../outside", "origin/new");
        assert_true(apply_change(&a, change_of("new/secret")) < 0);
        assert_file("outside/secret", "secret\n");
}

static void test_another_type(void **state) {
        make_origin();
        make_copy();
        remove_name(WORK "/file");
        scratch_mkdir(WORK "/file");
        scratch_write(WORK "/file/in", "in\n", 0644);
        remove_name(WORK "/old/gone");
        remove_name(WORK "/old");
        scratch_write(WORK "/old", "file\n", 0644);
        apply_all(false, false);
        assert_file("origin/file/in", "in\n");
        assert_file("origin/old", "file\n");
}

/* It is not removed because the guest has hidden it. */
static void test_hidden_is_not_removed(void **state) {
        make_origin();
        make_copy();
        if (geteuid() == 0)
                skip();
        assert_int_equal(chmod(scratch_path(WORK "/old"), 0), 0);
        find("yes");
        assert_true(changes.is_incomplete);
        assert_int_equal(changes.n, 0);
        assert_int_equal(chmod(scratch_path(WORK "/old"), 0700), 0);
}

static void test_links_that_stay(void **state) {
        static const struct {
                const char *path, *target;
                bool stays;
        } links[] = {
                { "a", "b", true },
                { "a", "b/c/", true },
                { "a", "", true },
                { "d/a", "../b", true },
                { "d/e/a", "../../b", true },
                { "d/a", "../..", false },
                { "d/a", "../../b", false },
                { "a", "..", false },
                { "a", "b/../c", false },
                { "a", "./../..", false },
                { "a", "b/..", false },
                { "a", "..b/...", true },
                { "a", "/b", false },
        };

        for (size_t i = 0; i < ELEMENTSOF(links); i++)
                if (change_link_stays(links[i].path, links[i].target) != links[i].stays)
                        fail_msg("%s -> %s", links[i].path, links[i].target);
        /* for the teardown */
        make_origin();
        make_copy();
}

static void test_branch_names(void **state) {
        static const char *const good[] = { "main", "a/b", "fix#1", "v1.2", "größe", NULL };
        static const char *const bad[] = { "", "/", "a/", "/a", "a//b", ".a", "a/.b", "a..b", "a.lock",
                "a.lock/b", "-a", "@", "a@{1}", "a b", "a~", "a^", "a:b", "a?", "a*", "a[", "a\\", "a\n",
                "a\033[1m", "a.", "a\xff", NULL };

        for (size_t i = 0; good[i]; i++)
                assert_true(branch_name_is_valid(good[i]));
        for (size_t i = 0; bad[i]; i++)
                if (branch_name_is_valid(bad[i]))
                        fail_msg("'%s' is taken for a branch", bad[i]);
        make_origin();
        make_copy();
}

/* --- git -------------------------------------------------------------------------------- */

static void shell(const char *script) {
        const char *const argv[] = { "/bin/sh", "-euc", script, "sh", scratch, NULL };

        assert_int_equal(run_program(argv, -1), 0);
}

#define GIT                                                                                                 \
        "cd \"$1\"; export HOME=$1 GIT_CONFIG_NOSYSTEM=1 GIT_AUTHOR_NAME=a GIT_AUTHOR_EMAIL=a@b "           \
        "GIT_COMMITTER_NAME=a GIT_COMMITTER_EMAIL=a@b; "

static int fetch(Branches *ret, char **ret_why) {
        const BranchRequest request = {
                .git = GIT_PATH,
                .id = "web",
                .origin = scratch_path("origin"),
                .directory = scratch_path(COPY),
                .work = work,
                .record = &record,
        };

        setenv("HOME", scratch, 1);
        return branch_fetch(&request, ret, ret_why);
}

static void make_repository(void) {
        if (access(GIT_PATH, X_OK) < 0)
                skip();
        make_origin();
        shell(GIT "cd origin; git init -q -b main .; git add .; git commit -qm one");
        make_copy();
}

static void test_fetches_commits(void **state) {
        _cleanup_(branches_done) Branches branches = {};
        _cleanup_free_ char *why = NULL;

        make_repository();
        shell(GIT "cd " WORK
                  "; echo two >file; git commit -qam two; git checkout -qb topic/x; echo three >file; "
                  "git commit -qam three");
        assert_int_equal(fetch(&branches, &why), 0);
        assert_int_equal(strv_length(branches.names), 2);
        shell(GIT "cd origin; test \"$(git log --format=%s claude/web/topic/x | tr '\\n' ' ')\" = 'three two one '; "
                  "git diff --quiet; test \"$(git log -1 --format=%s)\" = one");
        /* packed by the guest, all of it, and a branch is gone */
        branches_done(&branches);
        shell(GIT "cd " WORK
                  "; git checkout -q main; git branch -qD topic/x; echo four >file; git commit -qam four; "
                  "git gc -q --prune=now; git pack-refs --all");
        assert_int_equal(fetch(&branches, &why), 0);
        shell(GIT "cd origin; test \"$(git log --format=%s claude/web/main | tr '\\n' ' ')\" = 'four two one '; "
                  "! git rev-parse -q --verify claude/web/topic/x");
}

/* Whatever a repository may say to git, the guest says here. */
static void test_obeys_nothing(void **state) {
        _cleanup_(branches_done) Branches branches = {};
        _cleanup_free_ char *why = NULL;

        make_repository();
        scratch_write("evil", "#!/bin/sh\ntouch \"$(dirname \"$0\")/pwned\"\nexit 1\n", 0755);
        shell(GIT "cd " WORK
                  "; echo two >file; git commit -qam two; e=$1/evil; for k in core.fsmonitor core.sshCommand "
                  "core.gitProxy core.alternateRefsCommand uploadpack.packObjectsHook core.pager diff.external; do "
                  "git config $k $e; done; git config core.hooksPath $1/hooks; mkdir $1/hooks; for h in pre-auto-gc "
                  "reference-transaction post-checkout; do cp $e $1/hooks/$h; cp $e .git/hooks/$h; done; "
                  "git config include.path /nonexistent; git config extensions.partialClone evil; "
                  "mkdir -p .git/objects/info; echo $1/outside/objects >.git/objects/info/alternates; "
                  "printf 'x\\n' >.git/shallow; printf '0000000000000000000000000000000000000000 refs/heads/-x\\n' "
                  ">>.git/packed-refs; printf 'nonsense' >.git/refs/heads/odd; ln -s /etc/passwd .git/refs/heads/link");
        assert_int_equal(fetch(&branches, &why), 0);
        assert_false(scratch_has("pwned"));
        /* what is run leaves its mark beside itself */
        assert_false(scratch_has("hooks/pwned"));
        assert_false(scratch_has(WORK "/.git/hooks/pwned"));
        assert_int_equal(branches.n_odd, 2);
        shell(GIT "cd origin; test \"$(git log --format=%s claude/web/main | tr '\\n' ' ')\" = 'two one '");
}

static void test_broken_objects(void **state) {
        _cleanup_(branches_done) Branches branches = {};
        _cleanup_free_ char *why = NULL;

        make_repository();
        /* a tree that would check out as a repository's own directory */
        shell(GIT "cd " WORK
                  "; b=$(echo evil | git hash-object -w --stdin); t=$(printf '100644 blob %s\\tconfig\\n' $b | "
                  "git mktree); t=$(printf '040000 tree %s\\t.git\\n' $t | git mktree); "
                  "git update-ref refs/heads/evil $(git commit-tree -m evil $t)");
        assert_int_equal(fetch(&branches, &why), -EINVAL);
        assert_non_null(strstr(why, "could not fetch"));
        shell(GIT "cd origin; ! git rev-parse -q --verify claude/web/evil");
}

/* Objects of another repository of the user's, which only a link leads to. */
static void test_objects_behind_a_link(void **state) {
        _cleanup_(branches_done) Branches branches = {};
        _cleanup_free_ char *why = NULL;

        make_repository();
        shell(GIT "git init -q -b main private; cd private; echo secret >s; git add s; git commit -qm secret; "
                  "h=$(git rev-parse HEAD); cd ../" WORK "; echo $h >.git/refs/heads/stolen; "
                  "rm -r .git/objects; ln -s $1/private/.git/objects .git/objects");
        assert_int_equal(fetch(&branches, &why), -EINVAL);
        shell(GIT "cd origin; ! git rev-parse -q --verify claude/web/stolen");
}

static void test_no_repository(void **state) {
        _cleanup_(branches_done) Branches branches = {};
        _cleanup_free_ char *why = NULL;

        make_origin();
        shell(GIT "cd origin; git init -q .");
        make_copy();
        shell(GIT "rm -rf " WORK "/.git");
        assert_int_equal(fetch(&branches, &why), -EINVAL);
        assert_non_null(strstr(why, "no git repository"));
}

int main(void) {
        const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
                TEST(test_nothing_differs),
                TEST(test_applies),
                TEST(test_conflicts),
                TEST(test_change_at_the_last_moment),
                TEST(test_hostile_copy),
                TEST(test_no_link_is_followed),
                TEST(test_another_type),
                TEST(test_hidden_is_not_removed),
                TEST(test_links_that_stay),
                TEST(test_branch_names),
                TEST(test_fetches_commits),
                TEST(test_obeys_nothing),
                TEST(test_broken_objects),
                TEST(test_objects_behind_a_link),
                TEST(test_no_repository),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}
