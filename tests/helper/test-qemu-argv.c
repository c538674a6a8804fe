#include "test.h"

#include "cleanup.h"
#include "qemu-argv.h"
#include "strv.h"

static ShareParameters shares[] = {
        { .tag = (char *) "work", .guest_directory = (char *) "/work", .directory = (char *) "/w" },
};
static Parameters parameters = {
        .id = "p",
        .uuid = (char *) "0b7c1f3e-5d0a-4b52-9f0e-2d1c3b4a5968",
        .machine = (char *) "auto",
        .network = (char *) "user",
        .memory_mib = 2048,
        .cpus = 2,
        .shares = shares,
        .n_shares = 1,
};
static GuestImage image = {
        .kernel = (char *) "/g/kernel",
        .initrd = (char *) "/g/initrd",
        .root = (char *) "/g,x/root.erofs",
        .cmdline = (char *) "more words",
};

/* The whole vector in one line, words that have blanks in quotes. */
static char *argv_of(const QemuConfig *config) {
        _cleanup_strv_free_ char **argv = NULL;
        char *text = NULL;
        size_t size;
        FILE *f = open_memstream(&text, &size);

        assert_int_equal(qemu_argv(config, &argv), 0);
        for (size_t i = 0; argv[i]; i++)
                fprintf(f, strchr(argv[i], ' ') ? "%s'%s'" : "%s%s", i > 0 ? " " : "", argv[i]);
        fclose(f);
        return text;
}

static QemuConfig config_of(bool kvm) {
        static const GuestCredential credentials[] = { { "system.machine_id", 9 } };

        return (QemuConfig) {
                .qemu = "/usr/bin/qemu",
                .parameters = &parameters,
                .image = &image,
                .socket_dir = "/run/user/1000/claude-vm-fs",
                .kvm = kvm,
                .qmp_fd = 3,
                .notify_fd = 4,
                .control_fd = 5,
                .console_fd = 6,
                .credentials = credentials,
                .n_credentials = 1,
        };
}

static void test_whole(void **state) {
        QemuConfig config = config_of(false);
        _cleanup_free_ char *text = argv_of(&config);

        assert_string_equal(text,
                        "/usr/bin/qemu -name claude-vm@p -uuid 0b7c1f3e-5d0a-4b52-9f0e-2d1c3b4a5968 "
                        "-nodefaults "
                        "-no-user-config -display none -no-reboot "
                        "-sandbox on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny "
                        "-chardev socket,id=qmp,fd=3 -mon chardev=qmp,mode=control "
                        "-M "
                        "microvm,pcie=on,rtc=on,accel=tcg,memory-backend=mem,mem-merge=off,dump-guest-core="
                        "off -bios "
                        "qboot.rom "
                        "-cpu max -smp 2 -m 2048M -object memory-backend-memfd,id=mem,share=on,size=2048M "
                        "-kernel /g/kernel -initrd /g/initrd "
                        "-append 'console=hvc0 reboot=t panic=-1 quiet more words' "
                        "-blockdev "
                        "driver=file,node-name=root,filename=/g,,x/root.erofs,read-only=on,locking=off "
                        "-device virtio-blk-pci,drive=root -device virtio-serial-pci "
                        "-chardev socket,id=console,fd=6 -device virtconsole,chardev=console "
                        "-chardev socket,id=notify,fd=4 -device "
                        "virtserialport,chardev=notify,name=claude-vm.notify "
                        "-chardev socket,id=control,fd=5 "
                        "-device virtserialport,chardev=control,name=claude-vm.control "
                        "-chardev socket,id=fs-work,path=/run/user/1000/claude-vm-fs/p:work.sock "
                        "-device vhost-user-fs-pci,chardev=fs-work,tag=work "
                        "-netdev user,id=net0,restrict=off -device virtio-net-pci,netdev=net0,romfile= "
                        "-device virtio-rng-pci -device virtio-balloon-pci,free-page-reporting=on "
                        "-fw_cfg name=opt/io.systemd.credentials/system.machine_id,file=/proc/self/fd/9");
}

static void test_variants(void **state) {
        QemuConfig config = config_of(true);
        _cleanup_free_ char *text = NULL;

        parameters.machine = (char *) "q35";
        parameters.network = (char *) "none";
        text = argv_of(&config);
        assert_non_null(strstr(text, " -M q35,accel=kvm,"));
        assert_non_null(strstr(text, " -cpu host "));
        assert_null(strstr(text, "qboot"));
        assert_non_null(strstr(text, "restrict=on"));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_whole),
                cmocka_unit_test(test_variants),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
