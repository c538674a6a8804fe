/* The command line as data: a row an option. */
#pragma once

#include <stdbool.h>

typedef struct RunOptions {
        const char *generator, *ssh, *scp, *systemctl, *journalctl; /* absolute paths */
        bool json, follow, terminal, help, version, read_only, new, dev_shell;
        const char *user;      /* in the guest */
        const char *since;     /* for logs */
        const char *directory; /* instead of the working directory */
        const char *name;      /* of the project to make of an ad-hoc VM */
        char **settings;       /* of an ad-hoc VM: sections and lines of an ini */
        char **words;          /* names before `--` */
        char **arguments;      /* what follows `--`; NULL: there was none */
        unsigned n_words;
} RunOptions;

/* The names of the options, for the test of the man page: NULL after the last. */
const char *options_name(unsigned i);

/* The setting that an option stands for: its section, NULL for none, and its key, NULL for a section of
 * variables or limits. */
const char *options_setting(unsigned i, const char **ret_key);

/* Prints a line for each option. */
void options_print(void);

/* Takes the words of a command line, without the program's name. 0 or an exit status. */
int options_parse(RunOptions *o, char **argv);
