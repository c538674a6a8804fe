#include "helper/host/viewers.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/runtime-path.h"

/* Counts only processes of this user, not those that another user has named so: ssh with the VM's
 * configuration, showing the agent's terminal. */
static bool is_viewer(const char *pid, const char *vm_dir) {
        char path[sizeof("/proc//cmdline") + NAME_MAX], line[1024];
        _cleanup_close_ int fd = -EBADF;
        struct stat st;
        ssize_t n;

        snprintf(path, sizeof(path), "/proc/%s/cmdline", pid);
        fd = open(path, O_RDONLY | O_CLOEXEC);
        if (fd < 0 || fstat(fd, &st) < 0 || st.st_uid != getuid())
                return false;
        n = read(fd, line, sizeof(line));
        return n > 0 && memmem(line, (size_t) n, vm_dir, strlen(vm_dir)) &&
                        memmem(line, (size_t) n, PROGRAM_ATTACH, strlen(PROGRAM_ATTACH));
}

unsigned viewers_count(const char *runtime_dir, const char *id) {
        _cleanup_closedir_ DIR *proc = opendir("/proc");
        _cleanup_free_ char *vm_dir = runtime_path_vm(runtime_dir, id);
        unsigned n = 0;

        while (proc && vm_dir) {
                const struct dirent *entry = readdir(proc);

                if (!entry)
                        break;
                if (entry->d_name[0] >= '1' && entry->d_name[0] <= '9')
                        n += is_viewer(entry->d_name, vm_dir);
        }
        return n;
}
