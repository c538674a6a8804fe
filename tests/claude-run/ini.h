/* A generator for the tests of what writes inis: it finds `own` and, if it is there, `effective` below the
 * scratch directory, and takes a file for bad that has the word. */
#pragma once

#include "helper/claude-run/context.h"
#include "tests/scratch.h"

static char ini_generator[PATH_MAX];
static RunOptions ini_options = { .generator = ini_generator };
static Context ini_context = { .options = &ini_options };

static inline void ini_setup(const char *own, const char *effective) {
        char script[4096], member[512] = "";

        if (effective)
                snprintf(member, sizeof(member), ", \"effective\": \"%s/%s\"", scratch, effective);
        snprintf(script, sizeof(script),
                        "#!/bin/sh\n"
                        "case $1 in\n"
                        "--find) echo '[{\"own\": \"%s/%s\"%s}]' ;;\n"
                        "--check) ! grep -q bad \"$2\" || { grep -Hn bad \"$2\" | sed 's/:[0-9]*:/& /' >&2; exit 1; } ;;\n"
                        "*) exit 9 ;;\n"
                        "esac\n",
                        scratch, own, member);
        scratch_write("generator", script, 0700);
        snprintf(ini_generator, sizeof(ini_generator), "%s/generator", scratch);
}
