/* Can this machine really run a virtual CPU? */
#pragma once

#include <stdbool.h>

/* Runs a loop of a few million instructions on a virtual CPU, for at most 200 ms. Returns true if it
 * ended in time; otherwise `ret_why` says what is wrong (static text). */
bool accelerator_kvm_works(const char **ret_why);

/* The frequency of the time stamp counter that a guest sees under TCG, in kHz: the host's, measured over
 * 20 ms. 0 where there is none. */
unsigned accelerator_tsc_khz(void);

/* True if the host's KVM lets a guest run VMs of its own, if its CPU shows that it could. */
bool accelerator_nests(void);
