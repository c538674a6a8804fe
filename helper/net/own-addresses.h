/* The addresses of this machine, which may be public ones, and the networks that it is connected to. */
#pragma once

/* Opens a socket of this network namespace that tells of changes. A descriptor; negative errno. */
int own_addresses_open(void);

/* Asks for all of them: A.B.C.D/N each, in an owned array without those of the loopback. 0, negative errno.
 */
int own_addresses_read(int fd, char ***ret);

/* Takes what the socket has to tell. 1: something has changed; 0: nothing has; negative errno. */
int own_addresses_changed(int fd);
