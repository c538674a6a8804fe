/* What QEMU may open. */
#pragma once

#include <stdbool.h>

#include "guest-image.h"

/* For the process that is about to become QEMU; final. 0 (also where the kernel has no Landlock), negative
 * errno. */
int qemu_sandbox(const char *qemu, const GuestImage *image, const char *runtime_directory, bool no_network);
