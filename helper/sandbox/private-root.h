/* A root directory for one program: nothing of the host's files is in it but what is named. For a process in
 * a mount namespace of its own (mount-namespace.h). */
#pragma once

typedef enum RootAccess {
        ROOT_READ,   /* read and execute */
        ROOT_WRITE,  /* a directory */
        ROOT_DEVICE, /* a device node */
} RootAccess;

/* Begins the root at `point`, an existing directory that stays empty outside of this namespace. `point` is
 * borrowed until private_root_enter(). All functions: 0, negative errno. */
int private_root_begin(const char *point);

/* Puts the host's file or directory `path` (absolute) to the same place, with all that is mounted below it.
 * A link of the host is followed. -ENOENT if there is no such path. */
int private_root_add(const char *path, RootAccess access);

/* The same, but a path that does not exist is left out. */
int private_root_add_optional(const char *path, RootAccess access);

/* Makes a file with this content, or a symbolic link. */
int private_root_add_text(const char *path, const char *content);
int private_root_add_link(const char *path, const char *target);

/* Mounts a /proc that shows the processes of this PID namespace and nothing else. */
int private_root_add_proc(void);

/* Makes it this process's root, without a way back to the old one; its own directories are read-only from
 * now on. The working directory is `/`. */
int private_root_enter(void);
