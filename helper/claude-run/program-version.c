#include "helper/claude-run/program-version.h"

#include <stdio.h>

bool program_version_parse(const char *text, unsigned *ret_major, unsigned *ret_minor) {
        for (const char *p = text; *p; p++)
                if (*p >= '0' && *p <= '9')
                        return sscanf(p, "%4u.%4u", ret_major, ret_minor) == 2;
        return false;
}
