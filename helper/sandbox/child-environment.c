#include "helper/sandbox/child-environment.h"

#include <errno.h>
#include <stdlib.h>

#include "common/strv.h"

int child_environment(const char *const names[], char ***ret) {
        _cleanup_strv_free_ char **environment = NULL;
        const char *language = getenv("LANG");

        if (strv_append(&environment, "PATH=/usr/bin:/bin") < 0 ||
                        strv_appendf(&environment, "LANG=%s", language ?: "C.UTF-8") < 0)
                return -ENOMEM;
        for (; *names; names++) {
                const char *value = getenv(*names);

                if (value && strv_appendf(&environment, "%s=%s", *names, value) < 0)
                        return -ENOMEM;
        }
        *ret = TAKE_PTR(environment);
        return 0;
}
