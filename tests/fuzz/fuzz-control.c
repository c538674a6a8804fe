/* The socket `control` of the helper, and the instance names of the units of shares: what comes out is a
 * tag, a name of a VM and a sentence, whatever went in. */

#include <stdlib.h>
#include <string.h>

#include "helper/share/control-message.h"
#include "helper/share/virtiofsd.h"
#include "tests/fuzz/text.h"

#define TAG "abcdefghijklmnopqrstuvwxyz0123456789_"
#define WORDS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789 "

static void check(const char *s, size_t max, const char *alphabet) {
        if (strlen(s) > max || strspn(s, alphabet) != strlen(s))
                abort();
}

static void check_message(const char *text) {
        ControlMessage m = control_message_parse(text);

        if (m.word == CONTROL_UNKNOWN || m.word == CONTROL_SUSPEND)
                return;
        check(m.tag, SHARE_TAG_MAX, TAG);
        check(m.result, SHARE_RESULT_MAX, WORDS);
        if (!m.tag[0] || !m.result[0] != (m.word == CONTROL_SHARE_STARTED))
                abort();
}

static void check_instance(const char *text) {
        char id[VM_NAME_MAX + 1];
        const char *tag = share_split_instance(text, id);

        if (!tag)
                return;
        check(tag, SHARE_TAG_MAX, TAG);
        /* both are put into paths */
        if (!vm_name_is_id(id) || strpbrk(id, "/:") || strcmp(id, "..") == 0)
                abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        char *text = text_of(data, size);

        if (!text)
                return 0;
        check_message(text);
        check_instance(text);
        free(text);
        return 0;
}
