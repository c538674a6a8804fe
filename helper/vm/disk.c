/* The VM's disk. The guest formats it, repairs it and decides whether it can be used; the host hands it
 * over, and has a sentence for each word that the guest says of it. */

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/strjoin.h"
#include "common/vm-name.h"
#include "helper/host/disk.h"
#include "helper/log.h"
#include "helper/vm/vm.h"

/* What guest/debian/initrd-disk says, the gravest last; `verb` is the remedy, one of claude-run disk. */
struct DiskNote {
        const char *word, *sentence, *verb;
};

static const struct DiskNote notes[] = {
        { "new-image", "The guest image is another one, so the VM begins with its packages: what was installed before is in /var/lib/claude-vm/previous, and data and caches are as they were",
                        NULL },
        { "old-image", "The guest image is the one before again, and so is what was installed on it", NULL },
        { "repaired", "The disk was damaged, and the guest has repaired its file system", NULL },
        { "full", "The disk is full, so the VM can install and cache nothing more: remove something in it, or write a larger Disk=",
                        NULL },
        { "damaged", "The disk is damaged, so the VM runs without it and its changes end with it; to begin with an empty one",
                        "reset" },
};

static bool has_disk(const Parameters *p) {
        return setting_number(p->values, SETTING_DISK) > 0 && vm_name_is_project(p->id);
}

static void say_unable(const Parameters *p, const GuestImage *image) {
        bool private = setting_value(p->values, SETTING_PRIVATE);

        if (has_disk(p) || private)
                log_message(LOG_NOTICE,
                                "The guest image '%s' cannot use a disk, so changes to its system end with the VM%s; newer Debian images can: claude-vm-mkguest",
                                image->directory,
                                private ? ", and the directories of Private= are the project's own" : "");
}

int vm_disk_begin(Vm *vm, const GuestImage *image, char **ret_why) {
        const Parameters *p = vm->parameters;
        uint64_t asked = setting_number(p->values, SETTING_DISK), size = 0;
        int r;

        if (!image->disk_key)
                say_unable(p, image);
        if (!image->disk_key || !has_disk(p))
                return 0;
        r = disk_open(vm->config->data_home, p->id, asked, &size, ret_why);
        if (r < 0)
                return r;
        vm->disk_fd = r;
        vm->facts.has_disk = true;
        if (size > asked)
                log_message(LOG_NOTICE,
                                "The disk has %" PRIu64
                                " MiB and stays so, although Disk= is smaller; for a smaller one: claude-run disk %s reset",
                                size, p->id);
        return 0;
}

char *vm_disk_note(const Vm *vm) {
        const struct DiskNote *note = vm->disk_note;

        if (!note)
                return NULL;
        return note->verb ? strjoin(note->sentence, ": claude-run disk ", vm->parameters->id, " ",
                                            note->verb, NULL)
                          : strdup(note->sentence);
}

void vm_disk_say(Vm *vm, const char *word) {
        const struct DiskNote *last = vm->disk_note;

        for (size_t i = 0; vm->disk_fd >= 0 && i < ELEMENTSOF(notes); i++) {
                _cleanup_free_ char *sentence = NULL;

                if (strcmp(word, notes[i].word) != 0 || (last && &notes[i] <= last))
                        continue;
                vm->disk_note = &notes[i];
                sentence = vm_disk_note(vm);
                log_message(LOG_NOTICE, "%s", sentence ?: "");
        }
}

void vm_disk_failed(Vm *vm, const char *reason) {
        if (vm->disk_failed)
                return;
        vm->disk_failed = true;
        log_message(LOG_ERR,
                        "The VM's disk could not be read or written: %s. If the host's file system is full, make room and restart the VM",
                        reason);
}
