/* How the process of a service has ended, as systemd tells a program of ExecStopPost= (systemd.exec(5)). */
#pragma once

#include <stdbool.h>

typedef struct ServiceEnd {
        bool is_unexplained; /* a failure, but not by the status with which our programs have said why */
        bool was_killed;
        const char *status; /* a number, or the name of a signal; of the environment; NULL: there is none */
} ServiceEnd;

ServiceEnd service_end_read(void);

/* "exited with status 3", "was killed by signal KILL". Owned; NULL: no memory. */
char *service_end_print(const ServiceEnd *end);
