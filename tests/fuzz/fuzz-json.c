/* Files in JSON that somebody else wrote: guest.json of an image, and settings.json of the user's own agent,
 * which a guest may have had a hand in. */

#include <errno.h>
#include <stdint.h>
#include <string.h>

#include "common/printable.h"
#include "helper/host/guest-image.h"
#include "helper/vm/claude-settings.h"
#include "tests/fuzz/directory.h"

/* An image says one line to QEMU's command line, and names that a person reads. */
static void check_image(const char *directory) {
        GuestImage *image = NULL;
        char *why = NULL;

        if (guest_image_find(directory, "claude", "/nonexistent", &image, &why) < 0) {
                if (why && printable_check(why))
                        abort();
        } else if (printable_check(image->agents) || (image->disk_key && printable_check(image->disk_key)) ||
                        strchr(image->cmdline, '\n'))
                abort();
        guest_image_free(image);
        free(why);
}

static void check_settings(const char *directory) {
        static const char *const kept_from_the_guest[] = {
                "\"hooks\":", "\"apiKeyHelper\":", "\"env\":", "\"awsAuthRefresh\":", "\"statusLine\":"
        };
        char *text = NULL;

        if (claude_settings_read(directory, &text) < 0)
                return;
        if (text[0] != '{')
                abort();
        for (size_t i = 0; i < ELEMENTSOF(kept_from_the_guest); i++)
                if (strncmp(text + 1, kept_from_the_guest[i], strlen(kept_from_the_guest[i])) == 0)
                        abort();
        free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        static char path[] = "/tmp/fuzz-json.XXXXXX";
        static int directory = -1;

        if (directory < 0) {
                directory = directory_new(path);
                directory_write(directory, "kernel", "k", 1);
                directory_write(directory, "initrd", "i", 1);
                directory_write(directory, "root.erofs", "r", 1);
                directory_write(directory, "cmdline", "quiet\n", 6);
        }
        directory_write(directory, "guest.json", data, size);
        check_image(path);
        directory_write(directory, "settings.json", data, size);
        check_settings(path);
        return 0;
}
