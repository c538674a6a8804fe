/* A name is here if a program of the host runs it, or runs what it names, at a step that does not look like
 * running something: entering the directory, opening it in an editor, asking for the state of the
 * repository, starting an agent. A Makefile is not here: who types `make` knows that he runs the project's
 * code.
 *
 * A whole directory is better than the files in it: a file that is missing now cannot be made then, and an
 * editor of the host that replaces a file by renaming takes the protection of that file away. */

#include "common/obeyed-names.h"

#include <string.h>

#include "common/cleanup.h"
#include "common/settings.h"

#define PROTECT_WORDS_MAX 64U
#define SLASH "must be names without a slash at the end"

static const ObeyedName names[] = {
        { OBEYED_GIT_HOOKS, true },
        /* git hooks that a package manager has installed */
        { ".husky", true },
        { ".githooks", true },
        { "lefthook.yml", false },
        { ".pre-commit-config.yaml", false },
        /* direnv runs the first when the directory is entered; what the second keeps is sourced by it */
        { ".envrc", true },
        { ".direnv", false },
        { "mise.toml", false },
        { ".mise.toml", false },
        /* editors: tasks that run when the folder is opened, paths of interpreters and language servers */
        { ".vscode", true },
        { ".idea", true },
        { ".zed", true },
        { ".devcontainer", true },
        { ".devcontainer.json", true },
        { ".nvim.lua", true },
        { ".nvimrc", true },
        { ".exrc", true },
        { ".dir-locals.el", true },
        /* agents: hooks, and servers that they start. Claude Code itself writes the names below that are
         * watched only. */
        { ".claude/settings.json", true },
        { ".claude/hooks", true },
        { ".claude/settings.local.json", false },
        { ".claude/commands", false },
        { ".claude/agents", false },
        { ".claude/skills", false },
        { ".mcp.json", true },
        { ".cursor", true },
        { ".gemini/settings.json", true },
        { ".codex", true },
        /* package managers and compilers: which program is run in place of another */
        { ".npmrc", true },
        { ".yarnrc", true },
        { ".yarnrc.yml", true },
        { ".yarn/releases", true },
        { ".yarn/plugins", true },
        { ".pnpmfile.cjs", true },
        { ".cargo", true },
        { ".mvn", true },
        { ".bazelrc", true },
        { ".bundle", true },
};

const ObeyedName *obeyed_name(size_t i) {
        return i < ELEMENTSOF(names) ? &names[i] : NULL;
}

bool path_is_below(const char *path, size_t n) {
        while (n > 0) {
                const char *slash = memchr(path, '/', n);
                size_t length = slash ? (size_t) (slash - path) : n;

                if (length == 0 || (length == 1 && path[0] == '.') ||
                                (length == 2 && memcmp(path, "..", 2) == 0))
                        return false;
                if (!slash)
                        return true;
                path += length + 1;
                n -= length + 1;
        }
        return false;
}

const char *protect_refused(const char *words) {
        unsigned n_words = 0;
        size_t n;

        if (strcmp(words, PROTECT_NOTHING) == 0)
                return NULL;
        for (; (n = setting_next_word(&words)) > 0; words += n) {
                if (n == strlen(PROTECT_NOTHING) && memcmp(words, PROTECT_NOTHING, n) == 0)
                        return "must be no alone, or a list of names";
                if (words[n - 1] == '/')
                        return SLASH;
                if (!path_is_below(words, n))
                        return "must be yes, no, or names below the work directory, like: yes tools/run.sh";
                if (++n_words > PROTECT_WORDS_MAX)
                        return "must be 64 names at most";
        }
        return n_words > 0 ? NULL : "must be yes, no, or names below the work directory";
}

const char *private_refused(const char *words) {
        unsigned n_words = 0;
        size_t n;

        for (; (n = setting_next_word(&words)) > 0; words += n) {
                if (words[n - 1] == '/')
                        return SLASH;
                if (!path_is_below(words, n))
                        return "must be directories below the work directory, like: node_modules web/target";
                if (++n_words > PROTECT_WORDS_MAX)
                        return "must be 64 directories at most";
        }
        return n_words > 0 ? NULL : "must be directories below the work directory";
}
