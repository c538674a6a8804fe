#include "helper/service-end.h"

#include <stdlib.h>
#include <string.h>

#include "common/exit-status.h"
#include "common/strjoin.h"

ServiceEnd service_end_read(void) {
        const char *result = getenv("SERVICE_RESULT"), *code = getenv("EXIT_CODE"),
                   *status = getenv("EXIT_STATUS");

        return (ServiceEnd) {
                .is_unexplained = result && strcmp(result, "success") != 0 &&
                                !(status && atoi(status) == EXIT_CONFIGURATION),
                .was_killed = !code || strcmp(code, "exited") != 0,
                .status = status,
        };
}

char *service_end_print(const ServiceEnd *end) {
        return strjoin(end->was_killed ? "was killed by signal " : "exited with status ",
                        end->status ?: "unknown", NULL);
}
