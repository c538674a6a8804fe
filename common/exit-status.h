/* Exit codes of `claude-vm-helper run` beside the agent's own status. The numbers are those of sysexits.h
 * where one fits. */
#pragma once

enum {
        EXIT_QEMU_FAILED = 70,   /* QEMU did not start, crashed or was killed */
        EXIT_SHARE_FAILED = 74,  /* a virtiofsd died below a running VM */
        EXIT_BOOT_TIMEOUT = 75,  /* the guest did not say READY=1 */
        EXIT_CONFIGURATION = 78, /* no such project, or a bad one, or no guest image */
};
