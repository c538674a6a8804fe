/* What a guest sees of ~/.claude: the mount that its virtiofsd is given. Each test is a child, because the
 * namespaces stay. */

#include "tests/scratch.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/strv.h"
#include "common/user-config.h"
#include "helper/share/user-config.h"
#include "helper/vm/claude-settings.h"

static int setup(void **state) {
        static const char *const directories[] = { "home", "home/.claude", "home/.claude/skills",
                "home/.claude/skills/mine", "home/.claude/skills/mine/.git", "home/.claude/projects",
                "home/.claude/commands", "home/.claude/plugins", "home/.claude/plugins/cache",
                "home/.claude/plugins/data", "home/.ssh", "home/src", "home/src/skill", "run" };

        if (scratch_setup(state) < 0)
                return -1;
        for (size_t i = 0; i < ELEMENTSOF(directories); i++)
                scratch_mkdir(directories[i]);
        scratch_write("home/.claude/CLAUDE.md", "be kind", 0600);
        scratch_write("home/.claude/.credentials.json", "secret", 0600);
        scratch_write("home/.claude/settings.json", "{}", 0600);
        scratch_write("home/.claude/projects/a.jsonl", "secret", 0600);
        scratch_write("home/.claude/skills/mine/SKILL.md", "mine", 0600);
        scratch_write("home/.claude/skills/mine/.git/config", "secret", 0600);
        scratch_write("home/.claude/commands/do.md", "do", 0600);
        scratch_write("home/.claude/plugins/cache/p", "p", 0600);
        scratch_write("home/.claude/plugins/data/p", "secret", 0600);
        scratch_write("home/.ssh/id", "secret", 0600);
        scratch_write("home/src/skill/SKILL.md", "elsewhere", 0600);
        assert_int_equal(setenv("HOME", scratch_path("home"), 1), 0);
        return 0;
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

static char **notes;

/* Runs `then` with the share as virtiofsd gets it. */
static int with_share(const char *directory, void (*then)(void)) {
        pid_t pid = fork();
        int status = 0;

        if (pid == 0) {
                int r = user_config_bind(scratch_path(directory), user_config_find("claude")->names,
                                scratch_path("run/root"), &notes);

                if (r == 0)
                        then();
                _exit(-r);
        }
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_true(WIFEXITED(status));
        return -WEXITSTATUS(status);
}

/* The content of a file; "-": it cannot be read. */
static const char *read_path(const char *path) {
        static char text[256];
        _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
        ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);

        text[n > 0 ? n : 0] = '\0';
        return n < 0 ? "-" : text;
}

static const char *text_of(const char *name) {
        char path[256];

        snprintf(path, sizeof(path), "%s/run/root/%s", scratch, name);
        return read_path(path);
}

static bool is(const char *name, const char *expected) {
        const char *text = text_of(name);

        if (strcmp(text, expected) != 0)
                fprintf(stderr, "%s: '%s'\n", name, text);
        return strcmp(text, expected) == 0;
}

static bool has(const char *name) {
        char path[128];

        snprintf(path, sizeof(path), "run/root/%s", name);
        return scratch_has(path);
}

/* The number of files that no test may show. */
static unsigned secrets;

static int look_at(const char *path, const struct stat *st, int type, struct FTW *ftw) {
        if (type == FTW_F && strcmp(read_path(path), "secret") == 0) {
                fprintf(stderr, "%s is seen\n", path);
                secrets++;
        }
        return 0;
}

static unsigned count_secrets(void) {
        secrets = 0;
        nftw(scratch_path("run/root"), look_at, 32, 0);
        return secrets;
}

static void look_at_names(void) {
        CHECK(is("CLAUDE.md", "be kind") && is("skills/mine/SKILL.md", "mine") &&
                        is("commands/do.md", "do"));
        CHECK(is("plugins/cache/p", "p") && !has("plugins/data"));
        CHECK(!has(".credentials.json") && !has("settings.json") && !has("projects"));
        CHECK(!has("skills/mine/.git") && !has("agents") && count_secrets() == 0);
        CHECK(!notes);
        CHECK(open(scratch_path("run/root/CLAUDE.md"), O_WRONLY) < 0 && errno == EROFS);
        CHECK(open(scratch_path("run/root/new"), O_WRONLY | O_CREAT, 0600) < 0 && errno == EROFS);
        CHECK(open(scratch_path("run/root/commands/new"), O_WRONLY | O_CREAT, 0600) < 0 && errno == EROFS);
        CHECK(unlink(scratch_path("run/root/skills/mine/SKILL.md")) < 0 && errno != ENOENT);
        /* what is new in a directory without links is there at once */
        scratch_write("home/.claude/commands/later.md", "later", 0600);
        CHECK(is("commands/later.md", "later"));
}

static void test_names(void **state) {
        assert_int_equal(with_share("home/.claude", look_at_names), 0);
        /* nothing of it on the host */
        assert_false(scratch_has("run/root/CLAUDE.md"));
        assert_file("home/.claude/CLAUDE.md", "be kind");
}

static void look_at_links(void) {
        CHECK(is("CLAUDE.md", "elsewhere") && is("skills/linked/SKILL.md", "elsewhere"));
        CHECK(is("skills/mine/SKILL.md", "mine") && is("skills/mine/again.md", "mine"));
        CHECK(is("rules/SKILL.md", "elsewhere") && is("agents/a.md", "be kind"));
        CHECK(!notes && count_secrets() == 0);
}

/* Dot files as stow, chezmoi and home-manager leave them: links in ~/.claude lead anywhere. */
static void test_links_of_the_user(void **state) {
        (void) unlink(scratch_path("home/.claude/CLAUDE.md"));
        scratch_write("home/.claude/plain", "be kind", 0600);
        scratch_write("home/src/real.md", "be kind", 0600);
        scratch_link("../src/skill/SKILL.md", "home/.claude/CLAUDE.md");
        scratch_link(scratch_path("home/src/skill"), "home/.claude/skills/linked");
        scratch_link("SKILL.md", "home/.claude/skills/mine/again.md");
        scratch_link("../src/skill", "home/.claude/rules");
        scratch_mkdir("home/.claude/agents");
        scratch_link("../../src/real.md", "home/.claude/agents/a.md");
        scratch_link("/nonexistent", "home/.claude/output-styles");
        assert_int_equal(with_share("home/.claude", look_at_links), 0);
}

static void look_behind_a_link(void) {
        CHECK(is("CLAUDE.md", "moved") && !has("skills/key") && is("skills/s", "s") && count_secrets() == 0);
        CHECK(strv_length(notes) == 1 && strstr(notes[0], "guest of a VM could have made"));
}

/* ~/.claude leads to a directory that may be a project's: the guest of that may put links there. */
static void test_links_of_a_guest(void **state) {
        assert_int_equal(rename(scratch_path("home/.claude"), scratch_path("home/old")), 0);
        scratch_link("src", "home/.claude");
        scratch_write("home/src/CLAUDE.md", "moved", 0600);
        scratch_mkdir("home/src/skills");
        scratch_write("home/src/skills/s", "s", 0600);
        scratch_link(scratch_path("home/.ssh/id"), "home/src/skills/key");
        assert_int_equal(with_share("home/.claude", look_behind_a_link), 0);
        /* and one that is not the user's own on the way */
        scratch_link("../.ssh", "home/src/deeper");
        assert_int_equal(with_share("home/src/deeper", look_behind_a_link), -ELOOP);
}

static void look_at_closed(void) {
        CHECK(!has("skills/all/.credentials.json") && !has("skills/history") && !has("agents/x"));
        CHECK(is("skills/mine/SKILL.md", "mine") && count_secrets() == 0);
        CHECK(strv_length(notes) == 4);
}

/* A mistake of the user's own shows nothing that has no name here, and ends. */
static void test_links_to_the_rest(void **state) {
        scratch_link("../projects", "home/.claude/skills/history");
        scratch_link(scratch_path("home/.claude"), "home/.claude/skills/all");
        scratch_link("../..", "home/.claude/skills/home");
        scratch_link(scratch_path("home/.claude/.credentials.json"), "home/.claude/agents");
        assert_int_equal(with_share("home/.claude", look_at_closed), 0);
}

static void look_at_circle(void) {
        CHECK(is("skills/again/again/mine/SKILL.md", "mine"));
        CHECK(is("skills/round/round/round/mine/SKILL.md", "mine"));
        CHECK(notes && count_secrets() == 0);
}

static void test_circle(void **state) {
        scratch_link(scratch_path("home/.claude/skills"), "home/.claude/skills/again");
        scratch_link(".", "home/.claude/skills/round");
        assert_int_equal(with_share("home/.claude", look_at_circle), 0);
}

static void look_at_many(void) {
        CHECK(!has("skills/mine/.git") && count_secrets() == 0);
        CHECK(notes && strstr(notes[strv_length(notes) - 1], "too many files"));
}

/* A directory is not shown as it is unless all of it was looked at. */
static void test_too_many(void **state) {
        scratch_mkdir("home/.claude/agents");
        for (unsigned i = 0; i < 66000; i++) {
                char name[64];
                _cleanup_close_ int fd = -EBADF;

                snprintf(name, sizeof(name), "home/.claude/agents/%u", i);
                fd = open(scratch_path(name), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
                assert_true(fd >= 0);
        }
        assert_int_equal(with_share("home/.claude", look_at_many), 0);
}

static void nothing(void) {
}

static void test_no_directory(void **state) {
        assert_int_equal(with_share("home/missing", nothing), -ENOENT);
        assert_int_equal(with_share("home/.claude/CLAUDE.md", nothing), -ENOTDIR);
}

static char *settings_of(const char *text) {
        char *ret = NULL;
        int r;

        scratch_write("home/.claude/settings.json", text, 0600);
        r = claude_settings_read(scratch_path("home/.claude"), &ret);
        assert_true(r == 0 || (r == -ENODATA && !ret));
        return ret;
}

static void test_settings(void **state) {
        static const char *const none[] = { "", "{", "[]", "\"model\"", "{\"model\":1}",
                "{\"model\":\"a\\nb\"}",
                "{\"env\":{\"model\":\"x\"},\"apiKeyHelper\":\"x\",\"hooks\":{},\"statusLine\":{}}",
                "{\"permissions\":{},\"awsAuthRefresh\":\"x\",\"otelHeadersHelper\":\"x\",\"sandbox\":{}}",
                "{\"enabledPlugins\":{\"a@b\":\"x\"}}", "{\"attribution\":{\"commit\":{}}}",
                "{\"attribution\":{}}" };
        _cleanup_free_ char *text = settings_of("{\"env\":{\"KEY\":\"secret\"},\"model\":\"opus\","
                                                "\"verbose\":true,\"hooks\":{\"Stop\":[]},"
                                                "\"enabledPlugins\":{\"a@b\":false}}");

        assert_string_equal(
                        text, "{\"model\":\"opus\",\"enabledPlugins\":{\"a@b\":false},\"verbose\":true}");
        for (size_t i = 0; i < ELEMENTSOF(none); i++)
                assert_null(settings_of(none[i]));
        (void) unlink(scratch_path("home/.claude/settings.json"));
        assert_int_equal(claude_settings_read(scratch_path("home/.claude"), &text), -ENODATA);
        assert_int_equal(claude_settings_read(scratch_path("home/missing"), &text), -ENODATA);
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, scratch_teardown)

int main(void) {
        const struct CMUnitTest tests[] = {
                CASE(test_names),
                CASE(test_links_of_the_user),
                CASE(test_links_of_a_guest),
                CASE(test_links_to_the_rest),
                CASE(test_circle),
                CASE(test_too_many),
                CASE(test_no_directory),
                CASE(test_settings),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
