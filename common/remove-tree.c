/* fts(3) changes into each directory, so a guest that nests them deeply costs neither memory nor
 * descriptors. */

#include "common/remove-tree.h"

#include <errno.h>
#include <fts.h>
#include <stddef.h>
#include <sys/stat.h>
#include <unistd.h>

/* A directory that its owner may not change, such as Go's cache of modules, is opened first. */
static int remove_entry(FTSENT *e) {
        switch (e->fts_info) {
        case FTS_D:
                (void) chmod(e->fts_accpath, 0700);
                return 0;
        case FTS_DP:
                return rmdir(e->fts_accpath) < 0 ? -errno : 0;
        case FTS_DNR:
        case FTS_ERR:
        case FTS_NS:
                return -e->fts_errno;
        default:
                return unlink(e->fts_accpath) < 0 ? -errno : 0;
        }
}

int remove_tree(const char *path) {
        char *const paths[] = { (char *) path, NULL };
        FTS *fts = fts_open(paths, FTS_PHYSICAL | FTS_XDEV, NULL);
        FTSENT *e;
        int r = fts ? 0 : -errno;

        while (r >= 0 && (e = fts_read(fts)))
                r = remove_entry(e);
        if (fts)
                fts_close(fts);
        return r;
}
