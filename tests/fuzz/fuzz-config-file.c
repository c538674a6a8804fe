/* The ini reader: no value may have a byte that ends a line of a unit file. */

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "generator/config-file.h"

static void handler(void *userdata, const char *section, const char *key, const char *value, unsigned line) {
        if (strpbrk(value, "\n\r\033") || strpbrk(key, "=\n ") || line == 0)
                abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        static FILE *null;
        Messages m = { .path = "fuzz" };

        if (!null) {
                null = fopen("/dev/null", "we");
                stderr = null;
        }
        config_file_parse((const char *) data, size, &m, handler, NULL);
        messages_done(&m);
        return 0;
}
