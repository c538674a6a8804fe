#include "tests/test.h"

#include "common/agent.h"

static void test_find(void **state) {
        static const char *const names[] = { "claude", "gemini", "codex" };

        for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
                assert_string_equal(agent_find(names[i])->name, names[i]);
        assert_null(agent_find(""));
        assert_null(agent_find("clau"));
        assert_null(agent_find("#"));
}

static void words(const char *list, const char *first, const char *second) {
        char *word = agent_next_word(&list);

        if (first)
                assert_string_equal(word, first);
        else
                assert_null(word);
        free(word);
        word = agent_next_word(&list);
        if (second)
                assert_string_equal(word, second);
        else
                assert_null(word);
        free(word);
}

static void test_next_word(void **state) {
        words("a,bc", "a", "bc");
        words("a", "a", NULL);
        words("-", NULL, NULL);
        words("", NULL, NULL);
        words(agent_find("gemini")->secrets, "GEMINI_API_KEY", "GOOGLE_API_KEY");
        words(agent_find("codex")->secrets, "OPENAI_API_KEY", "CODEX_API_KEY");
}

#define PLAIN(agent, ...) agent_is_plain(agent, (char *const *) (const char *const[]) { __VA_ARGS__, NULL })

static void test_plain(void **state) {
        assert_true(PLAIN("claude", "--model", "opus", "-p", "question"));
        assert_true(PLAIN("claude", "--print"));
        assert_false(PLAIN("claude", "exec"));
        assert_false(PLAIN("claude", "--printer"));
        assert_false(PLAIN("claude", "--", "-p"));
        assert_true(PLAIN("gemini", "--prompt=question"));
        assert_false(PLAIN("gemini", "--prompt-interactive", "question"));
        assert_true(PLAIN("codex", "-m", "o3", "exec", "question"));
        assert_false(PLAIN("codex", "-p", "profile"));
        assert_false(PLAIN("codex", "exec=question"));
        assert_false(PLAIN("no-such-agent", "-p"));
        assert_false(agent_is_plain("claude", NULL));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_find),
                cmocka_unit_test(test_next_word),
                cmocka_unit_test(test_plain),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
