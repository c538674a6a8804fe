/* The copy is in a directory of its own beside the ini: there it has the name that the generator checks, the
 * generator does not read it, and it takes the ini's place in one step. An ini of the administrator is
 * copied to the user's directory, where it hides the other. The user's defaults hide nothing, so they begin
 * with a file of their own. */

#include "helper/claude-run/config-edit.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/directory.h"
#include "common/run-program.h"
#include "common/strjoin.h"
#include "common/vm-name.h"
#include "common/whole-file.h"
#include "helper/claude-run/fail.h"
#include "helper/claude-run/memory.h"
#include "helper/claude-run/project-ini.h"

#define INI_MAX (256U * 1024U)

typedef struct Edit {
        char *own;       /* the file to replace, in the user's directory */
        char *effective; /* the file that counts now */
        char *copy_dir;  /* of the copy */
        char *copy;
        char *before;       /* text of the file */
        const char *source; /* that file, borrowed; NULL: the text is ours */
        mode_t mode;
} Edit;

static bool is_defaults(const char *name) {
        return strcmp(name, VM_NAME_DEFAULTS) == 0;
}

static void edit_done(Edit *e) {
        free(e->own);
        free(e->effective);
        free(e->copy_dir);
        free(e->copy);
        free(e->before);
}

/* Returns true if there is such a program. */
static bool in_path(const char *name) {
        _cleanup_free_ char *copy = NEED(strdup(getenv("PATH") ?: "/usr/bin:/bin"));
        char *rest = copy;

        for (const char *dir; (dir = strsep(&rest, ":"));) {
                _cleanup_free_ char *path = NEED(strjoin(dir, "/", name, NULL));

                if (access(path, X_OK) == 0)
                        return true;
        }
        return false;
}

static const char *find_editor(void) {
        static const char *const variables[] = { "VISUAL", "EDITOR" };
        static const char *const usual[] = { "editor", "nano", "vim", "vi" };

        for (size_t i = 0; i < ELEMENTSOF(variables); i++) {
                const char *value = getenv(variables[i]);

                if (value && value[0])
                        return value;
        }
        for (size_t i = 0; i < ELEMENTSOF(usual); i++)
                if (in_path(usual[i]))
                        return usual[i];
        return NULL;
}

/* $EDITOR is a command with arguments by custom, so the shell takes it apart. */
static int run_editor(const Edit *e) {
        _cleanup_free_ char *script = NULL;
        const char *editor = find_editor();
        int r;

        if (!editor)
                return fail(EXIT_FAILURE, "no editor found: set EDITOR");
        script = NEED(strjoin(editor, " \"$1\"", NULL));
        r = run_program((const char *const[]) { "/bin/sh", "-c", script, "sh", e->copy, NULL }, -1);
        return r == 0 ? 0 : fail(EXIT_FAILURE, "the editor '%s' failed", editor);
}

/* A link to /dev/null masks the name, and the new file takes its place. Any other link would lose its file,
 * which the generator does not read anyway. */
static int read_before(Edit *e) {
        struct stat st, target;
        int r;

        if (lstat(e->effective, &st) == 0 && S_ISLNK(st.st_mode) && stat(e->effective, &target) == 0 &&
                        !S_ISCHR(target.st_mode))
                return fail(EXIT_CONFIGURATION, "%s: is a symbolic link: put the file itself there",
                                e->effective);
        e->mode = S_ISREG(st.st_mode) ? st.st_mode & 0777 : 0600;
        e->source = e->effective;
        r = whole_file_read(e->effective, INI_MAX, &e->before);
        return r < 0 ? fail(EXIT_CONFIGURATION, "Failed to read '%s': %s", e->effective, strerror(-r)) : 0;
}

static int make_copy(Edit *e, const char *name) {
        _cleanup_free_ char *parent = NEED(strndup(e->own, (size_t) (strrchr(e->own, '/') - e->own)));
        int r;

        e->copy_dir = NEED(strjoin(parent, "/.edit-XXXXXX", NULL));
        r = directory_make(parent);
        if (r >= 0 && !mkdtemp(e->copy_dir))
                r = -errno;
        if (r >= 0)
                e->copy = NEED(strjoin(e->copy_dir, "/", name, ".ini", NULL));
        if (r >= 0)
                r = whole_file_create(e->copy, 0600, e->before, strlen(e->before));
        if (r >= 0)
                return 0;
        directory_remove(e->copy_dir);
        return fail(EXIT_FAILURE, "Failed to copy '%s': %s", e->effective ?: e->own, strerror(-r));
}

/* Returns 'e' for edit, 'd' for discard, or EOF if no user is there to ask. */
static int ask(void) {
        _cleanup_free_ char *line = NULL;
        size_t allocated = 0;

        if (!isatty(STDIN_FILENO) || !isatty(STDERR_FILENO))
                return EOF;
        fputs("Edit it again, or discard it? [E/d] ", stderr);
        if (getline(&line, &allocated, stdin) <= 0)
                return EOF;
        return line[0] == 'd' || line[0] == 'D' ? 'd' : 'e';
}

/* Runs the editor until the file is good or the user gives up. */
static int edit_until_good(const Context *c, const Edit *e) {
        int r, answer;

        do {
                r = run_editor(e);
                if (r != 0 || project_ini_check(c, &(IniOrigin) { .path = e->copy, .as = e->own }))
                        return r;
                answer = ask();
        } while (answer == 'e');
        if (answer == 'd')
                directory_remove(e->copy_dir);
        return fail(EXIT_CONFIGURATION, "'%s' is not changed", e->own);
}

/* True if what the copy was made from still counts: another program, or another claude-run, may have written
 * it since, or a file of the user's that hides it. A link to /dev/null reads as empty. */
static bool is_as_before(const Edit *e) {
        _cleanup_free_ char *now = NULL;

        if ((!e->source || strcmp(e->source, e->own) != 0) && access(e->own, F_OK) == 0)
                return false;
        return !e->source || (whole_file_read(e->source, INI_MAX, &now) >= 0 && strcmp(now, e->before) == 0);
}

/* Syncs the copy to the disk before it renames it, so that a power cut leaves the old file or the new one.
 */
static int replace(const Edit *e) {
        _cleanup_close_ int fd = open(e->copy, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);

        if (!is_as_before(e))
                return fail(EXIT_FAILURE,
                                "'%s' has changed meanwhile, and is not replaced; look at it, then do it again",
                                e->own);
        if (fd < 0 || fchmod(fd, e->mode) < 0 || fsync(fd) < 0 || rename(e->copy, e->own) < 0)
                return fail(EXIT_FAILURE, "Failed to replace '%s': %s", e->own, strerror(errno));
        directory_remove(e->copy_dir);
        return 0;
}

static bool is_changed(const Edit *e) {
        _cleanup_free_ char *after = NULL;
        int r = e->copy ? whole_file_read(e->copy, INI_MAX, &after) : -ENOENT;

        return r < 0 ? r != -ENOENT : strcmp(e->before, after) != 0;
}

static int put_in_place(Context *c, const Edit *e) {
        int r = replace(e);

        return r == 0 ? context_reload(c) : r;
}

/* What there is to edit. */
static int find_text(Edit *e, const char *name) {
        if (is_defaults(name) && access(e->own, F_OK) < 0) {
                e->mode = 0600;
                e->before = NEED(strdup(
                                "# For all projects, unless their own file says otherwise; see claude-vm.ini(5).\n"
                                "#\n"
                                "# [VM]\n"
                                "# Memory=8G\n"
                                "#\n"
                                "# [Project]\n"
                                "# AgentArguments=--dangerously-skip-permissions\n"
                                "#\n"
                                "# [Credentials]\n"
                                "# ANTHROPIC_API_KEY=~/.config/anthropic/key\n"));
                return 0;
        }
        if (is_defaults(name)) {
                free(e->effective);
                e->effective = NEED(strdup(e->own));
        }
        if (!e->effective)
                return fail(EXIT_CONFIGURATION, "no project '%s'; to make one: claude-run config new %s",
                                name, name);
        return read_before(e);
}

static int begin(Context *c, const char *name, Edit *e) {
        int r = project_ini_find(c, name, &e->own, &e->effective);

        if (r == 0)
                r = find_text(e, name);
        return r == 0 ? make_copy(e, name) : r;
}

static void report_change(const Edit *e, const char *name) {
        if (is_defaults(name))
                fail(0, "'%s' is changed; a VM that runs has them when it is started again", e->own);
        else
                fail(0, "'%s' is changed; to apply it to a running VM: claude-run restart %s", e->own, name);
}

int config_edit(Context *c, const char *name) {
        _cleanup_(edit_done) Edit e = {};
        int r = begin(c, name, &e);

        if (r == 0)
                r = edit_until_good(c, &e);
        if (r == 0 && is_changed(&e)) {
                r = put_in_place(c, &e);
                if (r == 0)
                        report_change(&e, name);
        } else if (r == 0)
                fail(0, "nothing is changed");
        /* never throw away what the user wrote */
        if (is_changed(&e))
                fail(0, "what you wrote is kept in %s", e.copy);
        else if (e.copy)
                directory_remove(e.copy_dir);
        return r;
}

/* The copy gets a new text. */
static int change(Context *c, Edit *e, const char *text) {
        int r;

        unlink(e->copy);
        r = whole_file_create(e->copy, 0600, text, strlen(text));
        if (r < 0)
                r = fail(EXIT_FAILURE, "Failed to write '%s': %s", e->copy, strerror(-r));
        else if (!project_ini_check(c, &(IniOrigin) { .path = e->copy, .as = e->own }))
                r = fail(EXIT_CONFIGURATION, "'%s' is not changed", e->own);
        else
                r = put_in_place(c, e);
        if (r != 0)
                directory_remove(e->copy_dir);
        return r;
}

/* Without blanks at both ends. */
static bool is_line(const char *text, size_t n, const char *line) {
        while (n > 0 && strchr(" \t\r", *text))
                text++, n--;
        while (n > 0 && strchr(" \t\r", text[n - 1]))
                n--;
        return n == strlen(line) && memcmp(text, line, n) == 0;
}

/* True if the text ends in this section. */
static bool ends_in_section(const char *text, const char *section) {
        bool is_last = false;

        while (*text) {
                size_t n = strcspn(text, "\n");

                if (text[strspn(text, " \t")] == '[')
                        is_last = is_line(text, n, section);
                text += n + (text[n] == '\n');
        }
        return is_last;
}

static char *append_line(const char *text, const char *section, const char *line) {
        _cleanup_free_ char *header = NEED(strjoin("[", section, "]", NULL));
        bool has_header = ends_in_section(text, header);
        size_t n = strlen(text);

        return NEED(strjoin(text, n > 0 && text[n - 1] != '\n' ? "\n" : "", has_header ? "" : header,
                        has_header ? "" : "\n", line, "\n", NULL));
}

int config_add_line(Context *c, const char *name, const char *section, const char *line) {
        _cleanup_(edit_done) Edit e = {};
        _cleanup_free_ char *text = NULL;
        int r = begin(c, name, &e);

        if (r != 0)
                return r;
        text = append_line(e.before, section, line);
        return change(c, &e, text);
}

/* True for `key = value`, with blanks where an ini may have them. */
static bool has_key(const char *text, const char *key) {
        text += strspn(text, " \t");
        if (strncmp(text, key, strlen(key)) != 0)
                return false;
        text += strlen(key);
        return text[strspn(text, " \t")] == '=';
}

/* The text with another line for the key, or NULL if no line has it. */
static char *replace_line(const char *text, const char *section, const char *key, const char *line) {
        _cleanup_free_ char *header = NEED(strjoin("[", section, "]", NULL)), *changed = NULL;
        bool inside = false, found = false;
        size_t size;
        FILE *f = NEED(open_memstream(&changed, &size));

        while (*text) {
                size_t n = strcspn(text, "\n"), whole = n + (text[n] == '\n');

                if (text[strspn(text, " \t")] == '[')
                        inside = is_line(text, n, header);
                if (inside && has_key(text, key)) {
                        fprintf(f, "%s\n", line);
                        found = true;
                } else
                        fwrite(text, whole, 1, f);
                text += whole;
        }
        memory_need(fclose(f) == 0);
        return found ? TAKE_PTR(changed) : NULL;
}

int config_set_line(Context *c, const char *name, const char *section, const char *key, const char *value) {
        _cleanup_free_ char *line = NEED(strjoin(key, "=", value, NULL)), *text = NULL;
        _cleanup_(edit_done) Edit e = {};
        int r = begin(c, name, &e);

        if (r != 0)
                return r;
        text = replace_line(e.before, section, key, line) ?: append_line(e.before, section, line);
        return change(c, &e, text);
}

int config_remove_line(Context *c, const char *name, const char *line) {
        _cleanup_(edit_done) Edit e = {};
        _cleanup_free_ char *text = NULL;
        bool found = false;
        int r = begin(c, name, &e);
        char *out;

        if (r != 0)
                return r;
        out = text = NEED(malloc(strlen(e.before) + 1));
        for (const char *p = e.before; *p;) {
                size_t n = strcspn(p, "\n"), whole = n + (p[n] == '\n');

                if (is_line(p, n, line))
                        found = true;
                else
                        out = mempcpy(out, p, whole);
                p += whole;
        }
        *out = '\0';
        if (found)
                return change(c, &e, text);
        directory_remove(e.copy_dir);
        return fail(EXIT_CONFIGURATION, "'%s' has no line '%s'; see: claude-run config edit %s", e.effective,
                        line, name);
}
