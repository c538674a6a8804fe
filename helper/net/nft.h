/* The program nft, for the network namespace that we are in. */
#pragma once

#include <stdio.h>
#include <systemd/sd-json.h>

/* A script is printed to the stream, then run as one transaction. */
typedef struct NftScript {
        FILE *stream;
        int fd;
} NftScript;

/* 0, negative errno. */
int nft_begin(NftScript *ret);

/* 0; -EPROTO: nft said no, and why on our stderr; other negative errno. Ends the script in any case. */
int nft_end(NftScript *script, const char *nft);

/* Tries in a child process what a VM's network needs: the namespaces, the interface, rules. 0; -EUSERS and
 * -ENODEV as net_namespace_enter() has them; -EPROTO: nft said no; other negative
 * errno. */
int nft_try(const char *nft);

/* Packets and bytes of a counter of the table. 0, negative errno. */
int nft_counter(const char *nft, const char *name, uint64_t *ret_packets, uint64_t *ret_bytes);
