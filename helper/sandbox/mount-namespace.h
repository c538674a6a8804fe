/* Namespaces for an ordinary user: a mount namespace, and a user namespace around it, which it needs. */
#pragma once

#include <sys/types.h>

/* Enters a new user and mount namespace that maps our uid and gid to themselves: what is mounted from now on
 * is seen by this process and its children alone. 0; -EUSERS: this user may not have them
 * (kernel.unprivileged_userns_clone, user.max_user_namespaces, AppArmor), and some of it may have happened;
 * other negative errno. */
int mount_namespace_enter(void);

/* The same, with further namespaces: `more` has CLONE_NEW* flags. A new PID namespace is for children only.
 */
int mount_namespace_enter_with(int more);

/* Like fork(), but the child is in new user and mount namespaces and those of `more`. The child calls
 * mount_namespace_settle() first of all. -EUSERS as above; other negative errno. */
pid_t mount_namespace_fork(int more);

/* The rest of what mount_namespace_enter() does, for a child of mount_namespace_fork(). */
int mount_namespace_settle(void);

/* Binds what `fd` has opened in this namespace, whatever its path means by now, to `point`, which exists. 0,
 * negative errno. */
int mount_namespace_bind(int fd, const char *point);

/* The same, and nothing can be written there or below. */
int mount_namespace_bind_read_only(int fd, const char *point);
