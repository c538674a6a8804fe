/* The programs of a VM's network, which become what the unit runs. Both return an exit status, and only if
 * they fail. */
#pragma once

/* `pasta ID`: carries the VM's connections to the host's network. */
int net_become_pasta(const char *pasta, const char *runtime_dir, const char *id);

/* `dns ID`: answers the guest's questions for names. */
int net_become_dnsmasq(const char *dnsmasq, const char *runtime_dir, const char *id);
