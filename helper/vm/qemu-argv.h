/* Builds QEMU's command line from its configuration, and from nothing else. */
#pragma once

#include <stdbool.h>

#include "helper/host/guest-image.h"
#include "helper/parameters.h"

/* A file of opt/io.systemd.credentials/NAME in the guest. */
typedef struct GuestCredential {
        const char *name;
        int fd; /* inherited by QEMU */
} GuestCredential;

typedef struct QemuConfig {
        const char *qemu; /* absolute path */
        const Parameters *parameters;
        const GuestImage *image;
        const char *socket_dir; /* of the shares' sockets: SOCKET_DIR/ID:TAG.sock */
        bool kvm;
        unsigned tsc_khz; /* 0: the guest measures it */
        /* our ends of socket pairs, inherited by QEMU */
        int qmp_fd, notify_fd, control_fd, console_fd;
        int tap_fd; /* of the VM's network, inherited by QEMU */
        const GuestCredential *credentials;
        unsigned n_credentials;
        int dev_shell_fd; /* a file of whole sectors, inherited by QEMU; negative: none */
        bool incoming;    /* the guest's memory comes by its monitor */
        int disk_fd;      /* a file that QEMU reads and writes, inherited and locked; negative: none */
} QemuConfig;

/* 0 and an owned vector, or -ENOMEM. The image's architecture has the machine that the parameters name. */
int qemu_argv(const QemuConfig *config, char ***ret);
