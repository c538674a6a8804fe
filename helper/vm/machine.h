/* What a suspended guest must find again: QEMU loads a memory of another size, or for another number of
 * CPUs, without a word. */
#pragma once

#include "helper/host/guest-image.h"
#include "helper/parameters.h"

/* Prints the machine of a VM, a line for each thing that must stay. Owned text. 0, negative errno. */
int machine_print(const Parameters *p, const GuestImage *image, bool kvm, char **ret);

/* Prints which disk is open and when it was written to. Owned. 0, negative errno. */
int machine_print_disk(int fd, char **ret);

/* Compares two of these. 0; -EINVAL: `ret_why` names the first difference; -ENOMEM. */
int machine_compare(const char *saved, const char *now, char **ret_why);
