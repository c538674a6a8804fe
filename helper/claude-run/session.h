/* Sessions in a VM: ssh with the VM's own configuration, as a child of ours or in our place. */
#pragma once

#include <stdbool.h>

typedef struct Context Context;

/* Programs of ours in the guest. */
#define PROGRAM_AGENT "/usr/lib/claude-vm/agent-exec"

typedef struct Session {
        const char *ssh;         /* absolute path */
        const char *runtime_dir; /* $XDG_RUNTIME_DIR */
        const char *id;          /* of the VM */
        const char *user;        /* in the guest; NULL: claude */
        bool alone;              /* on a connection of its own: no channel of the master's */
        bool terminal;           /* ssh -t, else ssh -T */
        bool read_only;          /* a terminal that nothing can be typed into */
        const char *program;     /* of ours in the guest; NULL: what `words` say, in a directory */
        const char *below;  /* the work directory there: the place to be in; NULL: the directory itself */
        bool detached;      /* the command goes on without us, and writes to the journal */
        char *const *words; /* its arguments, or the command; NULL: a login shell */
} Session;

/* True if a session of this call is on a connection of its own. The master logs in as claude. And it writes
 * what a channel prints, so the journal of a service would have the output in the master's unit. */
bool session_is_alone(const Context *c);

/* One word for the guest's shell: whatever bytes it has but NUL arrive as they are. Owned. */
char *session_quote(const char *word);

/* The directory that this call is about as a path below the VM's work directory, owned; NULL if it is that
 * directory, or elsewhere. */
char *session_find_below(Context *c, const char *id);

/* Where the VM has its work directory. Owned. */
char *session_guest_directory(Context *c, const char *id);

/* ssh's argument vector. Owned. */
char **session_argv(const Session *s);

/* `program -F CONFIG` and the user of the options, as the beginning of a command line. Owned. */
char **session_begin_ssh(Context *c, const char *program, const char *id);

/* Runs ssh on our standard input, output and error and restores the terminal after it. Returns its exit
 * status, 255 when a signal ended it; negative errno if it could not be run. Without a terminal of its own
 * it may still write to ours, which is restored then, too. */
int session_run(const Session *s);

/* The signal that was passed on to it; 0: none. Other signals than ignored ones are not blocked afterwards.
 */
int session_signal(void);

/* The same for any program that shows what a guest writes; `terminal`: on this terminal. */
int session_run_program(char **argv, bool terminal, bool read_only);

/* A session in VM `id` as the options say. Its strings are borrowed. */
Session session_make(Context *c, const char *id, const char *program, char *const *words, bool terminal);

/* Says that `program` could not be run. The exit status. */
int session_not_run(const char *program, int error);
