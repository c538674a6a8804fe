/* The command line as data: a row an option. Those of settings are rows of common/settings.h, the others
 * here. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

typedef struct RunOptions {
        const char *generator, *helper, *ssh, *tar, *systemctl, *journalctl, *git,
                        *diff; /* absolute paths */
        bool json, wide, brief, watch, follow, network, save, detach, yes, recursive, terminal, help,
                        version, read_only, new, dev_shell, foreground, list, dry_run, with_protected,
                        overwrite, branch;
        const char *user;      /* in the guest */
        const char *since;     /* for logs */
        const char *lines;     /* the same */
        const char *svg;       /* a file, for boot */
        const char *directory; /* instead of the working directory */
        const char *host;      /* of another machine; it is taken before any other option */
        const char *name;      /* of the project to make of an ad-hoc VM */
        char **settings;       /* of an ad-hoc VM: sections and lines of an ini */
        char **set_by;         /* the name of the option of each */
        char **given;          /* names of the options of the command line */
        char **words;          /* names before `--` */
        char **arguments;      /* what follows `--`; NULL: there was none */
        unsigned n_words;
} RunOptions;

typedef struct Option {
        char letter; /* 0: none */
        const char *name, *value;
        const char *help;          /* NULL: `words` */
        const char *words;         /* that are allowed, with blanks between; NULL: others are */
        const char *verbs;         /* that take it, with blanks between; NULL: all do */
        size_t offset;             /* of a bool, or of a string if there is a value */
        const char *section, *key; /* a setting of the ini instead; without a key the value is KEY=VALUE */
} Option;

/* All options in the order of the help, those of settings first: 0 after the last. */
bool options_get(size_t i, Option *ret);

/* Prints a line for each option, below two headings. The completions read it. */
void options_print(void);

/* Takes the words of a command line. 0 or an exit status. */
int options_parse(RunOptions *o, int argc, char **argv);

/* True if the word after this one, which begins with a dash, is its value. */
bool options_takes_next(const char *word);

/* Refuses options of the command line that mean nothing to the verb. 0 or an exit status. */
int options_check(const RunOptions *o, const char *verb);

void options_done(RunOptions *o);
