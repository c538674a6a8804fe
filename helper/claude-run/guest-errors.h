/* The standard error of a program that passes on what a guest writes: a terminal obeys nothing of it. */
#pragma once

#include <sys/types.h>

typedef struct GuestErrors {
        int fd; /* the program's standard error */
        pid_t reader;
} GuestErrors;

/* Begins to print each line that comes, cleaned, and marked as the guest's. 0, negative errno. */
int guest_errors_begin(GuestErrors *ret);

/* Waits until all of it is printed: the programs that have the descriptor must have ended. */
void guest_errors_end(GuestErrors *errors);
