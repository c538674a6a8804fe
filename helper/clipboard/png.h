/* What a PNG is: the one thing of the host's clipboard that a guest may have. */
#pragma once

#include <stddef.h>
#include <stdint.h>

typedef struct Png {
        uint32_t width, height;
        size_t size; /* up to the end of IEND: what follows is not the image */
} Png;

/* Looks at the signature, the header and the frame of each chunk; neither checksums nor pixels. 0; -EBADMSG:
 * it is not a PNG, or not all of one. */
int png_look(const uint8_t *data, size_t size, Png *ret);
