/* A person pastes an image now and then. A guest that looks all day would see what its user copies for other
 * programs. */

#include "helper/clipboard/allowance.h"

#include "common/usec.h"

#define BURST_USEC (10 * SEC)
#define HOUR_USEC (3600 * SEC)

static bool has_room(LineWindow *w, uint64_t now_usec, uint64_t length_usec, unsigned max) {
        if (w->lines == 0 || now_usec - w->begin_usec > length_usec)
                *w = (LineWindow) { .begin_usec = now_usec };
        return w->lines < max;
}

bool allowance_take(Allowance *a, uint64_t now_usec, bool *ret_first) {
        bool burst = has_room(&a->burst, now_usec, BURST_USEC, ALLOWANCE_BURST);
        bool hour = has_room(&a->hour, now_usec, HOUR_USEC, ALLOWANCE_HOUR);

        *ret_first = false;
        if (!burst || !hour) {
                *ret_first = !a->exceeded;
                a->exceeded = true;
                return false;
        }
        a->exceeded = false;
        a->burst.lines++;
        a->hour.lines++;
        return true;
}
