/* The list of names of a running haproxy. */
#pragma once

/* Takes it from one list to another (as policy_print_tls_names() prints them); connections stay. `directory`
 * is that of the VM's network. 0; -ENOENT, -ECONNREFUSED: no haproxy runs, which begins with the new list;
 * other negative errno. */
int proxy_names_change(const char *directory, const char *from, const char *to);
