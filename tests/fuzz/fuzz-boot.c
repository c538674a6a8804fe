/* What a guest's systemd says of its start: the phases follow each other, whatever it says. */

#include <stdint.h>
#include <stdlib.h>

#include "common/usec.h"
#include "helper/claude-run/boot-phases.h"
#include "tests/fuzz/text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        BootTimes times = { .at = { [BOOT_BEGINS] = SEC, [BOOT_QEMU] = 2 * SEC, [BOOT_READY] = 60 * SEC } };
        char *line = text_of(data, size);
        BootPhase list[N_BOOT_EVENTS];
        uint64_t last = 0;
        unsigned n;

        if (!line)
                return 0;
        boot_times_take_startup(&times, line, 61 * SEC);
        n = boot_phases(&times, list);
        for (unsigned i = 0; i < n; i++) {
                if (list[i].begin != last || list[i].end < list[i].begin || list[i].end > 59 * SEC)
                        abort();
                last = list[i].end;
        }
        free(line);
        return 0;
}
