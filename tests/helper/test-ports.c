#include "tests/test.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "helper/ssh/ports.h"

static char directory[] = "/tmp/test-ports.XXXXXX";

static void write_ports(const char *text) {
        char path[256];
        FILE *f;

        snprintf(path, sizeof(path), "%s/ports", directory);
        f = fopen(path, "we");
        assert_non_null(f);
        fputs(text, f);
        fclose(f);
}

static void test_round(void **state) {
        static PortList list, again;
        char text[PORT_FORWARD_TEXT_MAX + 16];
        int lock;

        assert_int_equal(ports_read(directory, &list), 0);
        assert_int_equal(list.n, 0);
        list.items[0] = (PortEntry) { .from_ini = true, .forward = { "127.0.0.1", 8080, 80 } };
        list.items[1] = (PortEntry) { .reverse = true, .forward = { "::1", 5432, 6000 } };
        list.n = 2;
        lock = ports_lock(directory);
        assert_true(lock >= 0);
        assert_int_equal(ports_write(directory, &list), 0);
        assert_int_equal(ports_write(directory, &list), 0);
        assert_int_equal(ports_read(directory, &again), 0);
        assert_int_equal(again.n, 2);
        assert_true(again.items[0].from_ini && !again.items[0].reverse && again.items[1].reverse);
        ports_print_entry(&again.items[0], text);
        assert_string_equal(text, "127.0.0.1:8080:localhost:80");
        ports_print_entry(&again.items[1], text);
        assert_string_equal(text, "localhost:6000:[::1]:5432");
        close(lock);
        assert_int_equal(ports_lock("/nonexistent"), -ENOENT);
}

static void test_broken(void **state) {
        static PortList list;

        write_ports("publish 127.0.0.1:8080:80 ini\npublish nonsense ini\n");
        assert_int_equal(ports_read(directory, &list), -EIO);
        write_ports("publish 127.0.0.1:8080:80 from-nowhere\n");
        assert_int_equal(ports_read(directory, &list), -EIO);
        write_ports("reverse\n");
        assert_int_equal(ports_read(directory, &list), -EIO);
}

static int make_directory(void **state) {
        return mkdtemp(directory) ? 0 : -1;
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_round),
                cmocka_unit_test(test_broken),
        };
        return cmocka_run_group_tests(tests, make_directory, NULL);
}
