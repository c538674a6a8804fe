/* A SHA-256 as text. */
#pragma once

#include <stdbool.h>
#include <string.h>

#define SHA256_DIGITS 64U

/* True if the text begins with one in lower case, and no other digit follows. */
static inline bool sha256_begins(const char *text) {
        return strspn(text, "0123456789abcdef") == SHA256_DIGITS;
}

/* True if the text is one, and nothing else. */
static inline bool sha256_is(const char *text) {
        return sha256_begins(text) && text[SHA256_DIGITS] == '\0';
}
