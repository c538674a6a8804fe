#include "helper/claude-run/local-time.h"

#include <stdio.h>
#include <time.h>

#include "common/usec.h"

static const struct {
        int begin, length; /* in the whole form */
} parts[] = {
        [LOCAL_DAY] = { 0, 10 },
        [LOCAL_MINUTE] = { 0, 16 },
        [LOCAL_CLOCK] = { 11, 8 },
};

void local_time_print(uint64_t usec, LocalTime form, char ret[static LOCAL_TIME_MAX]) {
        time_t when = (time_t) (usec / SEC);
        char text[LOCAL_TIME_MAX];
        struct tm local;

        /* a longer year does not fit */
        if (localtime_r(&when, &local) && strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S", &local) > 0)
                snprintf(ret, LOCAL_TIME_MAX, "%.*s", parts[form].length, text + parts[form].begin);
        else
                snprintf(ret, LOCAL_TIME_MAX, "-");
}
