/* The secret variables of the agent, from all their sources. */
#pragma once

#include <stdbool.h>
#include <stdio.h>

typedef struct Secrets {
        const char *secrets_dir;   /* $CREDENTIALS_DIRECTORY: a file a variable; NULL: none */
        char *const *encrypted;    /* NAME=FILE, files of `systemd-creds encrypt --user` */
        const char *systemd_creds; /* absolute path */
        const char *caller;        /* names, with blanks between, that claude-run has handed over */
        const char *elsewhere;     /* names likewise, which are not for this reader; NULL: none */
        const char *runtime_dir, *id;
} Secrets;

/* True if there is one that the guest gets. */
bool secrets_any(const Secrets *secrets);

/* Writes each as NAME=VALUE and a NUL. 0; -EINVAL and an owned sentence in `ret_why`; other negative errno.
 */
int secrets_write(FILE *f, const Secrets *secrets, char **ret_why);
