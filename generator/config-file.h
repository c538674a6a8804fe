/* Reads one ini file, whose author is not trusted. */
#pragma once

#include <stdbool.h>
#include <stdio.h>

#include "common/config-id.h"
#include "generator/messages.h"

#define CONFIG_FILE_MAX (256U * 1024U) /* bytes of a file */
#define CONFIG_LINE_MAX 8192U          /* bytes of a line, without its end */

/* What there is to know of a file beside its lines. */
typedef struct ConfigFile {
        bool is_own;             /* it is this user's, not root's */
        char id[CONFIG_ID_SIZE]; /* of its content; empty: it could not be read */
} ConfigFile;

/* Called for each `key=value`, with the section it is in ("" before the first) and its line. */
typedef void (*config_file_handler)(
                void *userdata, const char *section, const char *key, const char *value, unsigned line);

/* Reads the file `name` below `dir_fd`: a regular file of ours or root's that no other user
 * can write, without following a link. What is wrong with it goes to `m`.
 * 0: read (`m` may have errors). 1: the file is empty or a link to /dev/null, which masks
 * the name. -ENOENT: no such file. Other negative errno: it could not be read, and `m` says why.
 * `ret_file` is complete before the first line is handed on. */
int config_file_read(int dir_fd, const char *name, Messages *m, config_file_handler handler, void *userdata,
                ConfigFile *ret_file);

/* The same for a text in memory, of `size` bytes. */
void config_file_parse(
                const char *text, size_t size, Messages *m, config_file_handler handler, void *userdata);
