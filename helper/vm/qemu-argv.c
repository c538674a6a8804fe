/* Each flag has its reason above it. A value that is not ours goes through
 * quote_option(), because a comma ends a suboption. */

#include "helper/vm/qemu-argv.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/strv.h"
#include "helper/net/addresses.h"

/* A comma inside a value is written twice. Owned, or NULL. */
static char *quote_option(const char *value) {
        char *quoted = malloc(2 * strlen(value) + 1), *out = quoted;

        if (!quoted)
                return NULL;
        for (; *value; value++) {
                if (*value == ',')
                        *out++ = ',';
                *out++ = *value;
        }
        *out = '\0';
        return quoted;
}

/* Counts errors; the caller looks at them once, at the end. */
typedef struct Argv {
        char **v;
        bool failed;
} Argv;

#define add(argv, ...) ((argv)->failed |= strv_extend(&(argv)->v, __VA_ARGS__, NULL) < 0)
/* An option and its value, which is a format. */
#define addf(argv, option, ...)                                                                             \
        ((argv)->failed |= strv_append(&(argv)->v, option) < 0 || strv_appendf(&(argv)->v, __VA_ARGS__) < 0)

/* QEMU shows all that KVM or TCG can do, so a guest could have VMs of its own. KVM's code for those has had
 * its share of holes, and next to no guest needs it. */
static const char *cpu_features(const QemuConfig *c) {
        return setting_is(c->parameters->values, SETTING_NESTED, "yes")
                        ? ""
                        : c->image->architecture->cpu_without_vms;
}

static void add_machine(Argv *a, const QemuConfig *c) {
        uint64_t memory_mib = setting_number(c->parameters->values, SETTING_MEMORY_MIB);
        const Architecture *architecture = c->image->architecture;
        const MachineType *type = architecture_machine(
                        architecture, setting_value(c->parameters->values, SETTING_MACHINE));

        /* mem-merge off: with merged pages a guest could find out, by timing, what another guest has in
         * memory. dump-guest-core off: its memory, with what is secret in it, is in no core file. */
        addf(a, "-M", "%s,accel=%s,memory-backend=mem,mem-merge=off,dump-guest-core=off", type->machine,
                        c->kvm ? "kvm" : "tcg");
        if (type->firmware)
                add(a, "-bios", type->firmware);
        addf(a, "-cpu", "%s%s", c->kvm ? "host" : architecture->tcg_cpu, cpu_features(c));
        addf(a, "-smp", "%" PRIu64, setting_number(c->parameters->values, SETTING_CPUS));
        addf(a, "-m", "%" PRIu64 "M", memory_mib);
        /* vhost-user daemons map the guest's memory, so it must be a shared file */
        addf(a, "-object", "memory-backend-memfd,id=mem,share=on,size=%" PRIu64 "M", memory_mib);
}

static void add_process(Argv *a, const QemuConfig *c) {
        addf(a, "-name", "claude-vm@%s", c->parameters->id);
        add(a, "-uuid", c->parameters->uuid);
        /* only the devices and configuration files that are named here */
        add(a, "-nodefaults");
        add(a, "-no-user-config");
        add(a, "-display", "none");
        /* a guest's reboot ends the VM; on microvm the kernel's reboot=t turns every power-off into a reboot
         */
        add(a, "-no-reboot");
        add(a, "-sandbox", "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny");
        addf(a, "-chardev", "socket,id=qmp,fd=%d", c->qmp_fd);
        add(a, "-mon", "chardev=qmp,mode=control");
}

static void add_boot(Argv *a, const QemuConfig *c) {
        _cleanup_free_ char *root = quote_option(c->image->root);
        char tsc[48] = "";

        add(a, "-kernel", c->image->kernel);
        add(a, "-initrd", c->image->initrd);
        /* a panic ends the VM instead of leaving it there; quiet: the console is for what goes wrong */
        /* Under TCG the kernel's own measurement of the counter fails now and then (on a busy host one boot
         * in four). It then waits for timer interrupts that never come, and the guest hangs before its first
         * word. Nor does it believe that the counters of two CPUs agree. It counts ticks instead, of which a
         * busy host loses many: such a clock was 8 s late after two minutes. */
        if (c->tsc_khz > 0 && c->image->architecture->has_tsc)
                snprintf(tsc, sizeof(tsc), "tsc=reliable tsc_early_khz=%u ", c->tsc_khz);
        addf(a, "-append", "console=hvc0 %spanic=-1 quiet %s%s", c->image->architecture->kernel_words, tsc,
                        c->image->cmdline);
        /* read-only, so all VMs of an image share one page cache; no lock, for the same reason */
        addf(a, "-blockdev", "driver=file,node-name=root,filename=%s,read-only=on,locking=off", root ?: "");
        add(a, "-device", "virtio-blk-pci,drive=root");
        a->failed |= !root;
}

static void add_ports(Argv *a, const QemuConfig *c) {
        /* by default it has 31 ports, and the main loop polls two queues of each at every turn */
        add(a, "-device", "virtio-serial-pci,max_ports=3");
        addf(a, "-chardev", "socket,id=console,fd=%d", c->console_fd);
        add(a, "-device", "virtconsole,chardev=console");
        addf(a, "-chardev", "socket,id=notify,fd=%d", c->notify_fd);
        add(a, "-device", "virtserialport,chardev=notify,name=claude-vm.notify");
        addf(a, "-chardev", "socket,id=control,fd=%d", c->control_fd);
        add(a, "-device", "virtserialport,chardev=control,name=claude-vm.control");
}

static void add_share(Argv *a, const QemuConfig *c, const ShareParameters *share) {
        _cleanup_free_ char *dir = quote_option(c->socket_dir);

        addf(a, "-chardev", "socket,id=fs-%s,path=%s/%s:%s.sock", share->tag, dir ?: "", c->parameters->id,
                        share->tag);
        addf(a, "-device", "vhost-user-fs-pci,chardev=fs-%1$s,tag=%1$s", share->tag);
        a->failed |= !dir;
}

static void add_network(Argv *a, const QemuConfig *c) {
        /* frames go through the descriptor to the VM's own network; QEMU has no other way out */
        addf(a, "-netdev", "tap,id=net0,fd=%d", c->tap_fd);
        /* without the boot ROM, because no guest boots from the network */
        addf(a, "-device", "virtio-net-pci,netdev=net0,romfile=,host_mtu=%d", NET_MTU);
}

static void add_rest(Argv *a, const QemuConfig *c) {
        /* entropy for the keys of the first moments */
        add(a, "-device", "virtio-rng-pci");
        /* memory that the guest does not use goes back to the host */
        add(a, "-device", "virtio-balloon-pci,free-page-reporting=on");
        for (unsigned i = 0; i < c->n_credentials; i++) {
                addf(a, "-fw_cfg", "name=opt/io.systemd.credentials/%s,file=/proc/self/fd/%d",
                                c->credentials[i].name, c->credentials[i].fd);
        }
}

/* The script of a dev shell as a disk that the guest can only read, found by its serial number. Not a fw_cfg
 * file: for each page of one the guest's kernel reads all bytes before it again, one by one, so the time
 * grows with the square of the size (128 KiB take 0.4 s under TCG, and with KVM each byte is an exit). */
static void add_dev_shell(Argv *a, const QemuConfig *c) {
        if (c->dev_shell_fd < 0)
                return;
        /* pass the open file: QEMU may not open its path */
        addf(a, "-add-fd", "fd=%d,set=1", c->dev_shell_fd);
        add(a, "-blockdev", "driver=file,node-name=devshell,filename=/dev/fdset/1,read-only=on,locking=off");
        add(a, "-device", "virtio-blk-pci,drive=devshell,serial=devshell");
}

/* A file of raw sectors that the guest formats. discard, detect-zeroes: what the guest deletes, and the
 * zeros that it writes, take no room on the host. No lock of QEMU's: the descriptor has ours. werror,
 * rerror: the guest sees an error as a disk's own; QEMU would stop the VM on a full host, and nobody would
 * know why. */
static void add_disk(Argv *a, const QemuConfig *c) {
        if (c->disk_fd < 0)
                return;
        addf(a, "-add-fd", "fd=%d,set=2", c->disk_fd);
        add(a, "-blockdev",
                        "driver=file,node-name=disk,filename=/dev/fdset/2,discard=unmap,detect-zeroes=unmap,locking=off");
        add(a, "-device", "virtio-blk-pci,drive=disk,serial=disk,werror=report,rerror=report");
}

int qemu_argv(const QemuConfig *c, char ***ret) {
        Argv a = {};

        add(&a, c->qemu);
        add_process(&a, c);
        add_machine(&a, c);
        add_boot(&a, c);
        add_ports(&a, c);
        for (unsigned i = 0; i < c->parameters->n_shares; i++)
                add_share(&a, c, c->parameters->shares + i);
        add_network(&a, c);
        add_rest(&a, c);
        /* after the root file system, which stays the first disk */
        add_dev_shell(&a, c);
        add_disk(&a, c);
        /* the monitor says from where; nothing of the guest runs before */
        if (c->incoming)
                add(&a, "-incoming", "defer");
        if (a.failed) {
                strv_free(a.v);
                return -ENOMEM;
        }
        *ret = a.v;
        return 0;
}
