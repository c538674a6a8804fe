#include "helper/vm/guest-notify.h"

#include <string.h>

#include "common/printable.h"

#define STATUS_MAX 200

/* "0" to "255", nothing around it; -1 for anything else. */
static int parse_status(const char *s) {
        size_t n = strlen(s);
        int number = 0;

        if (n < 1 || n > 3 || strspn(s, "0123456789") != n)
                return -1;
        for (; *s; s++)
                number = 10 * number + (*s - '0');
        return number <= 255 ? number : -1;
}

GuestMessage guest_notify_parse(char *line) {
        GuestMessage m = { .word = GUEST_UNKNOWN };

        if (strcmp(line, "READY=1") == 0)
                m.word = GUEST_READY;
        else if (strcmp(line, "DRAWN=1") == 0)
                m.word = GUEST_DRAWN;
        else if (strcmp(line, "AGENT=working") == 0 || strcmp(line, "AGENT=waiting") == 0) {
                m.word = GUEST_AGENT;
                m.number = line[strlen("AGENT=w")] == 'a';
        } else if (strcmp(line, "IDLE=0") == 0 || strcmp(line, "IDLE=1") == 0) {
                m.word = GUEST_IDLE;
                m.number = line[strlen("IDLE=")] - '0';
        } else if (strncmp(line, "STATUS=", strlen("STATUS=")) == 0) {
                m.word = GUEST_STATUS;
                printable_cut(line + strlen("STATUS="), STATUS_MAX);
                m.text = line + strlen("STATUS=");
        } else if (strncmp(line, "EXIT_STATUS=", strlen("EXIT_STATUS=")) == 0) {
                m.number = parse_status(line + strlen("EXIT_STATUS="));
                if (m.number >= 0)
                        m.word = GUEST_EXIT_STATUS;
        } else if (strncmp(line, "DISK=", strlen("DISK=")) == 0) {
                m.word = GUEST_DISK;
                m.text = line + strlen("DISK=");
        } else if (strcmp(line, "SETUP=begin") == 0) {
                m.word = GUEST_SETUP;
                m.number = -1;
        } else if (strncmp(line, "SETUP=", strlen("SETUP=")) == 0) {
                m.number = parse_status(line + strlen("SETUP="));
                if (m.number >= 0)
                        m.word = GUEST_SETUP;
        }
        return m;
}
