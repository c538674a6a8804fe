/* Where the lines of an ini come from that claude-run has written: a message of the generator names a file
 * that the user has never seen. */
#pragma once

#include <stdio.h>

typedef struct IniOrigin {
        const char *path; /* that the generator reads */
        const char *as;   /* the file that it stands for; NULL: the command line alone */
        /* An element a line: the name of an option, INI_ORIGIN_FILE or INI_ORIGIN_CALL. NULL: all are of the
         * file. */
        char **lines;
} IniOrigin;

#define INI_ORIGIN_FILE ""  /* the line stands in `as` */
#define INI_ORIGIN_CALL "." /* it follows from the call, such as the working directory */

/* Writes a text, and keeps where its lines come from. */
void ini_origin_print(FILE *f, char ***lines, const char *origin, const char *text);

/* Says the generator's messages. The text is taken apart. */
void ini_origin_say(const IniOrigin *o, char *messages);
