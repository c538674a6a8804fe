#include "tests/test.h"

#include <unistd.h>

#include "common/strv.h"
#include "helper/claude-run/other-host.h"

#define ARGV(...) ((char *[]) { (char *) "claude-run", __VA_ARGS__, NULL })
#define W(word) ((char *) (word))

/* All words behind the terminal's option as one text, a blank between them. */
static void joined(char *const *argv, char *ret, size_t size) {
        char **words = other_host_argv("/usr/bin/ssh", argv, false);

        assert_non_null(words);
        assert_string_equal(words[0], "/usr/bin/ssh");
        assert_string_equal(words[1], "-T");
        ret[0] = '\0';
        for (char **word = words + 2; *word; word++)
                snprintf(ret + strlen(ret), size - strlen(ret), "%s%s", word == words + 2 ? "" : " ", *word);
        strv_free(words);
}

static void expect(char *const *argv, const char *start, const char *end) {
        char text[1024];

        joined(argv, text, sizeof(text));
        assert_memory_equal(text, start, strlen(start));
        assert_true(strlen(text) > strlen(end));
        assert_string_equal(text + strlen(text) - strlen(end), end);
}

static void test_words(void **state) {
        assert_int_equal(chdir("/usr"), 0);
        expect(ARGV(W("--host"), W("far"), W("list")), "-- far sh -c '", " claude-run -C '/usr' 'list'");
        expect(ARGV(W("--host=me@far"), W("-C"), W("/x y")), "-- me@far sh -c ", " claude-run '-C' '/x y'");
        /* a command's -C is its own, and the directory is that of here */
        expect(ARGV(W("--host"), W("far"), W("exec"), W("web"), W("git"), W("-C"), W("sub")),
                        "-- far sh -c '", " claude-run -C '/usr' 'exec' 'web' 'git' '-C' 'sub'");
        expect(ARGV(W("--host"), W("far"), W("exec"), W("-u"), W("root"), W("web"), W("-C"), W("/x"),
                               W("git")),
                        "-- far sh -c '", " claude-run 'exec' '-u' 'root' 'web' '-C' '/x' 'git'");
        expect(ARGV(W("--host"), W("far"), W("exec"), W("-tu"), W("root"), W("web"), W("git"), W("-C"),
                               W("/x")),
                        "-- far sh -c '", " claude-run -C '/usr' 'exec' '-tu' 'root' 'web' 'git' '-C' '/x'");
        /* a command's own words stay its own */
        expect(ARGV(W("--host"), W("far"), W("exec"), W("n"), W("it's"), W("-p"), W("1:2")), "-- far ",
                        " 'exec' 'n' 'it'\\''s' '-p' '1:2'");
}

static void test_ports(void **state) {
        expect(ARGV(W("--host"), W("far"), W("--publish"), W("3000:80")),
                        "-o ExitOnForwardFailure=yes -L 127.0.0.1:3000:127.0.0.1:3000 -- far ",
                        "'--publish' '3000:80'");
        expect(ARGV(W("--host"), W("far"), W("-p3000:80"), W("--"), W("-p"), W("1:2")),
                        "-o ExitOnForwardFailure=yes -L 127.0.0.1:3000:127.0.0.1:3000 -- far ",
                        "'--' '-p' '1:2'");
        /* the claude-run there says what is wrong with it */
        expect(ARGV(W("--host"), W("far"), W("-p"), W("many")), "-- far ", "'many'");
}

static void test_host(void **state) {
        assert_true(other_host_is_meant(ARGV(W("--host"))));
        assert_true(other_host_is_meant(ARGV(W("--host=x"))));
        assert_false(other_host_is_meant(ARGV(W("--hosts"))));
        assert_false(other_host_is_meant(ARGV(W("list"), W("--host"), W("x"))));
        assert_null(other_host_argv("/ssh", ARGV(W("--host")), false));
        assert_null(other_host_argv("/ssh", ARGV(W("--host="), W("x")), false));
        assert_null(other_host_argv("/ssh", ARGV(W("--host"), W("-oProxyCommand=x")), false));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_words),
                cmocka_unit_test(test_ports),
                cmocka_unit_test(test_host),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
