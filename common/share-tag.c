#include "common/share-tag.h"

#include <string.h>

#include "common/drop-in.h"
#include "common/user-config.h"

bool share_tag_is_valid(const char *s, size_t size) {
        return size > 0 && size <= SHARE_TAG_MAX && s[0] >= 'a' && s[0] <= 'z' &&
                        strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789_") >= size;
}

bool share_tag_is_reserved(const char *tag) {
        return strcmp(tag, "work") == 0 || strcmp(tag, "home") == 0 || strcmp(tag, "nix_store") == 0 ||
                        strcmp(tag, GIT_SHARE) == 0 || strcmp(tag, USER_CONFIG_TAG) == 0;
}
