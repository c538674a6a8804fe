#include "tests/test.h"

#include <stdlib.h>

#include "helper/claude-run/which-vm.h"

#define UUID_A "0b7c1f3e-5d0a-4b52-9f0e-2d1c3b4a5968"
#define UUID_B "0b7c1f3e-6d0a-4b52-9f0e-2d1c3b4a5968"
#define UUID_C "1b7c1f3e-5d0a-4b52-9f0e-2d1c3b4a5968"

/* `expected`: NULL for no name. */
static void pick(const char *word, const char *expected) {
        static const char *const names[] = { "web", "0b7c1f3e", "0b7c1f3e5", "0b7c1f3e-own", UUID_A, UUID_B,
                UUID_C, NULL };
        char *found = which_vm_pick((char *const *) names, word);

        if (expected)
                assert_string_equal(found, expected);
        else
                assert_null(found);
        free(found);
}

/* A name counts for more than the beginning of a UUID, which must be long enough and mean one VM. */
static void test_pick(void **state) {
        pick("web", "web");
        pick("we", NULL);
        pick(UUID_A, UUID_A);
        pick("1b7c1f3e", UUID_C);
        pick("1b7c1f3e-5d0a", UUID_C);
        pick("1b7c1f3", NULL);
        pick("1B7C1F3E", NULL);
        pick("0b7c1f3e", "0b7c1f3e");
        pick("0b7c1f3e-", NULL);
        pick("0b7c1f3e-6", UUID_B);
        pick("2b7c1f3e", NULL);
        pick("", NULL);
        assert_null(which_vm_pick(NULL, "web"));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_pick),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
