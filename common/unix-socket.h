/* Unix sockets by their paths, and the descriptors that go through them. */
#pragma once

#include <stddef.h>

/* Both take a socket of any type. 0; -ENAMETOOLONG: no address has room for the path; other negative errno.
 */
int unix_connect(int fd, const char *path);

/* Replaces what an earlier process has left at the path. */
int unix_bind(int fd, const char *path);

#define UNIX_FDS_MAX 2U

/* Sends copies of descriptors, UNIX_FDS_MAX at most, beside a NUL byte. `flags` are those of sendmsg(). 0,
 * negative errno. */
int unix_send_fds(int fd, const int fds[], size_t n, int flags);

/* Sends a text with a copy of one descriptor, in one message. 0, negative errno. */
int unix_send_text_fd(int fd, const char *text, int passed_fd);
