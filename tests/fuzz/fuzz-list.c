/* The list of projects that claude-run reads: whatever it says, an entry names a unit, a user's directory
 * and an ini, and says nothing to a terminal. */

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/printable.h"
#include "common/vm-name.h"
#include "helper/host/projects.h"

static void check(const ProjectEntry *e) {
        if (e->error) {
                if (!vm_name_is_project(e->name) || e->ini[0] != '/' || printable_check(e->ini) ||
                                printable_check(e->error) ||
                                (e->work_directory && printable_check(e->work_directory)))
                        abort();
                return;
        }
        if (!vm_name_is_project(e->name) || !vm_name_is_uuid(e->uuid) || e->work_directory[0] != '/' ||
                        e->ini[0] != '/' || printable_check(e->work_directory) || printable_check(e->ini))
                abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        char *text = strndup((const char *) data, size);
        sd_json_variant *array = NULL;
        ProjectEntries e;

        if (text && generator_json_parse(text, &array) == 0 && project_entries_parse(array, &e) == 0) {
                for (size_t i = 0; i < e.n; i++)
                        check(&e.items[i]);
                project_entries_done(&e);
        }
        sd_json_variant_unref(array);
        free(text);
        return 0;
}
