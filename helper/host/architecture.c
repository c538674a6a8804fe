/* What differs between the architectures is a row here, so that the rest of the code asks no processor for
 * its name. A guest of another architecture than the host's runs under emulation. */

#include "helper/host/architecture.h"

#include <stddef.h>
#include <string.h>

#include "common/cleanup.h"
#include "config.h"

static const Architecture architectures[] = {
        {
                        .name = "x86_64",
                        .package = "qemu-system-x86",
                        .machines = {
                                        /* microvm has next to no legacy devices; its virtio devices are on PCI,
                                         * which the distributions' kernels have built in. rtc: the guest's
                                         * clock. With SeaBIOS, its default, it hangs under TCG. */
                                        { "microvm", "microvm,pcie=on,rtc=on", "qboot.rom" },
                                        { "q35", "q35", NULL },
                        },
                        .tcg_cpu = "max",
                        .cpu_without_vms = ",vmx=off,svm=off",
                        /* microvm cannot reset by ACPI: a triple fault ends it */
                        .kernel_words = "reboot=t ",
                        .has_tsc = true,
        },
        {
                        .name = "aarch64",
                        .package = "qemu-system-arm",
                        /* QEMU starts the kernel itself, which finds the devices in the device tree. gic-version
                         * max: 3 under TCG, the host's own with KVM; the default of QEMU has room for 8 CPUs. */
                        .machines = { { "virt", "virt,gic-version=max", NULL } },
                        /* The real algorithm of pointer authentication costs more than all else under TCG. */
                        .tcg_cpu = "max,pauth-impdef=on",
                        /* EL2 is an option of the machine, and off */
                        .cpu_without_vms = "",
                        .kernel_words = "",
        },
};

const Architecture *architecture_find(const char *name) {
        for (size_t i = 0; i < ELEMENTSOF(architectures); i++)
                if (strcmp(architectures[i].name, name) == 0)
                        return architectures + i;
        return NULL;
}

/* meson refuses to build for another. */
const Architecture *architecture_of_host(void) {
        return architecture_find(HOST_ARCHITECTURE);
}

const MachineType *architecture_machine(const Architecture *architecture, const char *word) {
        if (strcmp(word, "auto") == 0)
                return architecture->machines;
        for (size_t i = 0; i < ELEMENTSOF(architecture->machines); i++)
                if (architecture->machines[i].word && strcmp(architecture->machines[i].word, word) == 0)
                        return architecture->machines + i;
        return NULL;
}
