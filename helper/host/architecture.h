/* The architectures that guests are of: what a VM of each is made of. */
#pragma once

#include <stdbool.h>

/* One kind of QEMU's machines. */
typedef struct MachineType {
        const char *word;     /* of Machine= */
        const char *machine;  /* of -M */
        const char *firmware; /* of -bios; NULL: none is needed, or QEMU's default is right */
} MachineType;

typedef struct Architecture {
        const char *name;            /* in guest.json, and the end of qemu-system-NAME */
        const char *package;         /* of Debian, with that QEMU */
        MachineType machines[2];     /* the first is Machine=auto; a shorter list ends with an empty one */
        const char *tcg_cpu;         /* of -cpu, under emulation */
        const char *cpu_without_vms; /* after that of -cpu; empty: QEMU hides what VMs need by itself */
        const char *kernel_words;    /* with a blank at the end, or empty */
        bool has_tsc;                /* its clock is a counter whose frequency the kernel must find out */
} Architecture;

/* Returns NULL for an architecture that we cannot run. */
const Architecture *architecture_find(const char *name);

/* That of this machine. */
const Architecture *architecture_of_host(void);

/* The machine that Machine= means for a guest of this architecture; NULL if it has none of this name. */
const MachineType *architecture_machine(const Architecture *architecture, const char *word);
