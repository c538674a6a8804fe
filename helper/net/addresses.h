/* The addresses of a VM's network. The guest's side is that of QEMU's user network, so that images need no
 * change. The other side, between the VM's namespace and pasta, is the IPv4 service continuity prefix (RFC
 * 7335), which is for such inner ends and which no server has. */
#pragma once

#include "common/api.h"

#define NET_GUEST "10.0.2.15"
#define NET_GATEWAY API_ADDRESS
#define NET_RESOLVER "10.0.2.3"
#define NET_SUBNET "10.0.2.0/24"
#define NET_MASK "255.255.255.0"
#define NET_SSH_PORT 22

#define NET_OUTER "192.0.0.2"
#define NET_OUTER_GATEWAY "192.0.0.1"
#define NET_OUTER_PREFIX "29"
#define NET_OUTER_SUBNET "192.0.0.0/29"
#define NET_OUTER_RESOLVER "192.0.0.3" /* pasta asks the host's name servers for it */
#define NET_OUTER_HOST "192.0.0.4"     /* the host's loopback, for pasta */

#define NET_TAP "vm0"

/* Bytes, as pasta's own interface has it. The kernel drops what does not fit into the queue of the guest's
 * interface, 1,000 packets, and pasta, which sends as much as the guest's window allows, does not recover
 * from that: a download from a fast service stood still for good with 1,500. In packets of this size a whole
 * window is a hundred. */
#define NET_MTU 65520
#define NET_OUT "out0"

/* What listens in the VM's namespace, at NET_GATEWAY. */
#define NET_API_PORT API_PORT
#define NET_TLS_PORT 8443

/* The runtime directory of a VM's network is $XDG_RUNTIME_DIR/claude-vm-net/ID/. */
#define NET_RUNTIME "/claude-vm-net/"
