/* What of an agent's own configuration on the host its guest gets to see: nothing but the names in this
 * table, because beside them are logins, histories and what names programs of the host. */
#pragma once

/* The share's tag, and its place in the guest: outside of the agent's home, where guest/libexec/setup links
 * to it, of /run, which an initrd cannot fill, and of /var/lib/claude-vm, which is the guest's disk. */
#define USER_CONFIG_TAG "user_config"
#define USER_CONFIG_GUEST_DIRECTORY "/var/lib/claude-vm-user-config"

typedef struct UserConfig {
        const char *agent;
        const char *variable;  /* of the host's environment, names another directory; NULL: none does */
        const char *directory; /* below the home */
        const char *names;     /* below the directory, with blanks between */
} UserConfig;

/* The row of an agent; NULL if there is none. */
const UserConfig *user_config_find(const char *agent);

/* Row `i`; NULL after the last. */
const UserConfig *user_config_get(unsigned i);
