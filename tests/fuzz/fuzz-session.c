/* A file of a VM's runtime directory that outlives the process that wrote it: its forwarded ports. A list
 * that is read, written and read again is the same. */

#include <stdlib.h>
#include <string.h>

#include "helper/ssh/ports.h"
#include "tests/fuzz/text.h"

static void check_same(const PortEntry *a, const PortEntry *b) {
        if (a->reverse != b->reverse || a->from_ini != b->from_ini ||
                        strcmp(a->forward.address, b->forward.address) != 0 ||
                        a->forward.host_port != b->forward.host_port ||
                        a->forward.guest_port != b->forward.guest_port)
                abort();
}

static void check_list(char *text) {
        static PortList list, again;
        static char printed[PORTS_MAX * PORTS_LINE_MAX];
        char argument[PORT_FORWARD_TEXT_MAX + 16];

        if (ports_parse(text, &list) < 0)
                return;
        if (ports_print(&list, printed) >= sizeof(printed))
                abort();
        if (list.n > 0 && (ports_parse(printed, &again) < 0 || again.n != list.n))
                abort();
        for (size_t i = 0; i < list.n; i++) {
                check_same(&list.items[i], &again.items[i]);
                ports_print_entry(&list.items[i], argument);
                /* an argument of ssh: one word, and no option */
                if (argument[0] == '-' || strpbrk(argument, " \t\n"))
                        abort();
        }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        char *text = text_of(data, size);

        if (!text)
                return 0;
        check_list(text);
        free(text);
        return 0;
}
