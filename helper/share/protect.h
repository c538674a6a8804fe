/* Keeps names in a share read-only for the guest. */
#pragma once

typedef struct Protect {
        const char *words;     /* of Protect= */
        const char *worktree;  /* of a repository without its work directory: the guest's own; "": none */
        const char *directory; /* of the host that is shared */
        const char *guest;     /* where the guest has it */
} Protect;

/* Binds what the words name below `root`, a mount of this process's own, to itself: read-only,
 * and the directories on the way to it so that they cannot be renamed. Names that do not exist stay as they
 * are. What git keeps in the repository about a worktree that the guest does not have is read-only, too.
 * Sets `ret_notes`, owned, to sentences about what could not be protected, NULL if there is none. 0;
 * -EBUSY: a guest of another VM moves the names meanwhile; -E2BIG: too many submodules; other negative
 * errno. On failure `ret_name`, owned, is the name. */
int protect_share(const char *root, const Protect *what, char ***ret_notes, char **ret_name);
