/* A moment as the user's clock and calendar have it: one form of dates for all that claude-run prints. */
#pragma once

#include <stdint.h>

#define LOCAL_TIME_MAX 20U

typedef enum LocalTime {
        LOCAL_DAY,    /* 2026-11-27 */
        LOCAL_MINUTE, /* 2026-11-27 12:15 */
        LOCAL_CLOCK,  /* 12:15:03 */
} LocalTime;

/* Prints the moment, in microseconds since 1970; "-" after the year 9999. */
void local_time_print(uint64_t usec, LocalTime form, char ret[static LOCAL_TIME_MAX]);
