#include "helper/claude-run/ini-origin.h"

#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/strv.h"
#include "helper/claude-run/fail.h"
#include "helper/claude-run/memory.h"
#include "helper/claude-run/say.h"

void ini_origin_print(FILE *f, char ***lines, const char *origin, const char *text) {
        fputs(text, f);
        for (; (text = strchr(text, '\n')); text++)
                memory_need(strv_append(lines, origin) >= 0);
}

/* `PATH:LINE: ` or `PATH: `, which is cut off; 0: no line. NULL: the message is about another file. */
static const char *cut_place(const IniOrigin *o, const char *message, unsigned long *ret_line) {
        size_t n = strlen(o->path);
        char *end;

        if (strncmp(message, o->path, n) != 0 || message[n] != ':')
                return NULL;
        message += n + 1;
        *ret_line = strtoul(message, &end, 10);
        if (end > message && end[0] == ':' && end[1] == ' ')
                return end + 2;
        *ret_line = 0;
        return message + strspn(message, " ");
}

static const char *find(const IniOrigin *o, unsigned long line) {
        if (line == 0 || !o->lines)
                return o->as ? INI_ORIGIN_FILE : INI_ORIGIN_CALL;
        return line <= strv_length(o->lines) ? o->lines[line - 1] : INI_ORIGIN_CALL;
}

static void say_one(const IniOrigin *o, const char *message) {
        unsigned long line = 0;
        const char *text = cut_place(o, message, &line), *origin = find(o, line);

        if (!text)
                say_line(stderr, "%s", message);
        else if (strcmp(origin, INI_ORIGIN_CALL) == 0)
                fail(0, "%s", text);
        else if (strcmp(origin, INI_ORIGIN_FILE) != 0)
                fail(0, "--%s: %s", origin, text);
        else if (line > 0)
                say_line(stderr, "%s:%lu: %s", o->as, line, text);
        else
                say_line(stderr, "%s: %s", o->as, text);
}

void ini_origin_say(const IniOrigin *o, char *messages) {
        for (char *line; (line = strsep(&messages, "\n"));)
                if (line[0])
                        say_one(o, line);
}
