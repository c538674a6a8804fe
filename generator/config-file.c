/* inih splits lines into section, key and value; everything that it would get
 * silently wrong is kept from it. Its line buffer has 200 bytes and a longer line
 * comes in two pieces, the second of which may look like another key; ` ;` cuts a
 * value; an indented line repeats the key before it; `:` separates like `=`. So our
 * reader checks each line as it is in the file and hands inih a short one with the
 * value replaced by nothing; the handler gets the value from the reader, whole. */

#include "config-file.h"

#include <errno.h>
#include <fcntl.h>
#include <ini.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cleanup.h"

#define BLANK " \t"
#define SECTION_MAX 40
#define KEY_MAX 128

typedef struct Reader {
        const char *next, *end; /* what is still to be read */
        unsigned line;
        bool bare_keys;                  /* the section takes NAME without a value */
        char value[CONFIG_LINE_MAX + 1]; /* of the line that inih has now */
        Messages *messages;
        config_file_handler handler;
        void *userdata;
} Reader;

/* The length of the UTF-8 sequence at `s`, 0 if it is none that a text may have. */
static size_t utf8_sequence(const unsigned char *s, size_t size) {
        size_t n = s[0] < 0x80 ? 1 : (s[0] & 0xE0) == 0xC0 ? 2 : (s[0] & 0xF0) == 0xE0 ? 3 : 4;
        static const unsigned first_value[] = { 0, 0, 0x80, 0x800, 0x10000 };
        unsigned c = n == 1 ? s[0] : s[0] & (0x7FU >> n);

        if (n > size || (n == 4 && (s[0] & 0xF8) != 0xF0))
                return 0;
        for (size_t i = 1; i < n; i++) {
                if ((s[i] & 0xC0) != 0x80)
                        return 0;
                c = c << 6 | (s[i] & 0x3F);
        }
        return c < first_value[n] || c > 0x10FFFF || (c >= 0xD800 && c <= 0xDFFF) ? 0 : n;
}

static bool is_blank(char c) {
        return c == ' ' || c == '\t';
}

/* What no line may have, or NULL. */
static const char *bad_byte(const char *s, size_t size) {
        for (size_t i = 0, n; i < size; i += n) {
                unsigned char c = (unsigned char) s[i];

                n = 1;
                if (c >= 0x20 && c < 0x7F)
                        continue;
                if (c == '\0')
                        return "a NUL byte";
                if ((c < 0x20 && c != '\t') || c == 0x7F)
                        return "a control character";
                n = utf8_sequence((const unsigned char *) s + i, size - i);
                if (n == 0)
                        return "a byte that is not UTF-8";
                /* C1: some terminals take them for escape sequences */
                if (n == 2 && c == 0xC2 && (unsigned char) s[i + 1] < 0xA0)
                        return "a control character";
        }
        return NULL;
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

/* `[section]`: what inih is to see of it, or nothing. */
static void read_section(Reader *r, const char *line, char *ret) {
        size_t size = strlen(line);

        if (size > SECTION_MAX || line[size - 1] != ']' || strpbrk(line, "; \t") || strchr(line + 1, '['))
                messages_error(r->messages, r->line, "'%.60s' is no section: write [Name]", line);
        else
                strcpy(ret, line);
        r->bare_keys = strcmp(line, "[Credentials]") == 0;
}

/* `key=value`: inih sees `key=`, the handler gets the value. */
static void read_assignment(Reader *r, const char *line, char *ret) {
        const char *equals = strchr(line, '=');
        size_t size = 0;

        if (!equals && r->bare_keys)
                equals = line + strlen(line);
        if (!equals) {
                messages_error(r->messages, r->line, "'%.60s' is no assignment: write Key=value", line);
                return;
        }
        size = (size_t) (equals - line);
        while (size > 0 && is_blank(line[size - 1]))
                size--;
        if (!is_key(line, size)) {
                messages_error(r->messages, r->line, "'%.*s' is no key: letters, digits and '_' only",
                                (int) (size > 60 ? 60 : size), line);
                return;
        }
        strcpy(r->value, *equals ? equals + 1 + strspn(equals + 1, BLANK) : "");
        memcpy(ret, line, size);
        strcpy(ret + size, "=");
}

/* One line of the file, its end taken off; into `ret` goes the line for inih, empty if there is none. */
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
        bad = bad_byte(start, size);
        if (bad) {
                messages_error(r->messages, r->line, "the line has %s: remove it", bad);
                return;
        }
        while (size > 0 && is_blank(start[size - 1]))
                size--;
        memcpy(line, start, size);
        line[size] = '\0';

        if (line[strspn(line, BLANK)] == '\0' || strchr("#;", line[strspn(line, BLANK)]))
                return;
        if (is_blank(line[0]))
                messages_error(r->messages, r->line,
                                "the line is indented: a value ends with its line; start with the key");
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
        r.line = 0;
        r.bare_keys = false;
        r.messages = m;
        r.handler = handler;
        r.userdata = userdata;

        (void) ini_parse_stream(reader_fgets, &r, reader_handler, &r);
}

/* Who may have written the file, and is it one? */
static int check_file(const struct stat *st, Messages *m) {
        if (!S_ISREG(st->st_mode))
                messages_error(m, 0, "not a regular file");
        else if (st->st_uid != getuid() && st->st_uid != 0)
                messages_error(m, 0, "belongs to user %u: it has to be yours or root's", st->st_uid);
        else if (st->st_mode & (S_IWGRP | S_IWOTH))
                messages_error(m, 0, "others can write it: chmod go-w");
        else if (st->st_size > (off_t) CONFIG_FILE_MAX)
                messages_error(m, 0, "has more than %u bytes", CONFIG_FILE_MAX);
        else
                return 0;
        return -EPERM;
}

static bool is_mask(int dir_fd, const char *name) {
        char target[sizeof("/dev/null")];

        return readlinkat(dir_fd, name, target, sizeof(target)) == (ssize_t) strlen("/dev/null") &&
                        memcmp(target, "/dev/null", strlen("/dev/null")) == 0;
}

static int read_whole(int fd, char *buffer, size_t size, size_t *ret) {
        size_t done = 0;

        while (done < size) {
                ssize_t n = read(fd, buffer + done, size - done);

                if (n < 0)
                        return -errno;
                if (n == 0)
                        break;
                done += (size_t) n;
        }
        *ret = done;
        return 0;
}

int config_file_read(int dir_fd, const char *name, Messages *m, config_file_handler handler, void *userdata,
                ConfigFile *ret_file) {
        _cleanup_close_ int fd = -EBADF;
        _cleanup_free_ char *text = NULL;
        struct stat st;
        size_t size = 0;
        int r;

        /* O_NONBLOCK: opening a FIFO must not wait for its writer */
        fd = openat(dir_fd, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
        if (fd < 0) {
                r = -errno;
                if (r == -ELOOP && is_mask(dir_fd, name))
                        return 1;
                if (r == -ELOOP)
                        messages_error(m, 0, "is a symbolic link: put the file itself there");
                else if (r != -ENOENT)
                        messages_error(m, 0, "cannot be opened: %s", strerror(-r));
                return r;
        }
        if (fstat(fd, &st) < 0)
                return -errno;
        r = check_file(&st, m);
        if (r < 0)
                return r;
        if (st.st_size == 0)
                return 1;

        /* a file that grows meanwhile is cut, not followed */
        text = malloc((size_t) st.st_size);
        if (!text)
                return -ENOMEM;
        r = read_whole(fd, text, (size_t) st.st_size, &size);
        if (r < 0) {
                messages_error(m, 0, "cannot be read: %s", strerror(-r));
                return r;
        }
        ret_file->is_own = st.st_uid == getuid();
        config_id_of(text, size, ret_file->id);
        config_file_parse(text, size, m, handler, userdata);
        return 0;
}
