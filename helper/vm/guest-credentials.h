/* What the guest gets as systemd credentials: files in memory that QEMU inherits. */
#pragma once

#include "helper/parameters.h"
#include "helper/request/secrets.h"
#include "helper/ssh/files.h"
#include "helper/vm/qemu-argv.h"

#define GUEST_CREDENTIALS_MAX 15 /* eight that each VM has, and seven that depend on the VM and its host */

typedef struct GuestCredentials {
        GuestCredential items[GUEST_CREDENTIALS_MAX];
        unsigned n;
} GuestCredentials;

/* Makes all of them; `secrets` become variables of the agent's environment, which has one more
 * without `kvm`. `have_dev_shell`: its script is there as a disk. `disk_key`: of the image, for a VM with a
 * disk; or NULL. `git`: the program, or NULL. 0; -EINVAL and an owned sentence in `ret_why`; other negative
 * errno. */
int guest_credentials_make(const Parameters *p, const SshKeys *keys, const Secrets *secrets, bool kvm,
                bool have_dev_shell, const char *disk_key, const char *git, GuestCredentials *ret,
                char **ret_why);

/* Closes our ends. */
void guest_credentials_done(GuestCredentials *c);
