/* The addresses of this machine, which may be public ones, and the networks that it is connected to. */
#pragma once

/* Both open a socket of this network namespace, which stays in it: one to ask, and one that tells of
 * changes. A descriptor; negative errno. */
int own_addresses_open(void);
int own_addresses_watch(void);

/* Without those of the loopback. Both arrays are owned, and NULL if they are empty. */
typedef struct OwnAddresses {
        char **addresses; /* A.B.C.D each */
        char **networks;  /* A.B.C.D/N each, the network that the address is in */
} OwnAddresses;

void own_addresses_done(OwnAddresses *own);

/* Asks for all of them, at own_addresses_open(). 0; negative errno. */
int own_addresses_read(int fd, OwnAddresses *ret);

/* Takes what own_addresses_watch() has to tell. 1: something has changed; 0: nothing has; negative errno. */
int own_addresses_changed(int fd);
