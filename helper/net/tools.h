/* The programs of a VM's network, which become what the unit runs. They return an exit status, and those
 * that become another program only if they fail. */
#pragma once

#include <sys/types.h>

/* `dns-ready ID`: waits until names are answered, so that the unit has started when they are, or until the
 * process that is to answer has ended. */
int net_wait_for_dnsmasq(const char *runtime_dir, const char *id, pid_t pid);

/* `pasta ID`: carries the VM's connections to the host's network. */
int net_become_pasta(const char *pasta, const char *runtime_dir, const char *id);

/* `dns ID`: answers the guest's questions for names. */
int net_become_dnsmasq(const char *dnsmasq, const char *runtime_dir, const char *id);
