/* What the guest says on its notify port: the words of systemd's VM interface, and some for its disk,
 * Setup=, Idle=, the agent's first frame and what it does. */
#pragma once

typedef enum GuestWord {
        GUEST_READY,
        GUEST_STATUS,      /* text */
        GUEST_EXIT_STATUS, /* number, 0 to 255 */
        GUEST_IDLE,        /* number, 0 or 1: since it was asked before */
        GUEST_DISK,        /* text, as it came: a word that vm_disk_say() knows, or not */
        GUEST_SETUP,       /* number: the exit status of Setup=, -1: it begins */
        GUEST_DRAWN,       /* the agent's first frame */
        GUEST_AGENT,       /* number, 0: it works, 1: it waits for its user */
        GUEST_UNKNOWN,     /* not believed */
} GuestWord;

typedef struct GuestMessage {
        GuestWord word;
        const char *text; /* of STATUS and DISK: borrowed from the line, cleaned, at most 200 bytes */
        int number;       /* of EXIT_STATUS, IDLE, SETUP and AGENT */
} GuestMessage;

/* Understands one line, which guest_lines_feed() has made harmless; it may be cut. */
GuestMessage guest_notify_parse(char *line);
