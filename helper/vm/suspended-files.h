/* Files of the VM's runtime directory that a resumed VM has again. */
#pragma once

/* The keys, which the guest knows. Up to a NULL. */
extern const char *const suspended_files[];

/* Those that were forwarded; the ones of the ini are those of then. */
#define SUSPENDED_PORTS "ports"
