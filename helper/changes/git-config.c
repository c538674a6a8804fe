/* Follows config.c of git: what git takes for a setting is one here. Where git refuses the file, this goes
 * on with the next line, because the user's next step may repair it. */

#include "helper/changes/git-config.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/cleanup.h"

/* --- grammar ---------------------------------------------------------------------------- */

typedef struct Reader {
        const char *at, *end;
        char *name; /* of the section with a dot after it, then of the key; as long as the file, and NUL */
        size_t section_length;
        char *value; /* as long as the file, and NUL */
        bool bad;
} Reader;

/* The next byte; a line end for CR LF and at the end of the file, as git has it. */
static int next(Reader *r) {
        if (r->at >= r->end)
                return '\n';
        if (*r->at == '\r' && r->at + 1 < r->end && r->at[1] == '\n')
                r->at++;
        return (unsigned char) *r->at++;
}

static void skip_line(Reader *r) {
        const char *end = memchr(r->at, '\n', (size_t) (r->end - r->at));

        r->at = end ? end + 1 : r->end;
}

/* The rest of the line is not understood; one that ends already stays ended. */
static void give_up(Reader *r, int last) {
        r->bad = true;
        if (last != '\n')
                skip_line(r);
}

static bool is_name(int c) {
        return isalnum(c) || c == '-';
}

/* `SUB"]`, after the quote. Returns the byte where it ends, which is `]` if all is well. */
static int read_subsection(Reader *r, size_t *n) {
        int c = next(r);

        r->name[(*n)++] = '.';
        for (; c != '"' && c != '\n'; c = next(r)) {
                if (c == '\\')
                        c = next(r);
                if (c == '\n')
                        return c;
                r->name[(*n)++] = (char) c;
        }
        return c == '\n' ? c : next(r);
}

/* After the `[`. */
static void read_section(Reader *r) {
        size_t n = 0;
        int c = next(r);

        r->section_length = 0;
        for (; is_name(c) || c == '.'; c = next(r))
                r->name[n++] = (char) tolower(c);
        if (c == ' ' || c == '\t') {
                while (c == ' ' || c == '\t')
                        c = next(r);
                c = c == '"' ? read_subsection(r, &n) : '\n';
        }
        if (c != ']' || n == 0) {
                give_up(r, c);
                return;
        }
        r->name[n++] = '.';
        r->section_length = n;
}

static int unescape(int c) {
        switch (c) {
        case 't':
                return '\t';
        case 'b':
                return '\b';
        case 'n':
                return '\n';
        case '\\':
        case '"':
                return c;
        default:
                return -1;
        }
}

/* After the `=`. False where git stops. */
static bool read_value(Reader *r) {
        bool quoted = false, comment = false;
        size_t n = 0, trimmed = 0;

        for (;;) {
                int c = next(r);

                if (c == '\n') {
                        r->value[quoted ? n : trimmed] = '\0';
                        return !quoted;
                }
                if (comment)
                        continue;
                if (isspace(c) && !quoted) {
                        if (n > 0)
                                r->value[n++] = (char) c;
                        continue;
                }
                if (!quoted && (c == ';' || c == '#')) {
                        comment = true;
                        continue;
                }
                if (c == '"') {
                        quoted = !quoted;
                        trimmed = n;
                        continue;
                }
                if (c == '\\') {
                        c = next(r);
                        if (c == '\n')
                                continue;
                        c = unescape(c);
                        if (c < 0) {
                                skip_line(r);
                                return false;
                        }
                }
                r->value[n++] = (char) c;
                trimmed = n;
        }
}

/* A key and its value; `c` is its first letter. */
static int read_key(Reader *r, int c, git_config_handler handle, void *userdata) {
        size_t n = r->section_length;

        for (; is_name(c); c = next(r))
                r->name[n++] = (char) tolower(c);
        r->name[n] = '\0';
        while (c == ' ' || c == '\t')
                c = next(r);
        if (c != '\n' && c != '=') {
                give_up(r, c);
                return 0;
        }
        if (c == '=' && !read_value(r)) {
                r->bad = true;
                return 0;
        }
        /* no setting of git's is outside of a section */
        if (r->section_length == 0)
                return 0;
        return handle(userdata, r->name, c == '=' ? r->value : NULL);
}

static int parse(Reader *reader, git_config_handler handle, void *userdata) {
        int r = 0;

        while (r >= 0 && reader->at < reader->end) {
                int c = next(reader);

                if (isspace(c))
                        continue;
                if (c == '#' || c == ';')
                        skip_line(reader);
                else if (c == '[')
                        read_section(reader);
                else if (isalpha(c))
                        r = read_key(reader, c, handle, userdata);
                else
                        give_up(reader, c);
        }
        return r;
}

int git_config_parse(const char *text, size_t size, git_config_handler handle, void *userdata) {
        static const char mark[] = "\xef\xbb\xbf";
        _cleanup_free_ char *name = malloc(size + 4), *value = malloc(size + 1);
        Reader reader = { .at = text, .end = text + size, .name = name, .value = value };
        int r;

        if (!name || !value)
                return -ENOMEM;
        if (size >= strlen(mark) && memcmp(text, mark, strlen(mark)) == 0)
                reader.at += strlen(mark);
        r = parse(&reader, handle, userdata);
        return r < 0 ? r : reader.bad ? -EBADMSG : 0;
}

/* --- which settings ---------------------------------------------------------------------- */

typedef struct CommandSetting {
        const char *section;
        const char *key; /* NULL: any */
        enum {
                ALWAYS,
                NOT_BOOLEAN, /* true and false mean something built in, and nothing means none */
                SHELL,       /* a command only after a `!` */
                TRANSPORT,   /* a command in ext::… and other remote helpers */
        } when;
} CommandSetting;

/* With any subsection, or none. */
static const CommandSetting commands[] = {
        { "alias", NULL, SHELL },
        { "browser", NULL, ALWAYS },
        { "core", "alternaterefscommand", ALWAYS },
        { "core", "askpass", ALWAYS },
        { "core", "editor", ALWAYS },
        { "core", "fsmonitor", NOT_BOOLEAN },
        { "core", "gitproxy", ALWAYS },
        { "core", "hookspath", ALWAYS },
        { "core", "pager", NOT_BOOLEAN },
        { "core", "sshcommand", ALWAYS },
        { "core", "worktree", ALWAYS },
        { "credential", "helper", NOT_BOOLEAN },
        { "diff", "command", ALWAYS },
        { "diff", "external", ALWAYS },
        { "diff", "textconv", ALWAYS },
        { "difftool", NULL, NOT_BOOLEAN },
        { "extensions", "worktreeconfig", ALWAYS },
        { "filter", "clean", ALWAYS },
        { "filter", "process", ALWAYS },
        { "filter", "smudge", ALWAYS },
        { "gc", "recentobjectshook", ALWAYS },
        { "gpg", "defaultkeycommand", ALWAYS },
        { "gpg", "program", ALWAYS },
        { "guitool", NULL, NOT_BOOLEAN },
        { "hook", NULL, ALWAYS },
        { "imap", "tunnel", ALWAYS },
        { "include", "path", ALWAYS },
        { "includeif", "path", ALWAYS },
        { "init", "templatedir", ALWAYS },
        { "instaweb", NULL, NOT_BOOLEAN },
        { "interactive", "difffilter", ALWAYS },
        { "lfs", NULL, NOT_BOOLEAN },
        { "man", NULL, ALWAYS },
        { "merge", "driver", ALWAYS },
        { "mergetool", NULL, NOT_BOOLEAN },
        { "pager", NULL, NOT_BOOLEAN },
        { "protocol", "allow", ALWAYS },
        { "remote", "pushurl", TRANSPORT },
        { "remote", "receivepack", ALWAYS },
        { "remote", "uploadpack", ALWAYS },
        { "remote", "url", TRANSPORT },
        { "remote", "vcs", ALWAYS },
        { "sendemail", NULL, NOT_BOOLEAN },
        { "sequence", "editor", ALWAYS },
        { "submodule", "update", SHELL },
        { "submodule", "url", TRANSPORT },
        { "tar", "command", ALWAYS },
        { "trailer", "cmd", ALWAYS },
        { "trailer", "command", ALWAYS },
        { "uploadpack", "packobjectshook", ALWAYS },
        { "url", "insteadof", ALWAYS },
        { "url", "pushinsteadof", ALWAYS },
        { "web", "browser", ALWAYS },
};

static bool is_boolean(const char *value) {
        static const char *const words[] = { "", "true", "false", "yes", "no", "on", "off", "0", "1" };

        for (size_t i = 0; i < ELEMENTSOF(words); i++)
                if (strcasecmp(value, words[i]) == 0)
                        return true;
        return false;
}

static bool holds(const CommandSetting *setting, const char *value) {
        switch (setting->when) {
        case ALWAYS:
                return true;
        case NOT_BOOLEAN:
                return value && !is_boolean(value);
        case SHELL:
                return value && value[0] == '!';
        default:
                return value && strstr(value, "::");
        }
}

bool git_config_is_command(const char *name, const char *value) {
        size_t n = strcspn(name, ".");
        const char *key = strrchr(name, '.');

        for (size_t i = 0; key && i < ELEMENTSOF(commands); i++)
                if (strlen(commands[i].section) == n && memcmp(name, commands[i].section, n) == 0 &&
                                (!commands[i].key || strcmp(key + 1, commands[i].key) == 0) &&
                                holds(&commands[i], value))
                        return true;
        return false;
}
