/* The journal is the host's disk. A burst is a boot or a panic, and must be readable; the hour bounds what a
 * guest or a QEMU that never stops writing costs: 20 MB an hour at 1 KiB a line. */

#include "helper/line-limit.h"

#include "common/usec.h"

#define BURST_USEC (10 * SEC)
#define HOUR_USEC (3600 * SEC)

static const LineBounds journal = { .burst = 1000, .hour = 20000 };

static void renew(LineWindow *w, uint64_t now_usec, uint64_t length_usec) {
        if (now_usec - w->begin_usec <= length_usec)
                return;
        w->begin_usec = now_usec;
        w->lines = 0;
}

bool line_limit_pass_within(
                LineLimit *limit, const LineBounds *bounds, uint64_t now_usec, unsigned *ret_left_out) {
        renew(&limit->burst, now_usec, BURST_USEC);
        renew(&limit->hour, now_usec, HOUR_USEC);
        if (limit->burst.lines >= bounds->burst || limit->hour.lines >= bounds->hour) {
                limit->left_out++;
                return false;
        }
        limit->burst.lines++;
        limit->hour.lines++;
        *ret_left_out = limit->left_out;
        limit->left_out = 0;
        return true;
}

bool line_limit_pass(LineLimit *limit, uint64_t now_usec, unsigned *ret_left_out) {
        return line_limit_pass_within(limit, &journal, now_usec, ret_left_out);
}
