/* Times in microseconds, as systemd's interfaces have them. */
#pragma once

#include <stdint.h>
#include <time.h>

#define SEC 1000000ULL

static inline uint64_t usec_now(clockid_t clock) {
        struct timespec ts;

        clock_gettime(clock, &ts);
        return (uint64_t) ts.tv_sec * SEC + (uint64_t) ts.tv_nsec / 1000;
}
