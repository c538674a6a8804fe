#include "helper/net/namespace.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <stddef.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "helper/net/addresses.h"
#include "helper/sandbox/mount-namespace.h"

/* --- the interface --------------------------------------------------------------------- */

static void set_name(struct ifreq *request, const char *name) {
        *request = (struct ifreq) {};
        strncpy(request->ifr_name, name, sizeof(request->ifr_name) - 1);
}

/* One address of an interface; a second one has a label, NAME:LABEL. */
static int set_address(int fd, const char *name, unsigned long what, const char *text) {
        struct sockaddr_in address = { .sin_family = AF_INET };
        struct ifreq request;

        if (inet_pton(AF_INET, text, &address.sin_addr) != 1)
                return -EINVAL;
        set_name(&request, name);
        memcpy(&request.ifr_addr, &address, sizeof(address));
        return ioctl(fd, what, &request) < 0 ? -errno : 0;
}

static int set_up(int fd, const char *name) {
        struct ifreq request;

        set_name(&request, name);
        if (ioctl(fd, SIOCGIFFLAGS, &request) < 0)
                return -errno;
        request.ifr_flags |= IFF_UP;
        return ioctl(fd, SIOCSIFFLAGS, &request) < 0 ? -errno : 0;
}

/* vnet_hdr: QEMU hands over large segments and leaves checksums to the kernel. */
static int make_tap(void) {
        _cleanup_close_ int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK);
        struct ifreq request;

        if (fd < 0)
                return errno == ENOENT || errno == ENXIO ? -ENODEV : -errno;
        set_name(&request, NET_TAP);
        request.ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR;
        return ioctl(fd, TUNSETIFF, &request) < 0 ? -errno : TAKE_FD(fd);
}

static int set_mtu(int fd, const char *name, int mtu) {
        struct ifreq request;

        set_name(&request, name);
        request.ifr_mtu = mtu;
        return ioctl(fd, SIOCSIFMTU, &request) < 0 ? -errno : 0;
}

static int configure_interfaces(void) {
        _cleanup_close_ int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        int r;

        if (fd < 0)
                return -errno;
        r = set_up(fd, "lo");
        if (r >= 0)
                r = set_mtu(fd, NET_TAP, NET_MTU);
        if (r >= 0)
                r = set_address(fd, NET_TAP, SIOCSIFADDR, NET_GATEWAY);
        if (r >= 0)
                r = set_address(fd, NET_TAP, SIOCSIFNETMASK, NET_MASK);
        if (r >= 0)
                r = set_address(fd, NET_TAP ":dns", SIOCSIFADDR, NET_RESOLVER);
        if (r >= 0)
                r = set_address(fd, NET_TAP ":dns", SIOCSIFNETMASK, NET_MASK);
        return r < 0 ? r : set_up(fd, NET_TAP);
}

static int write_sysctl(const char *path, const char *value) {
        _cleanup_close_ int fd = open(path, O_WRONLY | O_CLOEXEC);

        return fd < 0 || write(fd, value, strlen(value)) < 0 ? -errno : 0;
}

/* Those of this namespace alone. */
static int configure_kernel(void) {
        static const char *const values[][2] = {
                { "/proc/sys/net/ipv4/ip_forward", "1" },
                /* dnsmasq takes port 53 without a capability */
                { "/proc/sys/net/ipv4/ip_unprivileged_port_start", "0" },
                /* guests have IPv4 */
                { "/proc/sys/net/ipv6/conf/all/disable_ipv6", "1" },
                { "/proc/sys/net/ipv6/conf/default/disable_ipv6", "1" },
        };
        int r = 0;

        for (size_t i = 0; r >= 0 && i < ELEMENTSOF(values); i++) {
                r = write_sysctl(values[i][0], values[i][1]);
                if (r == -ENOENT) /* a kernel without IPv6 */
                        r = 0;
        }
        return r;
}

/* --- namespaces ------------------------------------------------------------------------ */

static int open_namespaces(NetNamespace *n) {
        n->user_fd = open("/proc/self/ns/user", O_RDONLY | O_CLOEXEC);
        n->net_fd = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
        return n->user_fd < 0 || n->net_fd < 0 ? -errno : 0;
}

int net_namespace_enter(NetNamespace *ret, const char **ret_step) {
        NetNamespace n = { .user_fd = -EBADF, .net_fd = -EBADF, .tap_fd = -EBADF };
        int r;

        *ret_step = "make a network namespace";
        r = mount_namespace_enter_with(CLONE_NEWNET);
        if (r >= 0)
                r = open_namespaces(&n);
        if (r >= 0) {
                *ret_step = "make the guest's interface with /dev/net/tun";
                r = n.tap_fd = make_tap();
        }
        if (r >= 0) {
                *ret_step = "give the guest's interface its addresses";
                r = configure_kernel();
        }
        if (r >= 0)
                r = configure_interfaces();
        if (r < 0)
                return r;
        *ret = n;
        return 0;
}

int net_namespace_join(int user_fd, int net_fd) {
        if (setns(user_fd, CLONE_NEWUSER) < 0 || setns(net_fd, CLONE_NEWNET) < 0 || unshare(CLONE_NEWNS) < 0)
                return -errno;
        return mount("none", "/", "none", MS_SLAVE | MS_REC, NULL) < 0 ? -errno : 0;
}

/* --- capabilities ---------------------------------------------------------------------- */

static int drop_bounding_set(int kept) {
        for (int i = 0; prctl(PR_CAPBSET_READ, i, 0, 0, 0) >= 0; i++)
                if (i != kept && prctl(PR_CAPBSET_DROP, i, 0, 0, 0) < 0)
                        return -errno;
        return 0;
}

int net_namespace_drop_capabilities(bool keep_admin) {
        const uint32_t mask = keep_admin ? 1U << CAP_NET_ADMIN : 0;
        struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
        struct __user_cap_data_struct data[2] = {
                { .effective = mask, .permitted = mask, .inheritable = mask },
        };
        int r = drop_bounding_set(keep_admin ? CAP_NET_ADMIN : -1);

        if (r < 0)
                return r;
        if (syscall(SYS_capset, &header, data) < 0)
                return -errno;
        /* a program that is run keeps ambient capabilities only */
        if (keep_admin && prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_NET_ADMIN, 0, 0) < 0)
                return -errno;
        return 0;
}

/* Nobody hangs up for a guest whose QEMU was killed. A probe every three seconds finds out when
 * net_namespace_end_connections() has been here, and a guest that only stalls has two minutes. */
static void probe_often(int fd) {
        static const struct {
                int level, name, value;
        } options[] = {
                { SOL_SOCKET, SO_KEEPALIVE, 1 },
                { IPPROTO_TCP, TCP_KEEPIDLE, 3 },
                { IPPROTO_TCP, TCP_KEEPINTVL, 3 },
                { IPPROTO_TCP, TCP_KEEPCNT, 40 },
        };

        for (size_t i = 0; i < ELEMENTSOF(options); i++)
                (void) setsockopt(fd, options[i].level, options[i].name, &options[i].value, sizeof(int));
}

int net_namespace_end_connections(void) {
        _cleanup_close_ int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        int r = fd < 0 ? -errno : set_address(fd, "lo:guest", SIOCSIFADDR, NET_GUEST);

        /* where the answers go, when the guest's interface is no more */
        return r < 0 ? r : set_address(fd, "lo:us", SIOCSIFADDR, NET_GATEWAY);
}

int net_namespace_connect_ssh(void) {
        const struct sockaddr_in guest = {
                .sin_family = AF_INET,
                .sin_port = htons(NET_SSH_PORT),
                .sin_addr.s_addr = inet_addr(NET_GUEST),
        };
        _cleanup_close_ int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

        if (fd < 0)
                return -errno;
        probe_often(fd);
        if (connect(fd, (const struct sockaddr *) &guest, sizeof(guest)) < 0 && errno != EINPROGRESS)
                return -errno;
        return TAKE_FD(fd);
}
