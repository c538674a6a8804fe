/* `proxy ID`: becomes a VM's haproxy, which keeps the keys of its agent's API. Returns an exit status, and
 * only if it fails. */
#pragma once

typedef struct HaproxyConfig {
        const char *haproxy, *systemd_creds; /* absolute paths */
        const char *runtime_dir;
        const char *secrets_dir; /* $CREDENTIALS_DIRECTORY; NULL: none */
} HaproxyConfig;

int net_become_haproxy(const HaproxyConfig *config, const char *id, char *const *variables);
