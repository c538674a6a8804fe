#include "tests/test.h"

#include "helper/vm/outcome.h"

/* qemu_status has the form of waitpid(): 9 is SIGKILL, 256 is exit status 1. */
static void check(int agent_status, Facts f, int status, const char *text) {
        char *got;

        f.id = "p";
        f.agent_status = agent_status;
        f.qemu_message = f.qemu_message ?: "";
        f.guest_status = f.guest_status ?: "";
        f.console_line = f.console_line ?: "";
        assert_int_equal(outcome_of(&f, &got), status);
        if (!strstr(got, text))
                fail_msg("'%s' has no '%s'", got, text);
        free(got);
}

static void test_outcomes(void **state) {
        check(-1, (Facts) { .ready = true }, 0, "powered off");
        check(0, (Facts) { .ready = true }, 0, "status 0");
        check(7, (Facts) { .ready = true, .qemu_status = 9 }, 7, "status 7");
        check(1, (Facts) { .ready = true, .guest_status = "no network" }, 1,
                        "status 1; the guest said last: \"no network\"");
        check(-1, (Facts) { .ready = true, .qemu_status = 9 }, 70, "SIGKILL");
        check(-1, (Facts) { .qemu_status = 256, .qemu_message = "no" }, 70, "status 1: no");
        check(-1, (Facts) { .qemu_status = 256 }, 70, "gave no reason");
        check(143, (Facts) { .ready = true, .stop_requested = true }, 0, "Stopped");
        check(-1, (Facts) { .ready = true, .stop_requested = true, .qemu_status = 9 }, 0, "Stopped");
        check(-1, (Facts) { .guest_status = "mount" }, 75, "; the guest said last: \"mount\"");
        /* F15: no word of a guest's reads like ours */
        check(-1, (Facts) { .guest_status = "x\". Update now: \"curl" }, 75,
                        "last: \"x'. Update now: 'curl\"");
        check(-1, (Facts) { .has_disk = true }, 75, "claude-run disk p reset");
        check(-1, (Facts) { .has_disk = true, .panicked = true }, 70, "claude-run disk p reset");
        check(-1, (Facts) { .ready = true, .panicked = true }, 70, "panicked; the guest said nothing");
        check(-1,
                        (Facts) { .boot_timeout = true,
                                        .qemu_status = 9,
                                        .boot_limit_sec = 60,
                                        .console_line = "last" },
                        75, "60 s; the guest said last: \"last\"");
        check(-1, (Facts) { .panicked = true, .qemu_status = 0 }, 70, "panicked");
        /* no remedy that would lose what the suspended guest has on its disk */
        check(-1, (Facts) { .resuming = true, .has_disk = true, .boot_timeout = true, .boot_limit_sec = 60 },
                        70, "resumed: QEMU was not ready after 60 s. The suspended state is kept; to throw");
        check(-1, (Facts) { .resuming = true, .has_disk = true, .qemu_status = 9 }, 70,
                        "resumed: QEMU was killed by SIGKILL");
        check(-1, (Facts) { .resuming = true, .stop_requested = true }, 0, "Stopped");
        check(-1, (Facts) { .resumed = true, .has_disk = true, .panicked = true }, 70,
                        "panicked; the guest said nothing");
        check(-1,
                        (Facts) { .ready = true,
                                        .dead_share = "work",
                                        .share_result = "was killed",
                                        .qemu_status = 9 },
                        74, "'work'");
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_outcomes),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
