/* Keeps names in a share read-only for the guest. */
#pragma once

/* Binds what `words` (of Protect=) names below `root`, a mount of this process's own, to itself: read-only,
 * and the directories on the way to it so that they cannot be renamed. Names that do not exist stay as they
 * are. Sets `ret_notes`, owned, to sentences about what could not be protected, NULL if there is none. 0;
 * -EBUSY: a guest of another VM moves the names meanwhile; -E2BIG: too many submodules; other negative
 * errno. On failure `ret_name`, owned, is the name. */
int protect_share(const char *root, const char *words, char ***ret_notes, char **ret_name);
