/* The bytes are those of another program of the user's, who may have copied them from anywhere. Who shows
 * the image decodes it; this only makes sure that nothing else goes to a guest under its name, be it before
 * or behind it. */

#include "helper/clipboard/png.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "common/cleanup.h"

static const uint8_t signature[] = { 0x89, 'P', 'N', 'G', '\r', '\n', 0x1a, '\n' };

/* A chunk is its length, its type, that many bytes, and a checksum. */
#define CHUNK_HEAD 8U
#define CHUNK_FRAME (CHUNK_HEAD + 4U)
#define HEADER_LENGTH 13U
#define NUMBER_MAX 0x7fffffffU

static uint32_t number_at(const uint8_t *p) {
        return (uint32_t) p[0] << 24 | (uint32_t) p[1] << 16 | (uint32_t) p[2] << 8 | p[3];
}

static bool is_type(const uint8_t *chunk, const char *type) {
        return memcmp(chunk + 4, type, 4) == 0;
}

static bool is_letter(uint8_t c) {
        return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

/* The depths that a colour type may have, a bit each. */
static const uint32_t depths[] = {
        [0] = 1U << 1 | 1U << 2 | 1U << 4 | 1U << 8 | 1U << 16,
        [2] = 1U << 8 | 1U << 16,
        [3] = 1U << 1 | 1U << 2 | 1U << 4 | 1U << 8,
        [4] = 1U << 8 | 1U << 16,
        [6] = 1U << 8 | 1U << 16,
};

static bool is_header(const uint8_t *data, uint32_t *ret_width, uint32_t *ret_height) {
        uint8_t depth = data[8], colour = data[9];

        *ret_width = number_at(data);
        *ret_height = number_at(data + 4);
        return *ret_width > 0 && *ret_width <= NUMBER_MAX && *ret_height > 0 && *ret_height <= NUMBER_MAX &&
                        colour < ELEMENTSOF(depths) && depth <= 16 && depths[colour] >> depth & 1 &&
                        data[10] == 0 && data[11] == 0 && data[12] <= 1;
}

/* The size of the chunk at the beginning of so many bytes, with its frame; 0: there is none. */
static size_t chunk_size(const uint8_t *chunk, size_t left) {
        uint32_t length;

        if (left < CHUNK_FRAME)
                return 0;
        length = number_at(chunk);
        if (length > NUMBER_MAX || length > left - CHUNK_FRAME)
                return 0;
        for (size_t i = 4; i < CHUNK_HEAD; i++)
                if (!is_letter(chunk[i]))
                        return 0;
        return CHUNK_FRAME + length;
}

int png_look(const uint8_t *data, size_t size, Png *ret) {
        size_t at = sizeof(signature);
        bool has_pixels = false;
        Png png;

        if (size < sizeof(signature) || memcmp(data, signature, sizeof(signature)) != 0 ||
                        chunk_size(data + at, size - at) != CHUNK_FRAME + HEADER_LENGTH ||
                        !is_type(data + at, "IHDR") ||
                        !is_header(data + at + CHUNK_HEAD, &png.width, &png.height))
                return -EBADMSG;
        for (size_t n; (n = chunk_size(data + at, size - at)) > 0; at += n) {
                has_pixels = has_pixels || is_type(data + at, "IDAT");
                if (!is_type(data + at, "IEND"))
                        continue;
                if (!has_pixels || n != CHUNK_FRAME)
                        return -EBADMSG;
                png.size = at + n;
                *ret = png;
                return 0;
        }
        return -EBADMSG;
}
