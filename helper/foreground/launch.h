/* One program of a foreground VM: a verb of the helper, as a child of the keeper. */
#pragma once

#include <sys/resource.h>
#include <sys/types.h>

typedef struct Launch {
        const char *helper, *verb, *argument;
        char **environment;
        int log_fd;      /* its standard output and error */
        rlim_t files;    /* that it may have open */
        rlim_t data;     /* bytes of memory of its own; 0: as many as the caller */
        int listener_fd; /* becomes descriptor 3, and the program does not get SIGTERM; negative: none */
} Launch;

/* The variables of every program: of the caller's those that the helper looks at, and its own runtime
 * directory. No bus, no journal, nothing of an engine's. 0, -ENOMEM. */
int launch_environment(const char *directory, char ***ret);

/* Of the caller's descriptors the program has none but these. The process; negative errno. */
pid_t launch(const Launch *l);
