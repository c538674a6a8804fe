/* The owner of an ad-hoc VM: a FIFO beside its request. The claude-run that made it holds it open for
 * writing as long as it lives; the kernel tells the reader of its end, however it came. */
#pragma once

/* Makes the FIFO and opens it. The descriptor, to be kept; negative errno. */
int request_owner_make(const char *runtime_dir, const char *id);

/* Opens it to watch: the descriptor gets EPOLLHUP at the owner's end. -EPIPE: the owner has ended.
 * -ENOENT: there is none. Other negative errno. */
int request_owner_watch(const char *runtime_dir, const char *id);
