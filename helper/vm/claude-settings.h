/* What the guest takes over from the settings of the user's own Claude Code. */
#pragma once

/* Reads settings.json of the directory and leaves only keys that name no program, secret or place of the
 * host. An owned JSON object. -ENODATA: there is nothing of this kind; other negative errno. */
int claude_settings_read(const char *directory, char **ret);
