/* The parameters of a VM, from the environment that its drop-in sets. */
#pragma once

#include <stdbool.h>

#include "common/cleanup.h"
#include "common/dev-shell.h"
#include "common/port-forward.h"
#include "common/settings.h"

typedef struct ShareParameters {
        char *tag;
        char *guest_directory;
        char *directory; /* on the host */
        bool read_only;
        bool create, optional;
        bool named; /* only what the agent's row of user-config.h names is in it */
} ShareParameters;

typedef struct Parameters {
        const char *id;           /* borrowed */
        const char *uuid;         /* borrowed from the environment: 36 bytes, lower case */
        char *values[N_SETTINGS]; /* likewise; NULL: the default */
        DevShellKind dev_shell;
        ShareParameters *shares;
        unsigned n_shares;
        PortForward *publish;
        unsigned n_publish;
        char **arguments;               /* of the agent */
        char **environment;             /* of the agent: NAME=VALUE */
        char **encrypted_credentials;   /* NAME=FILE */
        const char *git_worktree;       /* borrowed likewise: the project's, in the share git_common; NULL */
        const char *caller_credentials; /* borrowed likewise: names, with blanks between */
        const char *api_keys;           /* the same: secrets that the API proxy keeps; "": there is none */
} Parameters;

/* Reads an environment, which has to stay as long as the result. 0 and an owned result. -EINVAL and an owned
 * sentence in `ret_why` (for the user: it names the variable or says that there is no such project).
 * -ENOMEM. */
int parameters_read(const char *id, char *const *variables, Parameters **ret, char **ret_why);

/* Reads NAME=FILE of the encrypted credentials alone. 0, -ENOMEM. */
int parameters_read_encrypted(char *const *variables, char ***ret);

/* Moves the work directory to /work in the guest, with the shares that lie in it. 1: it was elsewhere; 0;
 * -ENOMEM. */
int parameters_move_to_work(Parameters *p);

/* Removes the optional shares whose directory does not exist. */
void parameters_drop_missing_shares(Parameters *p);

/* A share; NULL if there is none of this tag. */
const ShareParameters *parameters_share(const Parameters *p, const char *tag);

/* The host's directory of a share; NULL likewise. */
const char *parameters_share_directory(const Parameters *p, const char *tag);

/* The same in the guest. */
const char *parameters_share_guest_directory(const Parameters *p, const char *tag);

/* The host's directory that the guest works in, if it may write to it; NULL: it may not, or has a copy. */
const char *parameters_writable_work_directory(const Parameters *p);

Parameters *parameters_free(Parameters *p);
DEFINE_CLEANUP(Parameters *, parameters_free, parameters_cleanup)
