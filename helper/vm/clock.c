/* The guest's clock follows ours: it stands still while this machine sleeps, and an emulated one drifts. The
 * time goes to the guest's control port now and then, and at once when ours is set or this machine wakes up.
 * What is said may be read late, so it is the guest that decides what to make of it (guest/libexec/control).
 */

#include <errno.h>
#include <inttypes.h>
#include <linux/sockios.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <time.h>

#include "helper/log.h"
#include "helper/vm/vm.h"

#define FIRST_SEC 5 /* from READY, when the guest's own start is over */
#define PERIOD_SEC 60

static int arm(int fd, time_t seconds) {
        struct itimerspec at = {};

        if (clock_gettime(CLOCK_REALTIME, &at.it_value) < 0)
                return -errno;
        at.it_value.tv_sec += seconds;
        /* ECANCELED: the clock was set in this moment, and the timer is armed all the same */
        return timerfd_settime(fd, TFD_TIMER_ABSTIME | TFD_TIMER_CANCEL_ON_SET, &at, NULL) < 0 &&
                                        errno != ECANCELED
                        ? -errno
                        : 0;
}

/* Nothing to a guest that has not read the last one: a request to power off must find room. */
static void send_time(int fd) {
        struct timespec now;
        char line[64];
        int unread = 0, n;

        if (ioctl(fd, SIOCOUTQ, &unread) < 0 || unread > 0 || clock_gettime(CLOCK_REALTIME, &now) < 0)
                return;
        n = snprintf(line, sizeof(line), "time %" PRIi64 "%06ld\n", (int64_t) now.tv_sec,
                        now.tv_nsec / 1000);
        (void) send(fd, line, (size_t) n, MSG_DONTWAIT | MSG_NOSIGNAL);
}

static int on_clock(sd_event_source *source, int fd, uint32_t revents, void *userdata) {
        const Vm *vm = userdata;
        uint64_t expirations;
        int r;

        /* ECANCELED: the clock was set */
        if (read(fd, &expirations, sizeof(expirations)) < 0 && errno != ECANCELED)
                return 0;
        if (!vm->ending)
                send_time(vm->control_fd);
        r = arm(fd, PERIOD_SEC);
        if (r < 0)
                log_message(LOG_WARNING, "The guest is told the time no more: %s", strerror(-r));
        return 0;
}

int vm_clock_begin(Vm *vm) {
        _cleanup_close_ int fd = timerfd_create(CLOCK_REALTIME, TFD_CLOEXEC | TFD_NONBLOCK);
        int r;

        if (fd < 0)
                return -errno;
        r = arm(fd, FIRST_SEC);
        if (r >= 0)
                r = sd_event_add_io(vm->event, &vm->clock, fd, EPOLLIN, on_clock, vm);
        if (r >= 0)
                r = sd_event_source_set_io_fd_own(vm->clock, true);
        if (r >= 0)
                TAKE_FD(fd);
        return r;
}

void vm_clock_done(Vm *vm) {
        vm->clock = sd_event_source_disable_unref(vm->clock);
}
