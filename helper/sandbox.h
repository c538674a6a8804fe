/* What the programs that face a guest may see of this machine, beyond what their units say. */
#pragma once

#include <stdbool.h>

typedef struct QemuSandbox {
        const char *qemu;        /* its program, which is outside $HOME */
        const char *home;        /* covered; NULL: there is none */
        const char *runtime_dir; /* $XDG_RUNTIME_DIR, covered but for the next two, which are in it */
        const char *directory;   /* of the VM; the only one that can be written */
        const char *socket_dir;  /* of the shares */
        const char *image;       /* directory of the guest image */
        const char *files[3];    /* of the image that QEMU opens: they may be links out of it */
} QemuSandbox;

/* For the child between fork() and execv(). Covers the home and the runtime directory in a mount namespace,
 * where the kernel lets an unprivileged user make one (else says so on standard error and goes on), and
 * restricts what can be opened with Landlock, as far as the kernel knows it. 0; negative errno: the sandbox
 * is not what it has to be, and QEMU must not be run. */
int sandbox_enter_qemu(const QemuSandbox *s);

/* For an ssh that is to be run: files of the system, and what is in `directory`, of the VM. The same
 * results. */
int sandbox_enter_ssh(const char *directory);
