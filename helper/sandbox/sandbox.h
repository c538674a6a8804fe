/* What the programs that face a guest may see of this machine: QEMU and the ssh master. */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

typedef struct QemuSandbox {
        const char *point;     /* an empty directory, see private-root.h */
        const char *qemu;      /* its program, without links */
        const char *directory; /* the only one in which it may make anything: sockets; its working directory
                                */
        char *const *sockets;  /* of this VM's shares */
        const char *files[3];  /* of the guest image, without links */
} QemuSandbox;

/* Like fork(), with the namespaces of the sandbox for the child, which calls sandbox_enter_qemu(). -EUSERS:
 * this user may not have them; other negative errno. */
pid_t sandbox_fork_qemu(void);

/* For the child, before execv(): a root directory with what QEMU needs and nothing else, and Landlock, as
 * far as the kernel knows it. 0; negative errno: the sandbox is not complete, and QEMU must not run. */
int sandbox_enter_qemu(const QemuSandbox *s);

typedef struct SshSandbox {
        const char *point;
        const char *ssh, *helper; /* programs */
        const char *directory;    /* the only one in which it may make anything: its control socket */
        const char *sockets[3]; /* that it connects to: to the guest, and those that it lends to it; or NULL
                                 */
        const char *const *files; /* that it reads, up to a NULL; those that do not exist are left out */
} SshSandbox;

/* The same for a process that is about to become ssh. -EUSERS as above. */
int sandbox_enter_ssh(const SshSandbox *s);

typedef struct ToolSandbox {
        const char *point;
        const char *program;
        const char *directory;      /* the only one in which it may make anything: sockets */
        const char *const *sockets; /* that it talks to, up to a NULL; NULL: none */
        const char *const *texts;   /* files that it finds: path and content in turn, up to a NULL */
} ToolSandbox;

/* The same for a process that has a mount namespace of its own already, and is or becomes `program`. Makes
 * both directories. */
int sandbox_enter_tool(const ToolSandbox *s);

/* What the second wall does not do on this kernel, as a sentence; NULL if it is complete. */
const char *sandbox_shortcoming(void);

/* Tries in a child process what both need. 0, -EUSERS, other negative errno. */
int sandbox_try(void);
