#include "tests/test.h"

#include "helper/vm/guest-notify.h"

static GuestMessage parse(const char *s) {
        static char line[2048];

        snprintf(line, sizeof(line), "%s", s);
        return guest_notify_parse(line);
}

static void test_words(void **state) {
        GuestMessage m;

        assert_int_equal(parse("READY=1").word, GUEST_READY);
        m = parse("STATUS=Mounting /work");
        assert_int_equal(m.word, GUEST_STATUS);
        assert_string_equal(m.text, "Mounting /work");
        m = parse("EXIT_STATUS=255");
        assert_int_equal(m.word, GUEST_EXIT_STATUS);
        assert_int_equal(m.number, 255);
        m = parse("IDLE=1");
        assert_int_equal(m.word, GUEST_IDLE);
        assert_int_equal(m.number, 1);
        assert_int_equal(parse("IDLE=0").number, 0);
        assert_int_equal(parse("DRAWN=1").word, GUEST_DRAWN);
        assert_int_equal(parse("AGENT=working").word, GUEST_AGENT);
        assert_int_equal(parse("AGENT=working").number, 0);
        assert_int_equal(parse("AGENT=waiting").word, GUEST_AGENT);
        assert_int_equal(parse("AGENT=waiting").number, 1);
        m = parse("SETUP=begin");
        assert_int_equal(m.word, GUEST_SETUP);
        assert_int_equal(m.number, -1);
        m = parse("SETUP=3");
        assert_int_equal(m.word, GUEST_SETUP);
        assert_int_equal(m.number, 3);
        m = parse("DISK=full");
        assert_int_equal(m.word, GUEST_DISK);
        assert_string_equal(m.text, "full");
}

static void test_others_are_not_believed(void **state) {
        static const char *const bad[] = { "", "READY", "READY=", "READY=10", " READY=1", "ready=1",
                "EXIT_STATUS=", "EXIT_STATUS=256", "EXIT_STATUS=-1", "EXIT_STATUS= 1", "EXIT_STATUS=1 ",
                "EXIT_STATUS=0x1", "EXIT_STATUS=0001", "MAINPID=1", "STOPPING=1", "FDSTORE=1", "IDLE",
                "DRAWN=0", "DRAWN=", "IDLE=", "IDLE=2", "IDLE=10", "IDLE=1 ", "SETUP=", "SETUP=-1",
                "SETUP=beginning", "AGENT=", "AGENT=working ", "AGENT=Waiting", "AGENT=w" };

        for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
                assert_int_equal(parse(bad[i]).word, GUEST_UNKNOWN);
}

static void test_status_is_cut(void **state) {
        char line[1024] = "STATUS=";

        for (int i = 0; i < 150; i++)
                strcat(line, "é");
        assert_int_equal(strlen(parse(line).text), 200);
        line[7] = 'x';
        line[8] = '\0';
        for (int i = 0; i < 150; i++)
                strcat(line, "é");
        assert_int_equal(strlen(parse(line).text), 199);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_words),
                cmocka_unit_test(test_others_are_not_believed),
                cmocka_unit_test(test_status_is_cut),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
