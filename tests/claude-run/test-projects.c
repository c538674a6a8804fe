#include "tests/test.h"

#include <errno.h>

#include "common/cleanup.h"
#include "generator/json-writer.h"
#include "helper/host/projects.h"

#define UUID_A "0b7c1f3e-5d0a-4b52-9f0e-2d1c3b4a5968"
#define UUID_B "1b7c1f3e-5d0a-4b52-9f0e-2d1c3b4a5968"

static int parse(const char *text, ProjectEntries *ret) {
        sd_json_variant *array = NULL;
        int r = generator_json_parse(text, &array);

        if (r >= 0)
                r = project_entries_parse(array, ret);
        sd_json_variant_unref(array);
        return r;
}

#define ENTRY(name, uuid, directory, agent)                                                                 \
        "{\"name\":\"" name "\",\"uuid\":\"" uuid "\",\"workDirectory\":\"" directory                       \
        "\",\"file\":\"/" name ".ini\",\"agent\":\"" agent "\"}"

static void test_parse(void **state) {
        ProjectEntries e;

        assert_int_equal(parse("[]", &e), 0);
        assert_int_equal(e.n, 0);
        project_entries_done(&e);
        assert_int_equal(parse("[" ENTRY("a", UUID_A, "/w", "claude") ",\n" ENTRY(
                                               "b", UUID_B, "/w x\\u0022", "codex") "]\n",
                                         &e),
                        0);
        assert_int_equal(e.n, 2);
        assert_string_equal(e.items[1].work_directory, "/w x\"");
        assert_string_equal(e.items[1].agent, "codex");
        assert_string_equal(e.items[1].ini, "/b.ini");
        assert_ptr_equal(project_entries_find(&e, "b"), &e.items[1]);
        assert_ptr_equal(project_entries_find(&e, "1B7C1F3E-5d0a-4b52-9f0e-2d1c3b4a5968"), &e.items[1]);
        assert_null(project_entries_find(&e, "c"));
        project_entries_done(&e);
}

/* One with a mistake keeps its place, so that no other VM takes it. */
static void test_broken(void **state) {
        static const char *const bad[] = { "[{\"name\":\"a\",\"file\":\"/a.ini\",\"error\":\"x\\u001b[m\"}]",
                "[{\"name\":\"a/b\",\"file\":\"/a.ini\",\"error\":\"x\"}]",
                "[{\"name\":\"a\",\"error\":\"x\"}]",
                "[{\"name\":\"a\",\"file\":\"/a.ini\",\"error\":\"x\",\"workDirectory\":\"w\"}]" };
        ProjectEntries e;
        size_t n;

        assert_int_equal(
                        parse("[{\"name\":\"a\",\"file\":\"/a.ini\",\"error\":\"/a.ini:2: bad\"},"
                              "{\"name\":\"b\",\"workDirectory\":\"/w\",\"file\":\"/b.ini\",\"error\":\"/b.ini:3: bad\"}]",
                                        &e),
                        0);
        assert_int_equal(e.n, 2);
        assert_string_equal(e.items[0].error, "/a.ini:2: bad");
        assert_string_equal(project_entries_here(&e, "/w/sub", &n)->name, "b");
        assert_null(project_entries_here(&e, "/", &n));
        assert_ptr_equal(project_entries_find(&e, "a"), &e.items[0]);
        assert_null(project_entries_find(&e, UUID_A));
        project_entries_done(&e);
        for (size_t i = 0; i < ELEMENTSOF(bad); i++)
                assert_int_equal(parse(bad[i], &e), -EIO);
}

/* What is cut, forged or of the wrong kind is no list. */
static void test_refuses(void **state) {
        static const char *const bad[] = { "", "x", "{}", "[1]", "[{}]",
                "[" ENTRY("a", UUID_A, "/w", "claude"), "[" ENTRY("a", UUID_A, "/w", "claude") "] x",
                "[" ENTRY("a/../b", UUID_A, "/w", "claude") "]", "[" ENTRY("a", "u", "/w", "claude") "]",
                "[" ENTRY("a", UUID_A, "w", "claude") "]", "[" ENTRY("a", UUID_A, "/w", "nobody") "]",
                "[" ENTRY("a", UUID_A, "/w\\u000a", "claude") "]",
                "[" ENTRY("a", UUID_A, "/w\\u001b[m", "claude") "]",
                "[" ENTRY("a", UUID_A, "/w\\u202e", "claude") "]",
                "[" ENTRY("a", UUID_A, "/w\xff", "claude") "]", "a\tu\t/w\t/a.ini\tclaude\n",
                "[{\"name\":1,\"uuid\":2,\"workDirectory\":3,\"file\":4,\"agent\":5}]" };
        ProjectEntries e;

        for (size_t i = 0; i < ELEMENTSOF(bad); i++)
                if (parse(bad[i], &e) != -EIO)
                        fail_msg("'%s' is taken for a list", bad[i]);
}

/* F1, second way: a directory's name was a record. What the generator writes comes back as it was. */
static void test_round_trip(void **state) {
        static const char *const names[] = { "/a\tx\tclaude\nforged\t" UUID_B
                                             "\t/x\t/evil.ini\tclaude\nlast",
                "/\",\"file\":\"/evil.ini", "/\\", "/a'\\\"]},{", "/\033]0;x\a", "/\u202e\u2028",
                "/\xc2\x9b", "/😀é" };

        for (size_t i = 0; i < ELEMENTSOF(names); i++) {
                const JsonMember member = { "workDirectory", names[i] };
                sd_json_variant *array = NULL;
                char *text = NULL;
                size_t size;
                JsonWriter w = { .f = open_memstream(&text, &size) };

                assert_int_equal(json_writer_add(&w, &member, 1), 0);
                assert_int_equal(json_writer_end(&w), 0);
                fclose(w.f);
                /* one record is one line, whatever it says */
                assert_ptr_equal(strchr(text, '\n'), text + size - 1);
                assert_int_equal(generator_json_parse(text, &array), 0);
                assert_int_equal(sd_json_variant_elements(array), 1);
                assert_string_equal(generator_text(sd_json_variant_by_index(array, 0), "workDirectory"),
                                names[i]);
                sd_json_variant_unref(array);
                free(text);
        }
}

static void test_here(void **state) {
        ProjectEntries e;
        size_t n;

        assert_int_equal(parse("[" ENTRY("a", UUID_A, "/w", "claude") "," ENTRY("b", UUID_B, "/w/sub",
                                               "claude") "," ENTRY("c", UUID_B, "/w/sub", "claude") "]",
                                         &e),
                        0);
        assert_string_equal(project_entries_here(&e, "/w", &n)->name, "a");
        assert_int_equal(n, 1);
        assert_string_equal(project_entries_here(&e, "/w/other/x", &n)->name, "a");
        assert_non_null(project_entries_here(&e, "/w/sub/x", &n));
        assert_int_equal(n, 2);
        assert_null(project_entries_here(&e, "/wx", &n));
        assert_null(project_entries_here(&e, "/", &n));
        project_entries_done(&e);
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_parse),
                cmocka_unit_test(test_broken),
                cmocka_unit_test(test_refuses),
                cmocka_unit_test(test_round_trip),
                cmocka_unit_test(test_here),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
