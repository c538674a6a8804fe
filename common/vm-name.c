#include "common/vm-name.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "common/strjoin.h"

#define DIGITS "0123456789"
#define LETTERS "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

bool vm_name_is_uuid(const char *s) {
        for (size_t i = 0; i < 36; i++) {
                bool dash = i == 8 || i == 13 || i == 18 || i == 23;

                if (dash ? s[i] != '-' : !isxdigit((unsigned char) s[i]))
                        return false;
        }
        return s[36] == '\0';
}

bool vm_name_is_project(const char *s) {
        size_t length = strlen(s);

        return length > 0 && length <= VM_NAME_MAX && s[0] != '-' && s[0] != '.' &&
                        strspn(s, LETTERS DIGITS "_.-") == length && !vm_name_is_uuid(s) &&
                        strncmp(s, "claude-vm.", strlen("claude-vm.")) != 0 &&
                        strcmp(s, VM_NAME_DEFAULTS) != 0;
}

bool vm_name_is_id(const char *s) {
        return vm_name_is_project(s) || (vm_name_is_uuid(s) && s[strcspn(s, "ABCDEF")] == '\0');
}

char *vm_unit_name(const char *id) {
        return strjoin("claude-vm@", id, ".service", NULL);
}

char *vm_name_of_unit(const char *unit) {
        const char *at = strchr(unit, '@');
        size_t n = at ? strlen(at + 1) : 0, suffix = strlen(".service");
        char *id = NULL;

        /* a name may have the suffix in it */
        if (n > suffix && strcmp(at + 1 + n - suffix, ".service") == 0)
                id = strndup(at + 1, n - suffix);
        if (id && !vm_name_is_id(id)) {
                free(id);
                return NULL;
        }
        return id;
}
