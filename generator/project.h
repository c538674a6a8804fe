/* One VM, as its ini describes it. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "common/api.h"
#include "common/config-id.h"
#include "common/port-forward.h"
#include "common/settings.h"
#include "common/vm-name.h"
#include "generator/config-file.h"
#include "generator/defaults.h"
#include "generator/messages.h"
#include "generator/user-paths.h"

typedef struct Share {
        char *tag;
        char *directory;       /* on the host, canonical */
        char *guest_directory; /* where it is mounted */
        bool read_only;
        unsigned line; /* the place that names the directory; 0: none does */
        bool create;   /* make the directory if it is missing */
        bool optional; /* without the directory there is no share */
        bool named;    /* only what the agent's row of user-config.h names is in it */
} Share;

/* NAME=VALUE of a section that takes any name. */
typedef struct Assignment {
        char *name, *value;
        unsigned line; /* its place */
} Assignment;

typedef struct AssignmentList {
        Assignment *items;
        size_t n;
} AssignmentList;

typedef struct Project {
        char *id;                 /* instance name: of the file, without `.ini` */
        char *path;               /* of the ini */
        char uuid[37];            /* lower case */
        bool is_request;          /* ad-hoc: the id is the UUID */
        const Defaults *defaults; /* borrowed; NULL: there are none */
        bool is_defaults;         /* not a project, but what counts below all of them */
        ConfigFile file;
        char **earlier;    /* files that would count instead of this one, if there were any */
        Messages messages; /* `path` borrowed from above */

        char *values[N_SETTINGS];   /* canonical; NULL: the default, or a list below */
        unsigned lines[N_SETTINGS]; /* the places that set them; 0: none did */
        char **allow_hidden;        /* canonical */
        char **agent_arguments;
        char **allow; /* canonical words of Allow= */
        PortForward *publish;
        size_t n_publish;
        Share *shares;
        size_t n_shares;
        char git_link[CONFIG_ID_SIZE]; /* of a file `.git` in the work directory, see drop-in.h */
        char *worktree;                /* the linked worktree of git that the project is; NULL: it is none */
        AssignmentList environment;
        AssignmentList credentials;           /* value: a path */
        AssignmentList encrypted_credentials; /* the same */
        AssignmentList caller_credentials;    /* no value: it comes from claude-run's environment */
        const Api *api;                       /* whose keys stay on the host; NULL: they are the guest's */
        ApiUpstream upstream;                 /* of that API */
} Project;

/* Reads `name` (NAME.ini) below `dir_fd`, whose path is `dir`, over the defaults, which may be NULL and must
 * outlive the project. A project is returned also when
 * the file is bad: `messages.n_errors` says so, and only id, path, uuid and messages count then.
 * 0; 1: the file masks its name, no project; -ENOENT: no such file; -ENOMEM. */
int project_load(const UserPaths *paths, const Defaults *defaults, int dir_fd, const char *dir,
                const char *name, bool is_request, Project **ret);

/* The defaults alone, as the settings of no project: for show.h. 0, -ENOMEM. */
int project_load_defaults(const UserPaths *paths, const Defaults *defaults, Project **ret);

/* Checks the text of a defaults.ini. 0, and an owned first error or NULL; -ENOMEM. */
int project_check_defaults(
                const UserPaths *paths, const char *path, const char *text, size_t size, char **ret_error);

Project *project_free(Project *p);

/* The sections whose keys are names of variables: NULL after the last. */
const char *project_variable_section(size_t i);
bool project_section_has_variables(const char *section);

/* Returns what a key's value means in a good project, if that differs from its text: a canonical path, a
 * UUID. Borrowed from `p`; NULL if the text says all. */
const char *project_meaning(const Project *p, SettingId id);

bool project_has_dev_shell(const Project *p);

/* True if the guest works on a copy of the work directory. */
bool project_has_copy(const Project *p);

/* The names of its credentials of all three kinds, borrowed: NULL after the last. */
const char *project_secret(const Project *p, size_t i);
