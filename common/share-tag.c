#include "common/share-tag.h"

#include <string.h>

bool share_tag_is_valid(const char *s, size_t size) {
        return size > 0 && size <= SHARE_TAG_MAX && s[0] >= 'a' && s[0] <= 'z' &&
                        strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789_") >= size;
}
