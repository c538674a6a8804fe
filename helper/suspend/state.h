/* The directory of a suspended VM, DIR/ID: its guest's memory, and what else a start needs to go on with it.
 *
 * It is made as DIR/.ID and renamed when all of it is on the disk, and renamed back before it is removed: so
 * a directory of this name is whole, whenever a process is killed or the machine loses its power. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* The guest's memory and devices. A guest may have taken QEMU over that wrote it: no program of ours reads
 * it, and QEMU does in the same sandbox. */
#define STATE_MEMORY "memory"
#define STATE_MACHINE "machine"    /* see helper/vm/machine.h */
#define STATE_QEMU "qemu"          /* the version that wrote the memory */
#define STATE_DISK "disk"          /* which disk, as it was left; not always there */
#define STATE_DEV_SHELL "devshell" /* the script that the guest has as a disk; not always there */

typedef struct StateInfo {
        uint64_t bytes;      /* on the disk */
        uint64_t since_usec; /* CLOCK_REALTIME */
} StateInfo;

/* Where they all are, $XDG_STATE_HOME/claude-microvm/suspended. Owned; NULL: no memory. */
char *state_home(void);

/* A file of a whole state, or of one that is being made. Owned; NULL: no memory. */
char *state_file(const char *dir, const char *id, const char *name);
char *state_new_file(const char *dir, const char *id, const char *name);

/* True if there is a whole one. */
bool state_exists(const char *dir, const char *id);

/* 0; -ENOENT: there is none; other negative errno. */
int state_look(const char *dir, const char *id, StateInfo *ret);

/* All that have one, in an owned array. 0, negative errno. */
int state_list(const char *dir, char ***ret);

/* Begins an empty one. 0, negative errno. */
int state_begin(const char *dir, const char *id);

/* Writes what has been made to the disk and makes it the VM's state. 0; -EEXIST: there is one; other
 * negative errno. */
int state_commit(const char *dir, const char *id);

/* Throws away what state_begin() began. */
void state_abandon(const char *dir, const char *id);

/* Removes a whole one, and returns when the disk knows of it: it is never there again. 0; -ENOENT; other
 * negative errno, and the state may still be whole. */
int state_remove(const char *dir, const char *id);

/* Gives it to another VM. 0; -ENOENT: there is none; -EEXIST; other negative errno. */
int state_rename(const char *dir, const char *id, const char *new_id);

/* Copies a small file into a directory, for this user alone, in the place of one that is there. 0; -ENOENT;
 * other negative errno. */
int state_copy(const char *from, const char *to);
