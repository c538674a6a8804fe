#include "tests/test.h"

#include "common/vm-name.h"

#define FORTY "a123456789b123456789c123456789d123456789"
#define UUID "0b7c1f3e-5d0a-4b52-9f0e-2d1c3b4a5968"

static void test_project(void **state) {
        static const char *const good[] = { "a", "_", "9", "my-project", "A.b_c-1", FORTY, "claude-vm",
                "claude-vmx", "my-claude-vm.x", "defaults2" };
        static const char *const bad[] = { "", "-a", ".a", "a b", "a/b", "a@b", "a:b", "a%b", "é", FORTY "e",
                UUID, "a\n", "claude-vm.x", "claude-vm.", "defaults" };

        for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++)
                assert_true(vm_name_is_project(good[i]));
        for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
                assert_false(vm_name_is_project(bad[i]));
}

static void test_uuid(void **state) {
        assert_true(vm_name_is_uuid(UUID));
        assert_false(vm_name_is_uuid(UUID "0"));
        assert_false(vm_name_is_uuid("0b7c1f3e-5d0a-4b52-9f0e-2d1c3b4a596"));
        assert_false(vm_name_is_uuid("0b7c1f3e-5d0a-4b52-9f0e02d1c3b4a5968"));
        assert_false(vm_name_is_uuid("gb7c1f3e-5d0a-4b52-9f0e-2d1c3b4a5968"));
        assert_false(vm_name_is_uuid(""));
}

static void of_unit(const char *unit, const char *expected) {
        char *id = vm_name_of_unit(unit);

        if (expected)
                assert_string_equal(id, expected);
        else
                assert_null(id);
        free(id);
}

static void test_of_unit(void **state) {
        of_unit("claude-vm@a.service", "a");
        of_unit("claude-vm@a.service.service", "a.service");
        of_unit("claude-vm@" UUID ".service", UUID);
        of_unit("claude-vm@a.services", NULL);
        of_unit("claude-vm@a.service.d", NULL);
        of_unit("claude-vm@.service", NULL);
        of_unit("claude-vm@a.socket", NULL);
        of_unit("claude-vm@-a.service", NULL);
        of_unit("a.service", NULL);
}

static void test_id(void **state) {
        assert_true(vm_name_is_id(UUID));
        assert_true(vm_name_is_id("project"));
        assert_false(vm_name_is_id("0B7C1F3E-5d0a-4b52-9f0e-2d1c3b4a5968"));
        assert_false(vm_name_is_id("../x"));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_project),
                cmocka_unit_test(test_uuid),
                cmocka_unit_test(test_id),
                cmocka_unit_test(test_of_unit),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
