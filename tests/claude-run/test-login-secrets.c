#include "tests/test.h"

#include "helper/claude-run/login-secrets.h"

static void printed_with(const char *agent, const char *base, const char *setting, const char *expected) {
        char *const settings[] = { (char *) setting, NULL }, *text;
        size_t size;
        FILE *f = open_memstream(&text, &size);

        login_secrets_print(f, agent, base, settings);
        assert_int_equal(fclose(f), 0);
        assert_string_equal(text, expected);
        free(text);
}

static void printed(const char *agent, const char *setting, const char *expected) {
        printed_with(agent, NULL, setting, expected);
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

/* The key that a project's ini names counts, and no other of this shell is preferred to it. */
static void test_base(void **state) {
        static const char both[] =
                        "[Credentials]\nANTHROPIC_API_KEY\n[Credentials]\nCLAUDE_CODE_OAUTH_TOKEN\n";

        clearenv();
        setenv("ANTHROPIC_API_KEY", "a", 1);
        setenv("CLAUDE_CODE_OAUTH_TOKEN", "b", 1);
        printed_with("claude", "", NULL, both);
        printed_with("claude", "[Credentials]\nANTHROPIC_API_KEY=~/key\n", NULL, "");
        printed_with("claude", "[Credentials]\n \tANTHROPIC_API_KEY = ~/key", NULL, "");
        printed_with("claude", "[Credentials]\n\nANTHROPIC_API_KEY", NULL, "");
        printed_with("claude", "[EncryptedCredentials]\nCLAUDE_CODE_OAUTH_TOKEN=/f\n[VM]\n", NULL, "");
        printed_with("claude", "# ANTHROPIC_API_KEY=~/key\n[Environment]\nMY_ANTHROPIC_API_KEY=1\n", NULL,
                        both);
        printed_with("claude", "[Environment]\nANTHROPIC_API_KEY_FILE=1\n", NULL, both);
        printed_with("claude", "[Credentials]\nGEMINI_API_KEY=/f\n", NULL, both);
        printed_with("claude", "[Credentials]\nGEMINI_API_KEY=/f\n", "[Project]\nAgent=gemini\n", "");
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_print),
                cmocka_unit_test(test_base),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
