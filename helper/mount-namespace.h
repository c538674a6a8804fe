/* A mount namespace of our own, for which an ordinary user needs a user namespace around it. */
#pragma once

/* Enters new ones, in which everybody is who he was: what is mounted from now on is seen by this process and
 * its children alone. 0; -EUSERS: this user may not have them (kernel.unprivileged_userns_clone,
 * user.max_user_namespaces, AppArmor), and some of it may have happened; other negative errno. */
int mount_namespace_enter(void);
