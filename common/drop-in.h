/* The words of the drop-ins: what the generator writes into Environment= of a unit and the helper reads
 * back, but for the settings, whose variables are in settings.h. One name for one thing; ARCHITECTURE.md has
 * the table from ini key to QEMU flag. */
#pragma once

/* claude-vm@ID.service */
#define PARAMETER_CONFIG_ERROR "CLAUDE_VM_CONFIG_ERROR" /* set: refuse to start with this message */
/* + 0, 1, 2 … = the files that could be the ini of this unit, in their order: it was made from the last one,
 * and the others did not exist. */
#define PARAMETER_CONFIG_FILE_PREFIX "CLAUDE_VM_CONFIG_FILE_"
#define PARAMETER_CONFIG_ID "CLAUDE_VM_CONFIG_ID" /* of its content, see config-id.h */
/* + 0, 1, 2 … = ID:PATH of a defaults.ini that counts below the ini; no ID: there was none, or it was empty.
 */
#define PARAMETER_DEFAULTS_PREFIX "CLAUDE_VM_DEFAULTS_"
#define PARAMETER_UUID "CLAUDE_VM_UUID"
#define PARAMETER_WORK_DIRECTORY "CLAUDE_VM_WORK_DIRECTORY" /* on the host; for messages and lists */
/* Lists: one variable an element. */
/* + TAG = OPTIONS:GUESTDIR:HOSTDIR. OPTIONS are rw or ro, and one of these for a missing HOSTDIR: `,create`
 * makes it (0700), `,optional` leaves the share out. `,named` leaves it out, too, and otherwise
 * shows only the entries of HOSTDIR that user-config.h names; it follows the user's own links. GUESTDIR
 * contains no colon. */
#define PARAMETER_SHARE_PREFIX "CLAUDE_VM_SHARE_"
/* The tag of the repository of a work directory that is a linked worktree or a submodule of git's. */
#define GIT_SHARE "git_common"
#define PARAMETER_GIT_WORKTREE "CLAUDE_VM_GIT_WORKTREE" /* its name in there; none: it is not a worktree */
/* What a file `.git` of the work directory said: its identity, see config-id.h; `no`: it does
 * not matter, with Worktree=no and in a copy; none: there was no such file. */
#define PARAMETER_GIT_LINK "CLAUDE_VM_GIT_LINK"
#define GIT_LINK_MAX 4096U /* bytes of such a file */
/* The work directory's name in every guest: its place there, or a link to that. */
#define GUEST_WORK "/work"
#define PARAMETER_ARGUMENT_PREFIX "CLAUDE_VM_ARGUMENT_" /* + 0, 1, 2 … = one agent argument */
#define PARAMETER_PUBLISH_PREFIX "CLAUDE_VM_PUBLISH_"   /* + 0, 1, 2 … = ADDRESS:HOSTPORT:GUESTPORT */
#define PUBLISH_MAX 64U
#define PARAMETER_ALLOW_PREFIX "CLAUDE_VM_ALLOW_"       /* + 0, 1, 2 … = a word of Allow= */
#define PARAMETER_API_UPSTREAM "CLAUDE_VM_API_UPSTREAM" /* URL; set: the API proxy is on */
#define PARAMETER_API_KEYS "CLAUDE_VM_API_KEYS"         /* names of the proxy's secrets, blanks between */
#define PARAMETER_ENVIRONMENT_PREFIX "CLAUDE_VM_ENVIRONMENT_" /* + NAME = value, for the agent */
/* Where the user's ssh agent is in the guest; guest/libexec/setup makes the directory. */
#define GUEST_SSH_AGENT "/run/claude-vm/forward/ssh-agent"
/* Where a guest asks for the image of the host's clipboard; the variable tells it to make the directory. */
#define GUEST_CLIPBOARD "/run/claude-vm/forward/clipboard"
#define PARAMETER_ENCRYPTED_PREFIX "CLAUDE_VM_ENCRYPTED_" /* + NAME = file of systemd-creds */

/* Blank-separated names of secrets that claude-run takes from its environment when it starts the VM. */
#define PARAMETER_CALLER_CREDENTIALS "CLAUDE_VM_CALLER_CREDENTIALS"

/* Credentials of the agent are loaded under their own name: LoadCredential=NAME:FILE. */

/* Shares of one VM, with `work`, `home`, `nix_store`, `git_common` and `user_config`: each takes one of the
 * 32 slots of a PCI bus. */
#define SHARES_MAX 22U
