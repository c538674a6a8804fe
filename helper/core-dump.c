/* LimitCORE=0 of the units keeps the kernel from writing a core file, but not from piping one to the program
 * in core_pattern: core(5) ignores the limit there, and each program decides for itself. The filter of the
 * process counts for both. It survives execve() and fork(), so QEMU, ssh and virtiofsd have it from us. */

#include "helper/core-dump.h"

#include <fcntl.h>
#include <unistd.h>

void core_dump_empty(void) {
        int fd = open("/proc/self/coredump_filter", O_WRONLY | O_CLOEXEC);

        if (fd < 0)
                return;
        /* A kernel without core dumps has no such file, and one that refuses leaves what LimitCORE= does. */
        (void) !write(fd, "0", 1);
        close(fd);
}
