/* inih splits lines into section, key and value. This reader keeps from it all that it
 * would silently misread. Its line buffer has 200 bytes, and a longer line
 * comes in two pieces, the second of which may look like another key; ` ;` cuts a
 * value; an indented line repeats the key before it; `:` separates like `=`. So our
 * reader checks each line as it is in the file and hands inih a short one with the
 * value replaced by nothing; the handler gets the value from the reader, whole. */

#include "generator/config-file.h"

#include <errno.h>
#include <ini.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/printable.h"
#include "common/trusted-file.h"

#define BLANK " \t"
#define SECTION_MAX 40
#define KEY_MAX 128
#define MARK "\xEF\xBB\xBF" /* editors of other systems begin a text in UTF-8 with it */

typedef struct Reader {
        const char *next, *end; /* not yet read */
        unsigned line;
        bool bare_keys;                  /* the section takes NAME without a value */
        bool is_foreign;                 /* the section is [X-…], which is not for us */
        char value[CONFIG_LINE_MAX + 1]; /* of the line that inih is reading */
        Messages *messages;
        config_file_handler handler;
        void *userdata;
} Reader;

static bool is_blank(char c) {
        return c == ' ' || c == '\t';
}

static bool is_key(const char *s, size_t size) {
        if (size == 0 || size > KEY_MAX)
                return false;
        for (size_t i = 0; i < size; i++)
                if (!((s[i] >= 'A' && s[i] <= 'Z') || (s[i] >= 'a' && s[i] <= 'z') || s[i] == '_' ||
                                    (s[i] >= '0' && s[i] <= '9')))
                        return false;
        return true;
}

/* Reads `[section]`: `ret` gets it for inih, or stays empty if it is wrong. */
static void read_section(Reader *r, const char *line, char *ret) {
        size_t size = strlen(line);

        r->is_foreign = strncmp(line, "[X-", 3) == 0;
        r->bare_keys = strcmp(line, "[Credentials]") == 0;
        /* inih sees nothing of it */
        if (r->is_foreign && line[size - 1] == ']')
                return;
        if (size > SECTION_MAX || line[size - 1] != ']' || strpbrk(line, "; \t") || strchr(line + 1, '[') ||
                        strchr(line, ']') < line + size - 1)
                messages_error(r->messages, r->line, "'%.60s' is not a section: write [Name]", line);
        else
                strcpy(ret, line);
}

/* `key=value`: inih sees `key=`, the handler gets the value. */
static void read_assignment(Reader *r, const char *line, char *ret) {
        const char *equals = strchr(line, '=');
        size_t size = 0;

        if (!equals && r->bare_keys)
                equals = line + strlen(line);
        if (!equals) {
                messages_error(r->messages, r->line, "'%.60s' is not an assignment: write Key=value", line);
                return;
        }
        size = (size_t) (equals - line);
        while (size > 0 && is_blank(line[size - 1]))
                size--;
        /* X-… is not for us, as in a unit */
        if (size > 2 && memcmp(line, "X-", 2) == 0)
                return;
        if (!is_key(line, size)) {
                messages_error(r->messages, r->line,
                                "'%.*s' is not a valid key: use letters, digits and '_' only",
                                (int) (size > 60 ? 60 : size), line);
                return;
        }
        strcpy(r->value, *equals ? equals + 1 + strspn(equals + 1, BLANK) : "");
        memcpy(ret, line, size);
        strcpy(ret + size, "=");
}

/* Reads one line of the file without its end. `ret` gets the line for inih, empty if inih needs none. */
static void read_line(Reader *r, const char *start, size_t size, char *ret) {
        char line[CONFIG_LINE_MAX + 1];
        const char *bad;

        ret[0] = '\0';
        if (size > CONFIG_LINE_MAX) {
                messages_error(r->messages, r->line, "the line has more than %u bytes", CONFIG_LINE_MAX);
                return;
        }
        if (size > 0 && start[size - 1] == '\r')
                size--;
        bad = memchr(start, '\0', size) ? "a NUL byte" : printable_check_line(start, size);
        if (bad) {
                messages_error(r->messages, r->line, "the line has %s: remove it", bad);
                return;
        }
        while (size > 0 && is_blank(start[size - 1]))
                size--;
        memcpy(line, start, size);
        line[size] = '\0';

        if (line[strspn(line, BLANK)] == '\0' || strchr("#;", line[strspn(line, BLANK)]) ||
                        (r->is_foreign && line[0] != '['))
                return;
        if (is_blank(line[0]))
                messages_error(r->messages, r->line,
                                "the line is indented, but a value ends with its line: start with the key");
        else if (line[0] == '[')
                read_section(r, line, ret);
        else
                read_assignment(r, line, ret);
}

/* inih's fgets(). Its buffer of 200 bytes holds all that the functions above let through. */
static char *reader_fgets(char *buffer, int size, void *stream) {
        Reader *r = stream;
        const char *newline;
        size_t length;

        if (r->next >= r->end || size < KEY_MAX + 8)
                return NULL;
        newline = memchr(r->next, '\n', (size_t) (r->end - r->next));
        length = (size_t) ((newline ? newline : r->end) - r->next);
        r->line++;
        read_line(r, r->next, length, buffer);
        r->next += length + 1;
        strcat(buffer, "\n");
        return buffer;
}

static int reader_handler(void *userdata, const char *section, const char *key, const char *value) {
        Reader *r = userdata;

        r->handler(r->userdata, section, key, r->value, r->line);
        return 1;
}

void config_file_parse(
                const char *text, size_t size, Messages *m, config_file_handler handler, void *userdata) {
        /* not with an initializer, which would clear `value` for each file */
        Reader r;

        r.next = text;
        r.end = text + size;
        if (size >= strlen(MARK) && memcmp(text, MARK, strlen(MARK)) == 0)
                r.next += strlen(MARK);
        r.line = 0;
        r.bare_keys = false;
        r.is_foreign = false;
        r.messages = m;
        r.handler = handler;
        r.userdata = userdata;

        (void) ini_parse_stream(reader_fgets, &r, reader_handler, &r);
}

int config_file_read(int dir_fd, const char *name, Messages *m, config_file_handler handler, void *userdata,
                ConfigFile *ret_file) {
        char why[TRUSTED_FILE_WHY_MAX];
        _cleanup_free_ char *text = NULL;
        uid_t owner = 0;
        size_t size;
        int r = trusted_file_read(dir_fd, name, CONFIG_FILE_MAX, &text, &size, &owner, why);

        if (r < 0 && r != -ENOENT && r != -ENOMEM)
                messages_error(m, 0, "%s", why);
        if (r != 0)
                return r;
        ret_file->is_own = owner == getuid();
        config_id_of(text, size, ret_file->id);
        config_file_parse(text, size, m, handler, userdata);
        return 0;
}
