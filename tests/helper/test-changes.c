/* What a guest may leave in a project, and whether it is found. Git itself says what its grammar means. */

#include "tests/scratch.h"

#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/strv.h"
#include "helper/changes/changes.h"
#include "helper/changes/git-config.h"
#include "helper/changes/scan.h"

/* --- git's grammar ---------------------------------------------------------------------- */

static char dump[65536];

static int print_setting(void *userdata, const char *name, const char *value) {
        size_t n = strlen(dump);

        snprintf(dump + n, sizeof(dump) - n, value ? "%s\n%s|" : "%s|", name, value);
        return 0;
}

static int parse(const char *text) {
        dump[0] = '\0';
        return git_config_parse(text, strlen(text), print_setting, NULL);
}

/* What git itself makes of it, in the form of print_setting(); NULL: it refuses the file, or is not here. */
static const char *ask_git(const char *text) {
        static char answer[65536];
        char command[256];
        size_t n;
        FILE *git;

        scratch_write("config", text, 0600);
        snprintf(command, sizeof(command), "git config --null --list --file %s 2>/dev/null",
                        scratch_path("config"));
        git = popen(command, "r");
        assert_non_null(git);
        n = fread(answer, 1, sizeof(answer) - 1, git);
        for (size_t i = 0; i < n; i++)
                answer[i] = answer[i] ?: '|';
        answer[n] = '\0';
        return pclose(git) == 0 ? answer : NULL;
}

static const char *const good_texts[] = {
        "",
        "[core]\n\tfsmonitor = .git/x\n",
        "[CORE] FsMonitor=.git/x",
        "[core]fsmonitor\n[a]b=c",
        "[core]\r\n\tpager = less\r\n",
        "\xef\xbb\xbf[core]\npager=less\n",
        "# x\n; y\n[core] # z\n pager = \"a b\" ; c\n",
        "[core]\npager = a\\\nb\\\n  c\n",
        "[core]\npager = \"a\\\n b\"\n",
        "[core]\npager = a \\\"b\\\" \\t\\n\\\\ \n",
        "[core]\npager =   a b   # c\n",
        "[core]\npager = \"  a  \"  \n",
        "[core]\npager = a\"#\"b;c\n",
        "[core]\npager =\n",
        "[core]\npager = \"\"\n",
        "[filter \"a.b\"]\nclean = x\n",
        "[filter \"A\\\"b\\\\c\\d\"]\nclean = x\n",
        "[filter.ABC]\nclean = x\n",
        "[filter   \"x\"]clean=x\n",
        "[a]\n b-c1 = d\n[a]\nb-c1 = e\n",
        "[a \"\"]\nb = c\n",
        "[a]\nb = c\\",
        "[a]\nb = c\td\n",
        "[a \"[x]\"]\nb = [c]\n",
        "[a]\nb = c = d\n",
        "[a]\n\n\n   b   =   c\n",
        "[alias]\n  x = !sh -c 'id' \n",
};

static void test_grammar(void **state) {
        if (!ask_git(""))
                skip();
        for (size_t i = 0; i < ELEMENTSOF(good_texts); i++) {
                const char *expected = ask_git(good_texts[i]);

                if (!expected)
                        fail_msg("git refuses text %zu", i);
                assert_int_equal(parse(good_texts[i]), 0);
                assert_string_equal(dump, expected);
        }
}

/* Git refuses these, and this reads what it can. */
static void test_bad_grammar(void **state) {
        static const char *const texts[] = {
                "[core\n[core]\nfsmonitor = x\n",
                "[]\n[core]\nfsmonitor = x\n",
                "[a \"b]\n[core]\nfsmonitor = x\n",
                "[a]\nb = \"c\n[core]\nfsmonitor = x\n",
                "[a]\nb = \\q\n[core]\nfsmonitor = x\n",
                "[a]\n1b = c\n[core]\nfsmonitor = x\n",
                "[a]\nb c = d\n[core]\nfsmonitor = x\n",
                "[a]\n= d\n[core]\nfsmonitor = x\n",
                "[a \"b\"c]\n[core]\nfsmonitor = x\n",
                "[a!]\n[core]\nfsmonitor = x\n",
        };

        for (size_t i = 0; i < ELEMENTSOF(texts); i++) {
                if (ask_git(texts[i]))
                        fail_msg("git takes text %zu", i);
                assert_int_equal(parse(texts[i]), -EBADMSG);
                assert_non_null(strstr(dump, "core.fsmonitor\nx|"));
        }
}

static void test_commands(void **state) {
        static const struct {
                const char *name, *value;
                bool expected;
        } cases[] = {
                { "core.fsmonitor", ".git/x", true },
                { "core.fsmonitor", "true", false },
                { "core.fsmonitor", NULL, false },
                { "core.hookspath", "x", true },
                { "core.sshcommand", "x", true },
                { "core.pager", "x", true },
                { "core.pager", "", false },
                { "core.bare", "false", false },
                { "core.worktree", "/", true },
                { "diff.x.command", "x", true },
                { "diff.a.b.textconv", "x", true },
                { "filter.lfs.process", "x", true },
                { "filter.lfs.required", "true", false },
                { "credential.helper", "!x", true },
                { "credential.https://x.y.helper", "x", true },
                { "alias.st", "status", false },
                { "alias.st", "!id", true },
                { "include.path", "x", true },
                { "includeif.gitdir:~/.path", "x", true },
                { "remote.origin.url", "https://x", false },
                { "remote.origin.url", "ext::sh -c id", true },
                { "remote.origin.fetch", "+a:b", false },
                { "branch.main.remote", "origin", false },
                { "user.name", "x", false },
                { "gpg.ssh.program", "x", true },
                { "x", "y", false },
        };

        for (size_t i = 0; i < ELEMENTSOF(cases); i++)
                if (git_config_is_command(cases[i].name, cases[i].value) != cases[i].expected)
                        fail_msg("%s = %s", cases[i].name, cases[i].value ?: "");
}

/* --- what is found ------------------------------------------------------------------------ */

static int setup(void **state) {
        static const char *const directories[] = { "work", "work/.git", "work/.git/hooks",
                "work/.git/objects", "work/.git/refs", "work/.vscode", "work/src", "work/node_modules",
                "work/node_modules/.bin" };

        if (scratch_setup(state) < 0)
                return -1;
        for (size_t i = 0; i < ELEMENTSOF(directories); i++)
                scratch_mkdir(directories[i]);
        scratch_write("work/.git/HEAD", "ref: refs/heads/main\n", 0600);
        scratch_write("work/.git/config", "[core]\n\tpager = less\n", 0600);
        scratch_write("work/.git/hooks/pre-commit", "x", 0700);
        scratch_write("work/.git/hooks/update.sample", "x", 0700);
        scratch_write("work/.envrc", "x", 0600);
        scratch_write("work/.vscode/tasks.json", "x", 0600);
        scratch_write("work/src/main.c", "x", 0600);
        scratch_write("work/node_modules/.bin/vite", "x", 0700);
        return 0;
}

static void begin(void) {
        const char *const directories[] = { scratch_path("work") };

        assert_int_equal(changes_begin(scratch_path("snapshot"), directories, 1), 0);
}

/* "new setting .git/config core.pager;changed …" */
static const char *found(void) {
        static char text[8192];
        _cleanup_findings_ Findings changes = {};
        size_t n = 0;

        assert_int_equal(changes_find(scratch_path("snapshot"), &changes), 0);
        text[0] = '\0';
        for (size_t i = changes.n - changes_count(&changes); i < changes.n; i++) {
                const Finding *f = &changes.items[i];

                n += (size_t) snprintf(text + n, sizeof(text) - n, "%s%s %s %s%s%s", n > 0 ? ";" : "",
                                f->is_changed ? "changed" : "new", changes_kind(f->kind), f->place,
                                f->name[0] ? " " : "", f->name);
                assert_true(n < sizeof(text));
        }
        return text;
}

static void test_nothing(void **state) {
        begin();
        assert_string_equal(found(), "");
        /* honest work */
        scratch_write("work/src/main.c", "y", 0700);
        scratch_write("work/.git/HEAD", "ref: refs/heads/topic\n", 0600);
        scratch_write("work/.git/config", "[core]\n\tpager = less\n[branch \"x\"]\n\tremote = origin\n",
                        0600);
        scratch_write("work/.git/hooks/post-commit.sample", "x", 0700);
        /* the same content again */
        scratch_write("work/.envrc", "x", 0600);
        assert_string_equal(found(), "");
}

static void test_settings(void **state) {
        begin();
        scratch_write("work/.git/config",
                        "[core]\n\tpager = evil\n\tfsmonitor = .git/x\n[include]\npath=../y\n", 0600);
        scratch_write("work/.git/config.worktree", "[filter \"a\"]\nclean = evil\n", 0600);
        assert_string_equal(found(),
                        "new setting .git/config core.fsmonitor;changed setting .git/config core.pager;"
                        "new setting .git/config include.path;new setting .git/config.worktree filter.a.clean");
}

static void test_files(void **state) {
        begin();
        scratch_write("work/.envrc", "y", 0600);
        scratch_write("work/.vscode/launch.json", "x", 0600);
        scratch_write("work/.git/hooks/pre-commit", "y", 0700);
        scratch_write("work/.git/hooks/post-checkout", "x", 0700);
        scratch_write("work/.git/commondir", "../src\n", 0600);
        scratch_mkdir("work/.claude");
        scratch_link("/etc/passwd", "work/.claude/settings.json");
        assert_string_equal(found(),
                        "new file .claude/settings.json;changed file .envrc;new file .git/commondir;"
                        "new file .git/hooks/post-checkout;changed file .git/hooks/pre-commit;new file .vscode/launch.json");
}

static void test_mode_counts(void **state) {
        scratch_write("work/.git/hooks/post-merge", "x", 0600);
        begin();
        assert_int_equal(chmod(scratch_path("work/.git/hooks/post-merge"), 0700), 0);
        assert_string_equal(found(), "changed file .git/hooks/post-merge");
}

static void test_large_file(void **state) {
        _cleanup_free_ char *large = calloc(1, 100001);

        memset(large, 'x', 100000);
        scratch_write("work/.npmrc", large, 0600);
        begin();
        large[99999] = 'y';
        scratch_write("work/.npmrc", large, 0600);
        assert_string_equal(found(), "changed file .npmrc");
}

/* Anywhere, by whatever name, with the settings that it brings. */
static void test_repositories(void **state) {
        begin();
        scratch_mkdir("work/src/a");
        scratch_mkdir("work/src/a/.git");
        scratch_write("work/src/a/.git/config", "[core]\nfsmonitor=x\n", 0600);
        scratch_write("work/src/.GIT", "gitdir: ../evil\n", 0600);
        scratch_mkdir("work/bare");
        scratch_mkdir("work/bare/objects");
        scratch_mkdir("work/bare/refs");
        scratch_write("work/bare/HEAD", "x", 0600);
        scratch_write("work/bare/config", "[core]\nhooksPath=x\n", 0600);
        assert_string_equal(found(),
                        "new setting bare/config core.hookspath;new setting src/a/.git/config core.fsmonitor;"
                        "new file src/.GIT;new repository bare;new repository src/.GIT;new repository src/a/.git");
}

static void test_submodules_and_worktrees(void **state) {
        static const char *const directories[] = { "modules", "modules/lib", "modules/lib/x",
                "modules/lib/x/hooks", "modules/lib/x/objects", "modules/lib/x/refs", "worktrees",
                "worktrees/w" };
        char path[64];

        for (size_t i = 0; i < ELEMENTSOF(directories); i++) {
                snprintf(path, sizeof(path), "work/.git/%s", directories[i]);
                scratch_mkdir(path);
        }
        scratch_write("work/.git/modules/lib/x/HEAD", "x", 0600);
        begin();
        scratch_write("work/.git/modules/lib/x/config", "[core]\nsshCommand=x\n", 0600);
        scratch_write("work/.git/modules/lib/x/hooks/update", "x", 0700);
        scratch_write("work/.git/worktrees/w/config.worktree", "[core]\nfsmonitor=x\n", 0600);
        assert_string_equal(found(),
                        "new setting .git/modules/lib/x/config core.sshcommand;"
                        "new setting .git/worktrees/w/config.worktree core.fsmonitor;"
                        "new file .git/modules/lib/x/hooks/update");
}

static void test_programs_and_bits(void **state) {
        begin();
        scratch_write("work/node_modules/.bin/vite", "y", 0700);
        scratch_link("../evil", "work/node_modules/.bin/tsc");
        scratch_write("work/src/tool", "x", 0700);
        assert_int_equal(chmod(scratch_path("work/src/tool"), 04700), 0);
        assert_string_equal(found(),
                        "new set-id src/tool;new program node_modules/.bin/tsc;changed program node_modules/.bin/vite");
}

/* What is no file must not be waited for, and what a link leads to must not be read. */
static void test_traps(void **state) {
        _cleanup_findings_ Findings f = {};

        assert_int_equal(unlink(scratch_path("work/.envrc")), 0);
        assert_int_equal(mkfifo(scratch_path("work/.envrc"), 0600), 0);
        assert_int_equal(unlink(scratch_path("work/.git/config")), 0);
        assert_int_equal(mkfifo(scratch_path("work/.git/config"), 0600), 0);
        scratch_mkdir("secret");
        scratch_write("secret/key", "the key", 0600);
        scratch_link("../secret", "work/.idea");
        scratch_link("../secret/key", "work/.npmrc");
        scratch_link("..", "work/src/loop");
        assert_int_equal(scan_directory(scratch_path("work"), "", &f), 0);
        assert_false(f.is_incomplete);
        for (size_t i = 0; i < f.n; i++)
                assert_null(memmem(f.items[i].value, f.items[i].size, "the key", strlen("the key")));
}

static void test_too_deep(void **state) {
        char path[1024] = "work/.vscode";

        for (unsigned i = 0; i < 20; i++) {
                strcat(path, "/d");
                scratch_mkdir(path);
        }
        begin();
        _cleanup_findings_ Findings changes = {};
        assert_int_equal(changes_find(scratch_path("snapshot"), &changes), 0);
        assert_true(changes.is_incomplete);
}

/* Names of 250 bytes, so that few directories are beyond the longest path. */
static void test_long_chain(void **state) {
        _cleanup_findings_ Findings f = {};
        char command[128];

        scratch_mkdir_chain("work/src", 15);
        assert_int_equal(scan_directory(scratch_path("work"), "", &f), 0);
        assert_false(f.is_incomplete);
        scratch_mkdir("work/lib");
        scratch_mkdir_chain("work/lib", 20);
        assert_int_equal(scan_directory(scratch_path("work"), "", &f), 0);
        assert_true(f.is_incomplete);
        /* nftw(3) cannot */
        snprintf(command, sizeof(command), "rm -r %s", scratch_path("work/lib"));
        assert_int_equal(system(command), 0);
}

static void test_names_with_any_byte(void **state) {
        _cleanup_findings_ Findings changes = {};
        _cleanup_free_ char *sentence = NULL;

        begin();
        scratch_write("work/.vscode/a\n\x1b]0;x\x07 1 2 3", "x", 0600);
        assert_int_equal(changes_find(scratch_path("snapshot"), &changes), 0);
        assert_int_equal(changes_count(&changes), 1);
        sentence = changes_sentence(&changes);
        assert_non_null(strstr(sentence, ".vscode/a??]0;x? 1 2 3"));
        assert_int_equal(findings_write(&changes, scratch_path("kept"), false), 0);
        findings_done(&changes);
        assert_int_equal(findings_read(scratch_path("kept"), &changes), 0);
        assert_string_equal(changes.items[changes.n - 1].place, ".vscode/a\n\x1b]0;x\x07 1 2 3");
}

static void test_sentence(void **state) {
        _cleanup_findings_ Findings changes = {};
        _cleanup_free_ char *sentence = NULL;
        char name[32];

        begin();
        scratch_write("work/.git/config", "[core]\nfsmonitor=x\n", 0600);
        for (unsigned i = 0; i < 9; i++) {
                snprintf(name, sizeof(name), "work/.vscode/%u", i);
                scratch_write(name, "x", 0600);
                snprintf(name, sizeof(name), "work/node_modules/.bin/%u", i);
                scratch_write(name, "x", 0700);
        }
        assert_int_equal(changes_find(scratch_path("snapshot"), &changes), 0);
        sentence = changes_sentence(&changes);
        assert_string_equal(sentence,
                        "Programs of this machine obey what is new or changed in the project since the VM started: core.fsmonitor in .git/config, .vscode/0, .vscode/1, .vscode/2 and 6 more; 9 programs in directories like node_modules/.bin");
}

/* The snapshot goes with the VM; what was found stays, until the next end. */
static void test_end(void **state) {
        _cleanup_findings_ Findings changes = {};

        scratch_mkdir("claude-vm");
        scratch_mkdir("claude-vm/p");
        assert_int_equal(changes_end(scratch, "p", &changes), -ENOENT);
        assert_false(scratch_has("claude-microvm"));
        begin();
        assert_int_equal(rename(scratch_path("snapshot"), scratch_path("claude-vm/p/changes")), 0);
        scratch_write("work/.envrc", "the new text", 0600);
        assert_int_equal(changes_end(scratch, "p", &changes), 0);
        assert_int_equal(changes_count(&changes), 1);
        findings_done(&changes);
        assert_int_equal(findings_read(scratch_path("claude-microvm/changes/p"), &changes), 0);
        assert_string_equal(changes.items[0].value, scratch_path("work"));
        assert_string_equal(changes.items[1].place, ".envrc");
        assert_string_equal(changes.items[1].value, "");
        findings_done(&changes);
        scratch_write("work/.envrc", "x", 0600);
        assert_int_equal(changes_end(scratch, "p", &changes), 0);
        assert_false(scratch_has("claude-microvm/changes/p"));
}

/* Whatever a guest makes, the file of it can be read again. */
static void test_long_paths(void **state) {
        _cleanup_findings_ Findings f = {}, again = {};
        char place[851] = "";

        memset(place, 'x', sizeof(place) - 1);
        for (unsigned i = 0; i < FINDINGS_MAX; i++)
                assert_int_equal(findings_add(&f, FINDING_PROGRAM, place, "", "v", 1), 0);
        assert_true(f.is_incomplete);
        assert_true(f.bytes <= FINDINGS_BYTES_MAX);
        assert_int_equal(findings_write(&f, scratch_path("kept"), true), 0);
        assert_int_equal(findings_read(scratch_path("kept"), &again), 0);
        assert_true(again.is_incomplete);
        assert_int_equal(again.n, f.n);
        assert_int_equal(again.bytes, f.bytes);
}

static void test_spoiled_file(void **state) {
        static const char *const texts[] = { "", "x", "complete\n1", "complete\n1 0 0\n",
                "complete\n9 0 0\n", "complete\n1 0 99999999999999999999\n" };
        Findings f = {};

        for (size_t i = 0; i < ELEMENTSOF(texts); i++) {
                scratch_write("kept", texts[i], 0600);
                assert_int_equal(findings_read(scratch_path("kept"), &f), -EBADMSG);
        }
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, scratch_teardown)

int main(void) {
        const struct CMUnitTest tests[] = {
                CASE(test_grammar),
                CASE(test_bad_grammar),
                cmocka_unit_test(test_commands),
                CASE(test_nothing),
                CASE(test_settings),
                CASE(test_files),
                CASE(test_mode_counts),
                CASE(test_large_file),
                CASE(test_repositories),
                CASE(test_submodules_and_worktrees),
                CASE(test_programs_and_bits),
                CASE(test_traps),
                CASE(test_too_deep),
                CASE(test_long_chain),
                CASE(test_names_with_any_byte),
                CASE(test_sentence),
                CASE(test_end),
                CASE(test_long_paths),
                CASE(test_spoiled_file),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
