/* Watches a directory and all below it for what is saved there, with bounds for everything. */
#pragma once

#include <stdbool.h>
#include <systemd/sd-event.h>

#define WATCHER_PATH_MAX 1024U /* bytes of a path that is told */

typedef struct Watcher Watcher;

/* Called for each path, relative to the directory, that has changed: a file, or a directory in which more
 * has changed than can be told; "." for the directory itself. False: there is no room now, ask again later.
 */
typedef bool (*watcher_tell)(void *userdata, const char *path);

/* Begins to watch the directory that `root` has open, which it takes. Directories are looked up little by
 * little from the loop. 0, negative errno. */
int watcher_new(sd_event *event, int root, watcher_tell tell, void *userdata, Watcher **ret);

/* Number of directories that are watched, and whether there are more of them. */
size_t watcher_count(const Watcher *w, bool *ret_incomplete);

Watcher *watcher_free(Watcher *w);
