/* Why this machine refuses namespaces to ordinary users, and the one setting that changes it. */
#pragma once

/* Looks for what refuses them, in the files of the kernel and of AppArmor below `root` ("": this machine's),
 * to a process that runs `program`. Returns 0 and sets `ret_why`, an owned sentence; -ENOMEM. */
int namespaces_explain(const char *root, const char *program, char **ret_why);
