/* In a linked worktree `.git` is a file that leads to COMMON/worktrees/NAME, and in a submodule to
 * SUPER/.git/modules/NAME. Without what is there git does not work in the guest, so it is shared as well, at
 * its path of the host.
 *
 * The guest may have written that file, so it decides nothing alone: the place that it names must lead back
 * to this very work directory (`gitdir` of a worktree, `core.worktree` of a submodule). That is written in
 * the repository, and only a guest that has the repository already can write there. What is shared then must
 * be a repository, and is judged like any other directory. All of it is read as data, and no link is
 * followed. */

#include "generator/worktree.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/drop-in.h"
#include "common/path.h"
#include "common/printable.h"
#include "common/strjoin.h"
#include "common/whole-file.h"
#include "generator/guest-places.h"
#include "generator/shareable.h"

#define CONFIG_MAX_SIZE (256U * 1024) /* of a submodule's configuration */
#define NAME_MAX_SIZE 200U            /* of a worktree: it is a part of the unit */

#define NOT_MUTUAL "it does not lead back here"

/* What a file `.git` leads to. */
typedef struct Repository {
        char *git_dir; /* where the file leads, canonical */
        int fd;        /* of that directory */
        char *common;  /* what is to be shared: it or a directory above */
        bool is_worktree;
} Repository;

static void repository_done(Repository *r) {
        free(r->git_dir);
        free(r->common);
        if (r->fd >= 0)
                close(r->fd);
}

/* A regular file's text, owned. -ENOTSUP: it is something else, such as the directory of a repository. */
static int read_small(int dir, const char *name, size_t limit, char **ret) {
        _cleanup_close_ int fd =
                        openat(dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
        struct stat st;
        size_t size;
        int r;

        if (fd < 0)
                return -errno;
        if (fstat(fd, &st) < 0)
                return -errno;
        if (!S_ISREG(st.st_mode))
                return -ENOTSUP;
        r = whole_file_read_fd(fd, limit, ret, &size);
        if (r >= 0 && strlen(*ret) != size) {
                free(*ret);
                *ret = NULL;
                return -EBADMSG;
        }
        return r;
}

static int read_line(int dir, const char *name, char **ret) {
        int r = read_small(dir, name, GIT_LINK_MAX, ret);

        if (r >= 0)
                (*ret)[strcspn(*ret, "\r\n")] = '\0';
        return r;
}

/* Takes one component of `path` over to the end of `out`. */
static char *append_component(char *start, char *out, const char *name, size_t n) {
        if (n == 0 || (n == 1 && name[0] == '.'))
                return out;
        if (n == 2 && memcmp(name, "..", 2) == 0) {
                while (out > start)
                        if (*--out == '/')
                                break;
                return out;
        }
        *out++ = '/';
        memcpy(out, name, n);
        return out + n;
}

/* Resolves `path` as git does in the directory `base`. The path of `base` contains no links, so `..` means
 * the directory above. Owned. */
static char *resolve(const char *base, const char *path) {
        _cleanup_free_ char *whole = path[0] == '/' ? strdup(path) : strjoin(base, "/", path, NULL);
        char *result = whole ? malloc(strlen(whole) + 2) : NULL, *out = result;

        for (const char *p = whole; result && *p;) {
                size_t n = strcspn(p, "/");

                out = append_component(result, out, p, n);
                p += n + (p[n] == '/');
        }
        if (result)
                strcpy(out, out == result ? "/" : "");
        return result;
}

/* Where `name` in the directory leads, owned; NULL: it cannot be read, and errors are as if it did not
 * exist. */
static char *read_link(int dir, const char *base, const char *name) {
        _cleanup_free_ char *line = NULL;

        return read_line(dir, name, &line) >= 0 && line[0] ? resolve(base, line) : NULL;
}

/* The value of a line of git's configuration, in place, without the quotes. */
static char *value_of(char *line, const char *key) {
        size_t n = strlen(key);
        char *value, *end;

        line += strspn(line, " \t");
        if (strncasecmp(line, key, n) != 0)
                return NULL;
        value = line + n + strspn(line + n, " \t");
        if (*value != '=')
                return NULL;
        value += 1 + strspn(value + 1, " \t");
        end = value + strlen(value);
        while (end > value && strchr(" \t\r", end[-1]))
                *--end = '\0';
        if (end - value >= 2 && value[0] == '"' && end[-1] == '"') {
                end[-1] = '\0';
                value++;
        }
        return value;
}

/* core.worktree of a configuration: git wrote it, and a form that git never writes is not understood here.
 */
static char *find_core_worktree(char *text) {
        bool in_core = false;
        char *found = NULL, *value;

        for (char *line; (line = strsep(&text, "\n"));) {
                line += strspn(line, " \t");
                if (line[0] == '[')
                        in_core = strncasecmp(line, "[core]", strlen("[core]")) == 0;
                else if (in_core && (value = value_of(line, "worktree")))
                        found = value;
        }
        return found;
}

/* True if the repository of a submodule says that this is its work directory. */
static bool submodule_leads_to(const Repository *repository, const char *work) {
        static const char *const files[] = { "config", "config.worktree" };

        for (size_t i = 0; i < ELEMENTSOF(files); i++) {
                _cleanup_free_ char *text = NULL, *path = NULL;
                const char *value;

                if (read_small(repository->fd, files[i], CONFIG_MAX_SIZE, &text) < 0 ||
                                !(value = find_core_worktree(text)))
                        continue;
                path = resolve(repository->git_dir, value);
                if (path && strcmp(path, work) == 0)
                        return true;
        }
        return false;
}

/* Returns COMMON of COMMON/worktrees/NAME, owned; NULL if the path has another form. */
static char *common_of(const char *git_dir) {
        const char *name = strrchr(git_dir, '/');
        size_t n = strlen("/worktrees"), length = (size_t) (name - git_dir);

        if (length <= n || strncmp(name - n, "/worktrees", n) != 0 || !name[1] ||
                        strlen(name + 1) > NAME_MAX_SIZE || printable_check(name + 1))
                return NULL;
        return strndup(git_dir, length - n);
}

static const char *check_worktree(Repository *repository, const char *work) {
        _cleanup_free_ char *common = read_link(repository->fd, repository->git_dir, "commondir"),
                            *back = read_link(repository->fd, repository->git_dir, "gitdir"),
                            *here = strjoin(work, "/.git", NULL);

        repository->common = common_of(repository->git_dir);
        repository->is_worktree = true;
        if (!repository->common || !common || strcmp(repository->common, common) != 0)
                return "it is not laid out as git does it";
        return back && here && strcmp(back, here) == 0 ? NULL : NOT_MUTUAL;
}

static const char *check_submodule(Repository *repository, const char *work) {
        if (!strstr(repository->git_dir, "/modules/"))
                return "it is neither a worktree's nor a submodule's";
        repository->common = strdup(repository->git_dir);
        return submodule_leads_to(repository, work) ? NULL : NOT_MUTUAL;
}

static bool is_repository(int dir) {
        static const char *const marks[] = { "HEAD", "objects", "refs" };

        for (size_t i = 0; i < ELEMENTSOF(marks); i++)
                if (faccessat(dir, marks[i], F_OK, AT_SYMLINK_NOFOLLOW) < 0)
                        return false;
        return true;
}

/* The reason why the repository cannot be one more share of the project, or NULL. */
static const char *refused_beside(const Project *p, const char *common) {
        for (size_t i = 0; i < p->n_shares; i++) {
                const Share *share = &p->shares[i];

                if (path_is_in(share->directory, common))
                        return "another share of this VM lies in it";
                if (path_is_in(common, share->guest_directory))
                        return "its place in the guest lies in another share";
        }
        return strcmp(p->values[SETTING_GUEST_DIRECTORY], p->values[SETTING_WORK_DIRECTORY]) == 0
                        ? NULL
                        : "the work directory is not at its path of the host in the guest, and git's links are such paths: see GuestDirectory=";
}

static const char *refused_common(const Parser *parser, const char *common) {
        const UserPaths *paths = parser->paths;
        const char *why;
        PathPlace place;

        if (user_paths_resolve(paths, common, &place) < 0)
                return "it cannot be opened without following a link";
        if (place.error < 0 || strcmp(place.path, common) != 0)
                why = "it is not there, or there is a link on the way";
        else if (!is_repository(place.fd))
                why = "it is not a repository";
        else
                why = shareable_refused(paths, &place, false);
        path_place_done(&place);
        if (!why && shareable_is_hidden(paths, common) && !shares_is_opened(parser->project, common))
                why = "it lies in a hidden directory of your home: AllowHidden= opens it";
        if (!why)
                why = guest_place_refused_for_work(paths, common);
        return why ?: refused_beside(parser->project, common);
}

/* Opens what the file names. The reason why not, or NULL. */
static const char *open_git_dir(const Parser *parser, Repository *repository) {
        const char *why = NULL;
        PathPlace place;

        if (user_paths_resolve(parser->paths, repository->git_dir, &place) < 0)
                return "it cannot be opened without following a link";
        if (place.error < 0 || strcmp(place.path, repository->git_dir) != 0)
                why = "it is not there, or there is a link on the way";
        else
                repository->fd = TAKE_FD(place.fd);
        path_place_done(&place);
        return why;
}

static const char *check(const Parser *parser, Repository *repository, const char *work) {
        const char *why = open_git_dir(parser, repository);

        if (why)
                return why;
        why = faccessat(repository->fd, "commondir", F_OK, AT_SYMLINK_NOFOLLOW) == 0
                        ? check_worktree(repository, work)
                        : check_submodule(repository, work);
        return why ?: repository->common ? refused_common(parser, repository->common) : "memory ran out";
}

/* Where the file `.git` of the work directory leads, owned; NULL: it is a directory, or not there. */
static char *read_git_file(Project *p, const char *work) {
        static const char prefix[] = "gitdir: ";
        _cleanup_free_ char *path = strjoin(work, "/.git", NULL), *text = NULL;

        if (!path || read_small(AT_FDCWD, path, GIT_LINK_MAX, &text) < 0)
                return NULL;
        config_id_of(text, strlen(text), p->git_link);
        text[strcspn(text, "\r\n")] = '\0';
        return strncmp(text, prefix, strlen(prefix)) == 0 ? resolve(work, text + strlen(prefix)) : NULL;
}

/* True if a share that there is has the directory in it, as in a project with the repository inside. */
static bool is_shared(const Project *p, const char *directory) {
        for (size_t i = 0; i < p->n_shares; i++)
                if (path_is_in(directory, p->shares[i].directory))
                        return true;
        return false;
}

static void add(Parser *parser, Repository *repository) {
        Project *p = parser->project;
        size_t n = p->n_shares;

        /* it is judged as what this line names */
        parser->line = p->lines[SETTING_WORK_DIRECTORY];
        shares_add(parser, GIT_SHARE, strdup(repository->common), repository->common,
                        setting_is(p->values, SETTING_READ_ONLY, "yes"), false);
        parser->line = 0;
        if (p->n_shares == n)
                return;
        /* the VM starts also when the repository is gone by then */
        p->shares[n].optional = true;
        if (!repository->is_worktree)
                return;
        p->worktree = strdup(strrchr(repository->git_dir, '/') + 1);
        parser->out_of_memory |= !p->worktree;
}

void worktree_share(Parser *parser) {
        Project *p = parser->project;
        const char *work = p->values[SETTING_WORK_DIRECTORY], *why;
        _cleanup_(repository_done) Repository repository = { .fd = -EBADF };

        /* the repository is the original's: a guest with a copy writes to nothing of that */
        if (!setting_is(p->values, SETTING_WORKTREE, "yes") || project_has_copy(p)) {
                strcpy(p->git_link, "no");
                return;
        }
        repository.git_dir = read_git_file(p, work);
        if (!repository.git_dir || is_shared(p, repository.git_dir))
                return;
        why = check(parser, &repository, work);
        if (!why)
                add(parser, &repository);
        else
                messages_warning(&p->messages, p->lines[SETTING_WORK_DIRECTORY],
                                "git does not work in the guest: '%s/.git' leads to '%s', which is not shared: %s. Worktree=no leaves it so without a word",
                                work, repository.git_dir, why);
}
