/* Answers a guest that asks for the image of the host's clipboard. */
#pragma once

typedef struct ClipboardConfig {
        const char *id;          /* of the VM */
        const char *runtime_dir; /* $XDG_RUNTIME_DIR */
        const char *wl_paste, *xclip;
} ClipboardConfig;

/* Answers the connections to a listening socket, one after the other. Returns only if that fails: negative
 * errno.
 */
int clipboard_serve(const ClipboardConfig *config, int listen_fd);
