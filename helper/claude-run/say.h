/* What claude-run prints for people. A path, a status or a line of an ini may hold a guest's bytes, so
 * nothing gets to a terminal but through these. */
#pragma once

#include <stdarg.h>
#include <stdio.h>

/* One line, cleaned as common/printable.h has it; the line end is added. */
void say_line(FILE *f, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The same with a text of ours before it, which may have escape sequences, and without the line end. */
void say_after(FILE *f, const char *before, const char *format, va_list ap)
                __attribute__((format(printf, 3, 0)));

/* Each line of a text, cleaned, after `prefix`; empty lines are left out. The text is taken apart. */
void say_lines(FILE *f, const char *prefix, char *text);
