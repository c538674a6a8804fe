/* The addresses of this machine, which may be public ones, and the networks that it is connected to. */
#pragma once

/* Opens a socket of this network namespace that tells of changes. A descriptor; negative errno. */
int own_addresses_open(void);

/* Without those of the loopback. Both arrays are owned, and NULL if they are empty. */
typedef struct OwnAddresses {
        char **addresses; /* A.B.C.D each */
        char **networks;  /* A.B.C.D/N each, the network that the address is in */
} OwnAddresses;

void own_addresses_done(OwnAddresses *own);

/* Asks for all of them. 0; negative errno. */
int own_addresses_read(int fd, OwnAddresses *ret);

/* Takes what the socket has to tell. 1: something has changed; 0: nothing has; negative errno. */
int own_addresses_changed(int fd);
