#include "common/memory-file.h"

#include <errno.h>
#include <sys/mman.h>

/* Nothing runs one as a program, and with MFD_NOEXEC_SEAL nothing can. Kernels before 6.3 do not know it. */
int memory_file(const char *name) {
        int fd = memfd_create(name, MFD_CLOEXEC | MFD_NOEXEC_SEAL);

        if (fd < 0 && errno == EINVAL)
                fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
        return fd < 0 ? -errno : fd;
}
