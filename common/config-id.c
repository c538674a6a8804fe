/* The content, not the time of the last change: an editor, a package or a restored backup may leave any time
 * on a file. SHA-1 is enough, because only this user or root may write an ini: who could make a second file
 * of the same hash may write the first one anyway. libuuid has it, so nothing new is linked. */

#include "common/config-id.h"

#include <stdio.h>
#include <string.h>
#include <uuid.h>

UUID_DEFINE(namespace, 0x3e, 0x1b, 0x8a, 0x54, 0x0d, 0x2f, 0x4b, 0x63, 0x9c, 0x77, 0x51, 0x6e, 0xa2, 0x0c,
                0xd8, 0x49);

void config_id_of(const char *text, size_t size, char ret[static CONFIG_ID_SIZE]) {
        char text_of_uuid[37];
        uuid_t uuid;

        uuid_generate_sha1(uuid, namespace, text, size);
        uuid_unparse_lower(uuid, text_of_uuid);
        snprintf(ret, CONFIG_ID_SIZE, "%s-%zu", text_of_uuid, size);
}
