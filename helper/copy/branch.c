/* git obeys what is in a repository: its configuration, its hooks, and the directories that it names as
 * places of more objects. So git never runs in the copy, and never reads a file there by its name. What it
 * gets is a bare repository of ours, for a moment, into which this puts
 *
 * - the guest's objects that were not there when the copy was made: loose ones as they are, packs through
 *   `git index-pack`, which is made for what a stranger sends, and makes an index of its own;
 * - the original's own objects, as an alternate;
 * - the branches, as one file that this writes: a name and a hash each.
 *
 * `git fetch` in the original then asks that repository as it asks any server, and checks each object that
 * it gets (fetch.fsckObjects). */

#include "helper/copy/branch.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/open-below.h"
#include "common/printable.h"
#include "common/remove-tree.h"
#include "common/run-program.h"
#include "common/strjoin.h"
#include "common/strv.h"
#include "common/whole-file.h"
#include "common/why.h"
#include "helper/copy/below.h"
#include "helper/copy/data.h"
#include "helper/copy/tree.h"

#define OBJECTS_BYTES_MAX (UINT64_C(8) << 30) /* of new objects */
#define REF_MAX 256U                          /* bytes of the file of a ref */
#define PACKED_REFS_MAX (16U << 20)
#define BRANCHES_MAX 10000U
#define DETACHED "detached-head" /* the name that a HEAD without a branch gets */

typedef struct Fetch {
        const BranchRequest *request;
        char *repository; /* path of the temporary one, owned */
        int to;           /* its objects */
        uint64_t bytes;
        char **refs; /* HASH NAME, the ones that count first; owned */
        Branches branches;
} Fetch;

/* --- objects ---------------------------------------------------------------------------- */

static bool is_hex(const char *s, size_t n) {
        return strspn(s, "0123456789abcdef") >= n;
}

/* A hash is one of SHA-1 or of SHA-256. */
static bool is_hash(const char *s, size_t n) {
        return (n == 40 || n == 64) && is_hex(s, n);
}

static bool is_loose(const char *path) {
        size_t n = strlen(path);

        return n > 3 && path[2] == '/' && is_hex(path, 2) && (n == 41 || n == 65) && is_hex(path + 3, n - 3);
}

static bool is_pack(const char *path) {
        size_t n = strlen(path);

        return strncmp(path, "pack/pack-", strlen("pack/pack-")) == 0 && n > strlen("pack/pack-.pack") &&
                        strcmp(path + n - strlen(".pack"), ".pack") == 0;
}

/* True if the original had it when the copy was made. */
static bool is_of_original(const Fetch *f, const TreeEntry *e) {
        _cleanup_free_ char *path = strjoin(".git/objects/", e->path, NULL);
        const RecordEntry *entry = path ? record_find(f->request->record, path) : NULL;
        FileState now = file_state(&e->st);

        return entry && file_state_is_untouched(&entry->copy, &now);
}

static int add_loose(Fetch *f, const TreeEntry *e, int from, off_t size) {
        char directory[3] = { e->path[0], e->path[1], '\0' };
        _cleanup_close_ int to = -EBADF;

        if (mkdirat(f->to, directory, 0700) < 0 && errno != EEXIST)
                return -errno;
        to = openat(f->to, e->path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
        if (to < 0)
                return -errno;
        return data_reflink(from, to) ? 0 : data_copy(from, to, size);
}

static int add_pack(const Fetch *f, int from) {
        const char *const argv[] = { f->request->git, "-C", f->repository, "index-pack", "--stdin", NULL };
        _cleanup_close_ int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
        int r = null < 0 ? -errno : run_program_between(argv, from, null);

        return r > 0 ? -EBADMSG : r;
}

static int visit_object(void *userdata, const TreeEntry *e) {
        Fetch *f = userdata;
        bool pack = is_pack(e->path);
        _cleanup_close_ int fd = -EBADF;
        struct stat st;

        if (!S_ISREG(e->st.st_mode) || (!pack && !is_loose(e->path)) || is_of_original(f, e))
                return 0;
        fd = openat(e->directory, e->name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
        if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
                return 0; /* the guest has taken it away; git misses it if it counts */
        f->bytes += (uint64_t) st.st_size;
        if (f->bytes > OBJECTS_BYTES_MAX)
                return -EFBIG;
        return pack ? add_pack(f, fd) : add_loose(f, e, fd, st.st_size);
}

static int add_objects(Fetch *f, char **ret_why) {
        _cleanup_close_ int objects = open_below(f->request->work, ".git/objects", O_RDONLY | O_DIRECTORY);
        Tree tree = { .root = objects, .visit = visit_object, .userdata = f };
        int r = objects < 0 ? objects : tree_walk(&tree);

        if (objects < 0)
                return why_say(ret_why, -EINVAL,
                                "The copy of '%s' has no git repository of its own: bring its files over with: claude-run apply %s",
                                f->request->id, f->request->id);
        if (r == -EFBIG)
                return why_say(ret_why, -EINVAL, "The copy of '%s' has more than 8 GiB of new git objects",
                                f->request->id);
        return r == -EBADMSG ? why_say(ret_why, -EINVAL, "A git pack in the copy of '%s' is broken",
                                               f->request->id)
                             : r;
}

/* --- refs ------------------------------------------------------------------------------- */

static bool has_suffix(const char *s, size_t n, const char *suffix) {
        size_t m = strlen(suffix);

        return n >= m && memcmp(s + n - m, suffix, m) == 0;
}

/* The rules of git-check-ref-format(1). */
bool branch_name_is_valid(const char *name) {
        if (printable_check(name) || strpbrk(name, " ~^:?*[\\") || strstr(name, "..") ||
                        strstr(name, "@{") || name[0] == '-' || strcmp(name, "@") == 0 ||
                        strlen(name) > NAME_MAX)
                return false;
        for (;;) {
                size_t n = strcspn(name, "/");

                if (n == 0 || name[0] == '.' || name[n - 1] == '.' || has_suffix(name, n, ".lock"))
                        return false;
                if (!name[n])
                        return true;
                name += n + 1;
        }
}

static bool is_known(const Fetch *f, const char *name) {
        for (char *const *known = f->branches.names; known && *known; known++)
                if (strcmp(*known, name) == 0)
                        return true;
        return false;
}

/* What comes first counts: a file of its own before a line of packed-refs. */
static int add_ref(Fetch *f, const char *hash, size_t n, const char *name) {
        if (!is_hash(hash, n) || !branch_name_is_valid(name) ||
                        strv_length(f->branches.names) >= BRANCHES_MAX) {
                f->branches.n_odd++;
                return 0;
        }
        if (is_known(f, name))
                return 0;
        if (strv_appendf(&f->refs, "%.*s refs/heads/%s", (int) n, hash, name) < 0)
                return -ENOMEM;
        return strv_append(&f->branches.names, name);
}

static int visit_ref(void *userdata, const TreeEntry *e) {
        _cleanup_free_ char *text = NULL;

        if (!S_ISREG(e->st.st_mode) || has_suffix(e->name, strlen(e->name), ".lock") ||
                        whole_file_read_at(e->directory, e->name, REF_MAX, &text) < 0)
                return 0;
        return add_ref(userdata, text, strcspn(text, "\n"), e->path);
}

static int read_packed_refs(Fetch *f, int git) {
        _cleanup_free_ char *text = NULL;
        char *rest, *line;
        int r = whole_file_read_at(git, "packed-refs", PACKED_REFS_MAX, &text);

        if (r < 0)
                return r == -ENOMEM ? r : 0;
        rest = text;
        while (r >= 0 && (line = strsep(&rest, "\n"))) {
                size_t n = strcspn(line, " ");

                if (strncmp(line + n, " refs/heads/", strlen(" refs/heads/")) == 0)
                        r = add_ref(f, line, n, line + n + strlen(" refs/heads/"));
        }
        return r;
}

static int read_head(Fetch *f, int git) {
        _cleanup_free_ char *text = NULL;

        if (whole_file_read_at(git, "HEAD", REF_MAX, &text) < 0 || strncmp(text, "ref:", 4) == 0)
                return 0;
        return add_ref(f, text, strcspn(text, "\n"), DETACHED);
}

static int read_refs(Fetch *f) {
        _cleanup_close_ int git = open_below(f->request->work, ".git", O_RDONLY | O_DIRECTORY),
                            heads = open_below(f->request->work, ".git/refs/heads", O_RDONLY | O_DIRECTORY);
        Tree tree = { .root = heads, .visit = visit_ref, .userdata = f };
        int r = heads < 0 ? 0 : tree_walk(&tree);

        if (r >= 0 && git >= 0)
                r = read_packed_refs(f, git);
        return r < 0 || git < 0 ? r : read_head(f, git);
}

static int write_refs(const Fetch *f) {
        _cleanup_free_ char *path = strjoin(f->repository, "/packed-refs", NULL), *text = NULL;
        size_t size;
        FILE *file = path ? open_memstream(&text, &size) : NULL;

        if (!file)
                return -ENOMEM;
        for (char *const *ref = f->refs; ref && *ref; ref++)
                fprintf(file, "%s\n", *ref);
        if (fclose(file) != 0)
                return -ENOMEM;
        return whole_file_create(path, 0600, text, size);
}

/* --- git -------------------------------------------------------------------------------- */

/* Asks git of the original for one line, owned. Positive: git has said why not. */
static int ask(const BranchRequest *q, const char *option, const char *value, char **ret) {
        const char *const argv[] = { q->git, "-C", q->origin, "rev-parse", "--path-format=absolute", option,
                value, NULL };
        int r = run_program_read(argv, ret);

        if (r == 0)
                (*ret)[strcspn(*ret, "\n")] = '\0';
        return r;
}

/* Makes the repository, with the original's objects beside its own. */
static int make_repository(Fetch *f) {
        _cleanup_free_ char *objects = NULL, *format = NULL, *option = NULL, *own = NULL, *alternates = NULL,
                            *line = NULL;
        int r = ask(f->request, "--git-path", "objects", &objects);

        if (r == 0)
                r = ask(f->request, "--show-object-format", NULL, &format);
        if (r != 0)
                return r;
        option = strjoin("--object-format=", format, NULL);
        own = strjoin(f->repository, "/objects", NULL);
        alternates = strjoin(own ?: "", "/info/alternates", NULL);
        line = strjoin(objects, "\n", NULL);
        if (!option || !own || !alternates || !line)
                return -ENOMEM;

        const char *const argv[] = { f->request->git, "init", "--quiet", "--bare", "--template=", option,
                f->repository, NULL };

        r = run_program(argv, -1);
        if (r != 0)
                return r;
        f->to = open(own, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (f->to < 0 || (mkdirat(f->to, "info", 0700) < 0 && errno != EEXIST))
                return -errno;
        return whole_file_create(alternates, 0600, line, strlen(line));
}

static int run_fetch(const Fetch *f) {
        _cleanup_free_ char *refspec = strjoin("+refs/heads/*:" BRANCH_REFS, f->request->id, "/*", NULL);
        const char *const argv[] = { f->request->git, "-C", f->request->origin,
                /* what a guest has committed is checked as if it came from a stranger's server */
                "-c", "fetch.fsckObjects=true",
                /* the user's own hooks would be told of it as of a fetch of the user's */
                "-c", "core.hooksPath=/dev/null", "-c", "core.fsmonitor=false", "fetch", "--quiet",
                "--no-tags", "--prune", "--no-write-fetch-head", "--no-auto-maintenance",
                "--no-recurse-submodules", f->repository, refspec, NULL };

        return refspec ? run_program(argv, -1) : -ENOMEM;
}

/* What git has said stands on the terminal. */
static int check_git(int r, const BranchRequest *q, char **ret_why) {
        return r > 0 ? why_say(ret_why, -EINVAL, "git could not fetch from the copy of '%s'", q->id) : r;
}

static int fetch(Fetch *f, char **ret_why) {
        int r = check_git(make_repository(f), f->request, ret_why);

        if (r >= 0)
                r = add_objects(f, ret_why);
        if (r >= 0)
                r = read_refs(f);
        if (r >= 0 && !f->branches.names)
                r = why_say(ret_why, -EINVAL, "The copy of '%s' has no branch", f->request->id);
        if (r >= 0)
                r = write_refs(f);
        return r < 0 ? r : check_git(run_fetch(f), f->request, ret_why);
}

int branch_fetch(const BranchRequest *request, Branches *ret, char **ret_why) {
        Fetch f = { .request = request, .to = -EBADF };
        int r;

        f.repository = strjoin(request->directory, "/branch.XXXXXX", NULL);
        if (!f.repository)
                return -ENOMEM;
        r = mkdtemp(f.repository) ? fetch(&f, ret_why) : -errno;
        (void) remove_tree(f.repository);
        if (f.to >= 0)
                close(f.to);
        free(f.repository);
        strv_free(f.refs);
        if (r < 0) {
                branches_done(&f.branches);
                return r;
        }
        *ret = f.branches;
        return 0;
}

void branches_done(Branches *branches) {
        branches->names = strv_free(branches->names);
}
