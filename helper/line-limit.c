/* The journal is the host's disk. A burst is a boot or a panic, and must be readable; the hour bounds what a
 * guest or a QEMU that never stops writing costs: 20 MB an hour at 1 KiB a line. */

#include "helper/line-limit.h"

#include "common/usec.h"

static const struct {
        uint64_t usec;
        unsigned lines;
} burst = { 10 * SEC, 1000 }, hour = { 3600 * SEC, 20000 };

static void renew(LineWindow *w, uint64_t now_usec, uint64_t length_usec) {
        if (now_usec - w->begin_usec <= length_usec)
                return;
        w->begin_usec = now_usec;
        w->lines = 0;
}

bool line_limit_pass(LineLimit *limit, uint64_t now_usec, unsigned *ret_left_out) {
        renew(&limit->burst, now_usec, burst.usec);
        renew(&limit->hour, now_usec, hour.usec);
        if (limit->burst.lines >= burst.lines || limit->hour.lines >= hour.lines) {
                limit->left_out++;
                return false;
        }
        limit->burst.lines++;
        limit->hour.lines++;
        *ret_left_out = limit->left_out;
        limit->left_out = 0;
        return true;
}
