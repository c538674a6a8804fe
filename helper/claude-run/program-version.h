/* What `claude-run doctor` finds: pure parts, for their test. */
#pragma once

#include <stdbool.h>

/* The first version number MAJOR.MINOR in a program's answer. False if there is none. */
bool doctor_version(const char *text, unsigned *ret_major, unsigned *ret_minor);
