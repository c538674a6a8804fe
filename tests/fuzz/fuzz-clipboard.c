/* The image of the host's clipboard: what goes to a guest begins and ends as a PNG does, and is a part of
 * what was there. */

#include <stdlib.h>
#include <string.h>

#include "helper/clipboard/png.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        /* of its own size, so that a read behind its end is seen */
        uint8_t *copy = malloc(size ?: 1);
        Png png;

        if (!copy)
                return 0;
        memcpy(copy, data, size);
        if (png_look(copy, size, &png) == 0 &&
                        (png.size > size || png.width == 0 || png.height == 0 ||
                                        memcmp(copy, "\x89PNG", 4) != 0 ||
                                        memcmp(copy + png.size - 8, "IEND", 4) != 0))
                abort();
        free(copy);
        return 0;
}
