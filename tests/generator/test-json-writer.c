#include "tests/test.h"

#include <errno.h>

#include "generator/json-writer.h"

typedef struct Output {
        char *text;
        size_t size;
        JsonWriter w;
} Output;

static void begin(Output *o) {
        *o = (Output) {};
        o->w.f = open_memstream(&o->text, &o->size);
        assert_non_null(o->w.f);
}

static void end(Output *o, const char *expected) {
        assert_int_equal(json_writer_end(&o->w), 0);
        assert_int_equal(fclose(o->w.f), 0);
        assert_string_equal(o->text, expected);
        free(o->text);
}

static int add(Output *o, const char *text) {
        return json_writer_add(&o->w, &(JsonMember) { "t", text }, 1);
}

static void test_shape(void **state) {
        const JsonMember members[] = { { "a", "x" }, { "b" }, { "c", NULL, 7 }, { "d", "" } };
        Output o;

        begin(&o);
        end(&o, "[]\n");
        begin(&o);
        assert_int_equal(json_writer_add(&o.w, members, 4), 0);
        assert_int_equal(json_writer_add(&o.w, members + 1, 1), 0);
        end(&o, "[{\"a\":\"x\",\"c\":7,\"d\":\"\"},\n{}]\n");
}

static void escape(const char *text, const char *expected) {
        char line[128];
        Output o;

        begin(&o);
        assert_int_equal(add(&o, text), 0);
        snprintf(line, sizeof(line), "[{\"t\":\"%s\"}]\n", expected);
        end(&o, line);
}

static void test_escapes(void **state) {
        escape("/a b/é😀", "/a b/é😀");
        escape("\"\\", "\\\"\\\\");
        escape("a\tb\nc", "a\\u0009b\\u000ac");
        escape("\033]0;x\a\x7f", "\\u001b]0;x\\u0007\\u007f");
        escape("\xc2\x9b\u202e\u061c", "\\u009b\\u202e\\u061c");
}

static void test_refuses_what_json_cannot_say(void **state) {
        Output o;

        begin(&o);
        assert_int_equal(add(&o, "a"), 0);
        assert_int_equal(add(&o, "\xff"), -EILSEQ);
        assert_int_equal(add(&o, "\xed\xa0\x80"), -EILSEQ);
        end(&o, "[{\"t\":\"a\"}]\n");
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_shape),
                cmocka_unit_test(test_escapes),
                cmocka_unit_test(test_refuses_what_json_cannot_say),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
