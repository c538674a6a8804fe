/* What a fuzzer gives, as a string of its own size, so that a read behind its end is seen. */
#pragma once

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* Owned; NULL without memory. */
static inline char *text_of(const uint8_t *data, size_t size) {
        char *text = malloc(size + 1);

        if (!text)
                return NULL;
        memcpy(text, data, size);
        text[size] = '\0';
        return text;
}
