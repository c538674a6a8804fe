/* A `.git/config` that a guest has written: each setting has a section and a key, and no part of it is
 * longer than the file. A NUL in a subsection ends the name, as it does in git. */

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "helper/changes/git-config.h"
#include "tests/fuzz/text.h"

typedef struct Input {
        size_t size;
        bool has_nul;
} Input;

static int check(void *userdata, const char *name, const char *value) {
        const Input *input = userdata;
        const char *key = strrchr(name, '.');

        (void) git_config_is_command(name, value);
        if (strlen(name) > input->size + 3 || (value && strlen(value) > input->size))
                abort();
        if (input->has_nul)
                return 0;
        if (!key || key == name || !isalpha((unsigned char) key[1]))
                abort();
        for (const char *c = key + 1; *c; c++)
                if (!isalnum((unsigned char) *c) && *c != '-')
                        abort();
        return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
        /* without the NUL, so that a read behind the end is seen */
        char *text = malloc(size ?: 1);
        Input input = { size, memchr(data, '\0', size) };
        int r;

        if (!text)
                return 0;
        memcpy(text, data, size);
        r = git_config_parse(text, size, check, &input);
        if (r != 0 && r != -EBADMSG)
                abort();
        free(text);
        return 0;
}
