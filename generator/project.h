/* One VM as its ini says it. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/port-forward.h"
#include "common/vm-name.h"
#include "generator/config-file.h"
#include "generator/messages.h"
#include "generator/user-paths.h"

typedef struct Share {
        char *tag;
        char *directory;       /* on the host, canonical */
        char *guest_directory; /* where it is mounted */
        bool read_only;
        unsigned line; /* that names the directory; 0: none does */
        bool create;   /* make the directory if it is missing */
        bool optional; /* without the directory there is no share */
} Share;

/* NAME=VALUE of a section that takes any name. */
typedef struct Assignment {
        char *name, *value;
        unsigned line;
} Assignment;

typedef struct AssignmentList {
        Assignment *items;
        size_t n;
} AssignmentList;

typedef struct Project {
        char *id;        /* instance name: of the file, without `.ini` */
        char *path;      /* of the ini */
        char uuid[37];   /* lower case */
        bool has_uuid;   /* UUID= is set */
        bool is_request; /* ad-hoc: the id is the UUID */
        ConfigFile file;
        char **earlier;    /* files that would count instead of this one, if there were any */
        Messages messages; /* `path` borrowed from above */

        char *work_directory; /* canonical */
        char *home;           /* canonical */
        bool read_only;
        char *dev_shell;     /* "no", "yes", "devenv" */
        char **allow_hidden; /* canonical */
        char *agent;
        char *agent_start; /* "boot", "session" */
        char **agent_arguments;
        char *guest; /* name or absolute path */
        uint64_t memory_mib;
        unsigned cpus;
        char *accelerator, *machine;
        char *network;
        PortForward *publish;
        size_t n_publish;
        bool wanted; /* by default.target */
        Share *shares;
        size_t n_shares;
        AssignmentList environment;
        AssignmentList credentials;           /* value: a path */
        AssignmentList encrypted_credentials; /* the same */
        AssignmentList caller_credentials;    /* no value: it comes from claude-run's environment */
        AssignmentList service;               /* whitelisted lines of [Service] */

        unsigned *lines; /* by key of the table: the line that set it, 0 for none */
} Project;

/* Reads `name` (NAME.ini) below `dir_fd`, whose path is `dir`. A project is returned also when
 * the file is bad: `messages.n_errors` says so, and only id, path, uuid and messages count then.
 * 0; 1: the file masks its name, no project; -ENOENT: no such file; -ENOMEM. */
int project_load(const UserPaths *paths, int dir_fd, const char *dir, const char *name, bool is_request,
                Project **ret);

Project *project_free(Project *p);

/* One line of the table of keys. */
typedef struct Parser Parser;
typedef struct Key Key;
typedef void (*key_parser)(Parser *parser, const Key *key, const char *value);
struct Key {
        const char *section;
        const char *key;
        key_parser parse;
        size_t offset;        /* of the member of Project */
        const char *words;    /* allowed values, each between spaces */
        const char *fallback; /* the value without a line; NULL: none, or one that depends on others */
        bool list;            /* may be repeated */
        bool project_only;    /* not for a request, which may begin with the ini of a project */
};

/* The table: NULL after the last. */
const Key *project_key(size_t i);

/* True for a section whose keys are names of variables. */
bool project_section_has_variables(const char *section);

/* What the value of a key stands for in a good project, if that is not its text: a canonical path, a UUID.
 * Borrowed from `p`; NULL if the text says all. */
const char *project_meaning(const Project *p, const Key *key);

bool project_has_dev_shell(const Project *p);

/* The line that sets the key, 0 for none. */
unsigned project_line(const Project *p, const char *key);
