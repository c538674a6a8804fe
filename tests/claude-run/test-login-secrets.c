#include "tests/test.h"

#include "helper/claude-run/login-secrets.h"

static void printed(const char *agent, const char *setting, const char *expected) {
        char *const settings[] = { (char *) setting, NULL }, *text;
        size_t size;
        FILE *f = open_memstream(&text, &size);

        login_secrets_print(f, agent, settings);
        assert_int_equal(fclose(f), 0);
        assert_string_equal(text, expected);
        free(text);
}

/* Each agent gets its own keys and nobody else's. */
static void test_print(void **state) {
        clearenv();
        printed("claude", NULL, "");
        setenv("ANTHROPIC_API_KEY", "a", 1);
        setenv("ANTHROPIC_AUTH_TOKEN", "", 1);
        setenv("CLAUDE_CODE_OAUTH_TOKEN", "b", 1);
        setenv("GEMINI_API_KEY", "c", 1);
        setenv("OPENAI_API_KEY", "d", 1);
        printed("claude", NULL,
                        "[Credentials]\nANTHROPIC_API_KEY\n[Credentials]\nCLAUDE_CODE_OAUTH_TOKEN\n");
        printed("gemini", NULL, "[Credentials]\nGEMINI_API_KEY\n");
        printed("codex", NULL, "[Credentials]\nOPENAI_API_KEY\n");
        printed("claude", "[Project]\nAgent=gemini\n", "[Credentials]\nGEMINI_API_KEY\n");
        printed("gemini", "[Credentials]\nGEMINI_API_KEY=/file\n", "");
        printed("gemini", "[Project]\nAgent=other\n", "");
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_print),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
