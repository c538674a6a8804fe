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
        bool resolver;         /* its user network asks the name servers of /etc/resolv.conf */
} QemuSandbox;

/* Like fork(), with the namespaces of the sandbox for the child, which calls sandbox_enter_qemu(). -EUSERS:
 * this user may not have them; other negative errno. */
pid_t sandbox_fork_qemu(void);

/* For the child, before execv(): a root directory with what QEMU needs and nothing else, and Landlock, as
 * far as the kernel knows it. 0; negative errno: the sandbox is not complete, and QEMU must not run. */
int sandbox_enter_qemu(const QemuSandbox *s);

typedef struct SshSandbox {
        const char *point;
        const char *ssh, *helper;   /* programs */
        const char *directory;      /* the only one in which it may make anything: its control socket */
        const char *qemu_directory; /* where QEMU's socket may be */
        const char *const *files;   /* that it reads, up to a NULL; those that do not exist are left out */
} SshSandbox;

/* The same for a process that is about to become ssh. -EUSERS as above. */
int sandbox_enter_ssh(const SshSandbox *s);

/* What the second wall does not do on this kernel, as a sentence; NULL if it is complete. */
const char *sandbox_shortcoming(void);

/* Tries in a child process what both need. 0, -EUSERS, other negative errno. */
int sandbox_try(void);
