/* A file that the user saves on the host changes in the guest without an event there: virtiofs has none. So
 * the work directory is watched here, and the guest is told names, which it touches for its own watchers
 * (guest/libexec/host-changes). What is told goes one way, to the guest's control port, and names only what
 * the guest sees anyway. An older guest image takes the word for one that it does not know. */

#include <errno.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/path-walk.h"
#include "helper/log.h"
#include "helper/notify/watcher.h"
#include "helper/vm/vm.h"

#define UNREAD_MAX 16384 /* bytes that the guest has not read: a request to power off must find room */

static bool tell(void *userdata, const char *path) {
        const Vm *vm = userdata;
        char line[sizeof("changed \n") + WATCHER_PATH_MAX];
        int unread = 0, n;

        if (vm->ending)
                return true;
        if (ioctl(vm->control_fd, SIOCOUTQ, &unread) < 0 || unread > UNREAD_MAX)
                return false;
        n = snprintf(line, sizeof(line), "changed %s\n", path);
        return send(vm->control_fd, line, (size_t) n, MSG_DONTWAIT | MSG_NOSIGNAL) == n;
}

/* Not of a copy, in which nobody on the host works, nor of a share in which the guest may touch nothing. */
static const char *directory_to_watch(const Parameters *p) {
        return setting_is(p->values, SETTING_NOTIFY, "no") ? NULL : parameters_writable_work_directory(p);
}

static int begin(Vm *vm, const char *directory) {
        _cleanup_close_ int place = path_open_directory(directory);
        int root = place < 0 ? place : openat(place, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

        if (root < 0)
                return place < 0 ? place : -errno;
        return watcher_new(vm->event, root, tell, vm, &vm->watcher);
}

void vm_host_changes_begin(Vm *vm) {
        const char *directory = directory_to_watch(vm->parameters);
        int r = directory && !vm->watcher ? begin(vm, directory) : 0;

        if (r < 0)
                log_message(LOG_NOTICE,
                                "The guest will not notice what is saved in '%s' on this machine: %s",
                                directory, strerror(-r));
}

void vm_host_changes_done(Vm *vm) {
        bool incomplete = false;
        size_t n = vm->watcher ? watcher_count(vm->watcher, &incomplete) : 0;

        if (incomplete)
                log_message(LOG_INFO,
                                "%zu directories were watched for the guest, and there were more: what lies deep in the project it noticed late, or not",
                                n);
        vm->watcher = watcher_free(vm->watcher);
}
