/* Sessions in a VM: ssh with the VM's own configuration, as a child of ours or in our place. */
#pragma once

#include <stdbool.h>

typedef struct Session {
        const char *ssh;         /* absolute path */
        const char *runtime_dir; /* $XDG_RUNTIME_DIR */
        const char *id;          /* of the VM */
        const char *user;        /* in the guest; NULL: claude */
        bool terminal;           /* ssh -t, else ssh -T */
        const char *program;     /* in the guest, or NULL for what `words` say */
        char *const *words;      /* its arguments, or NULL */
} Session;

/* One word for the guest's shell: whatever bytes it has but NUL arrive as they are. Owned, NULL without
 * memory. */
char *session_quote(const char *word);

/* ssh's argument vector. 0 and an owned result, -ENOMEM. */
int session_argv(const Session *s, char ***ret);

/* Runs ssh on our standard input, output and error and restores the terminal after it. Returns its exit
 * status, 255 when a signal ended it; negative errno if it could not be run. */
int session_run(const Session *s);
