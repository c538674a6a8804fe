/* The host's clipboard, read by the programs that know how. */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* Of what a guest gets. */
#define IMAGE_MAX (16U * 1024U * 1024U)

typedef struct ClipboardSource {
        const char *wl_paste, *xclip; /* absolute paths; one that does not exist is not used */
        char *const *variables;       /* of the user's session: where its clipboard is */
} ClipboardSource;

/* Returns 1 if there is a PNG; 0 if there is none; -ENXIO: no variable names a display; -ENOENT: the program
 * for it is missing; -ETIMEDOUT: it hung; other negative errno. */
int clipboard_has_png(const ClipboardSource *source);

/* Reads what is there as a PNG, whatever it is. 0 and owned bytes; -ENODATA: there is none; -EFBIG: it is
 * larger than IMAGE_MAX; others as above. */
int clipboard_read_png(const ClipboardSource *source, uint8_t **ret, size_t *ret_size);
