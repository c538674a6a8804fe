#include "helper/try.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "config.h"
#include "helper/host/namespaces.h"
#include "helper/net/nft.h"
#include "helper/sandbox/sandbox.h"

static int refused(void) {
        _cleanup_free_ char *why = NULL;

        if (namespaces_explain("", HELPER_PATH, &why) < 0)
                return -ENOMEM;
        puts(why);
        return -EUSERS;
}

static int try_namespaces(void) {
        int r = sandbox_try();

        if (r == -EUSERS)
                return refused();
        if (r < 0)
                printf("QEMU cannot get a root directory of its own: %s; Linux 5.12 or newer is needed, and a container must let /proc be mounted\n",
                                strerror(-r));
        else
                puts("QEMU and ssh get a root directory of their own");
        return r;
}

/* The guest's interface, and a table of rules; they end with a child process. */
static int try_network(void) {
        int r = nft_try(NFT_PATH);

        if (r >= 0)
                puts("a VM gets a network namespace with an interface and rules of its own");
        else if (r == -ENODEV)
                puts("there is no /dev/net/tun, which the guest's interface is made with: sudo modprobe tun; a container must be given the device");
        else if (r == -EUSERS)
                puts("the kernel gives ordinary users no namespaces, see above");
        else if (r == -EPROTO)
                puts("nft cannot load rules, see above: the kernel must have nf_tables with conntrack, NAT, log and reject: sudo modprobe nf_tables");
        else
                printf("cannot make the network of a VM: %s\n", strerror(-r));
        return r;
}

static const struct {
        const char *name;
        int (*run)(void);
} tries[] = { { "namespaces", try_namespaces }, { "network", try_network } };

int try_run(const char *what) {
        for (size_t i = 0; i < ELEMENTSOF(tries); i++)
                if (strcmp(what, tries[i].name) == 0)
                        return tries[i].run() < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
        fprintf(stderr, "claude-vm-helper: there is nothing to try that is named '%s'\n", what);
        return 2;
}
