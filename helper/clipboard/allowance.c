/* A person pastes an image now and then. A guest that looks all day would see what its user copies for other
 * programs. */

#include "helper/clipboard/allowance.h"

bool allowance_take(Allowance *a, uint64_t now_usec, bool *ret_first) {
        static const LineBounds bounds = { .burst = ALLOWANCE_BURST, .hour = ALLOWANCE_HOUR };
        unsigned left_out;
        bool passes = line_limit_pass_within(&a->limit, &bounds, now_usec, &left_out);

        *ret_first = !passes && a->limit.left_out == 1;
        return passes;
}
