/* The version in what a program answers to --version. */
#pragma once

#include <stdbool.h>

/* The first version number MAJOR.MINOR in a program's answer. False if there is none. */
bool program_version_parse(const char *text, unsigned *ret_major, unsigned *ret_minor);
