/* What the guest gets as systemd credentials: files in memory that QEMU inherits. */
#pragma once

#include "parameters-reader.h"
#include "qemu-argv.h"
#include "session-files.h"

#define GUEST_CREDENTIALS_MAX 8

typedef struct GuestCredentials {
        GuestCredential items[GUEST_CREDENTIALS_MAX];
        unsigned n;
} GuestCredentials;

/* Makes all of them. `secrets_dir` is $CREDENTIALS_DIRECTORY or NULL: each file in it is a variable of the
 * agent's environment. 0; -EINVAL and an owned sentence in `ret_why`; other negative errno. */
int guest_credentials_make(const Parameters *p, const SessionKeys *keys, const char *secrets_dir,
                GuestCredentials *ret, char **ret_why);

/* Closes our ends. */
void guest_credentials_done(GuestCredentials *c);
