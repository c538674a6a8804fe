/* The phases of a VM's start: what happened when, and how that is drawn. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

/* In the order in which they come. */
typedef enum BootEvent {
        BOOT_BEGINS,    /* systemd starts the VM's network */
        BOOT_HELPER,    /* and the VM's helper */
        BOOT_QEMU,      /* QEMU asks for the first share */
        BOOT_KERNEL,    /* the guest's clock begins */
        BOOT_USERSPACE, /* the guest's systemd runs */
        BOOT_READY,
        BOOT_DRAWN, /* the agent's first frame */
        N_BOOT_EVENTS,
} BootEvent;

typedef struct BootTimes {
        uint64_t at[N_BOOT_EVENTS]; /* µs of CLOCK_MONOTONIC; 0: not known, or not yet */
        uint64_t failed;            /* the same, of a start that failed before it was ready */
        uint64_t wall;              /* of BOOT_BEGINS, µs of CLOCK_REALTIME */
} BootTimes;

typedef struct BootPhase {
        const char *name;
        uint64_t begin, end; /* µs since BOOT_BEGINS */
} BootPhase;

/* Takes "Startup finished in 8.359s (kernel) + 3.269s (userspace) = 11.628s." of the guest's systemd, which
 * said so at `when`. What does not fit between QEMU's start and READY is not believed, so the host's own
 * events must be known by now. */
void boot_times_take_startup(BootTimes *times, const char *line, uint64_t when);

/* Fills `ret` and returns how many there are. An event that is not known, or earlier than the one before it,
 * begins no phase. */
unsigned boot_phases(const BootTimes *times, BootPhase ret[static N_BOOT_EVENTS]);

/* One line for people: when, and how long to READY and the first frame. */
void boot_print_summary(const BootTimes *times, const char *name, FILE *f);

/* A bar a phase, 80 columns. */
void boot_print_bars(const BootTimes *times, FILE *f);

/* The same as a picture, SVG 1.1. */
void boot_print_svg(const BootTimes *times, const char *name, FILE *f);
