/* Files of the VM's runtime directory that a resumed VM has again. */
#pragma once

/* The keys, which the guest knows, and the forwarded ports. Up to a NULL. */
extern const char *const suspended_files[];
