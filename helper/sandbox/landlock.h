/* Landlock, the kernel's sandbox for ordinary processes. See landlock(7). */
#pragma once

typedef enum LandlockAccess {
        LANDLOCK_READ,   /* and execute */
        LANDLOCK_DEVICE, /* read, write, ioctl */
        LANDLOCK_FILES, /* a directory in which files, directories and links may be made, written and removed
                         */
        LANDLOCK_SOCKETS, /* a directory in which Unix sockets may be made and removed */
} LandlockAccess;

/* The version of the kernel's interface, from 1 on; 0: there is no Landlock here. Version 6 (Linux 6.12) is
 * the first that governs abstract sockets and signals. */
unsigned landlock_version(void);

/* A ruleset that denies all that this kernel can deny: files, abstract sockets, signals to others. The
 * descriptor; -EOPNOTSUPP: there is no Landlock here; other negative errno. */
int landlock_begin(void);

/* Allows what is at or below `path`. 0, also if there is no such path; negative errno. */
int landlock_allow(int ruleset, const char *path, LandlockAccess access);

/* Enforces the ruleset on this process and its children to come. Needs PR_SET_NO_NEW_PRIVS. 0, negative
 * errno. */
int landlock_enforce(int ruleset);
