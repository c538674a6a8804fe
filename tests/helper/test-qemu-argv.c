#include "tests/test.h"

#include "common/cleanup.h"
#include "common/strv.h"
#include "helper/vm/qemu-argv.h"

static ShareParameters shares[] = {
        { .tag = (char *) "work", .guest_directory = (char *) "/work", .directory = (char *) "/w" },
};
static const Parameters parameters = {
        .id = "p",
        .uuid = "0b7c1f3e-5d0a-4b52-9f0e-2d1c3b4a5968",
        .values = { [SETTING_MEMORY_MIB] = (char *) "2048", [SETTING_CPUS] = (char *) "2" },
        .shares = shares,
        .n_shares = 1,
};
static GuestImage image = {
        .kernel = (char *) "/g/kernel",
        .initrd = (char *) "/g/initrd",
        .root = (char *) "/g,x/root.erofs",
        .cmdline = (char *) "more words",
};

/* The row of each architecture is there on every host. */
static int setup(void **state) {
        image.architecture = architecture_find("x86_64");
        return image.architecture ? 0 : -1;
}

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
                .tap_fd = 7,
                .credentials = credentials,
                .n_credentials = 1,
                .dev_shell_fd = -1,
                .disk_fd = -1,
        };
}

/* What both architectures have. */
#define DEVICES                                                                                             \
        "-device virtio-blk-pci,drive=root -device virtio-serial-pci,max_ports=3 "                          \
        "-chardev socket,id=console,fd=6 -device virtconsole,chardev=console "                              \
        "-chardev socket,id=notify,fd=4 -device "                                                           \
        "virtserialport,chardev=notify,name=claude-vm.notify "                                              \
        "-chardev socket,id=control,fd=5 "                                                                  \
        "-device virtserialport,chardev=control,name=claude-vm.control "                                    \
        "-chardev socket,id=fs-work,path=/run/user/1000/claude-vm-fs/p:work.sock "                          \
        "-device vhost-user-fs-pci,chardev=fs-work,tag=work "                                               \
        "-netdev tap,id=net0,fd=7 -device virtio-net-pci,netdev=net0,romfile=,host_mtu=65520 "              \
        "-device virtio-rng-pci -device virtio-balloon-pci,free-page-reporting=on "                         \
        "-fw_cfg name=opt/io.systemd.credentials/system.machine_id,file=/proc/self/fd/9"

static void test_whole(void **state) {
        QemuConfig config = config_of(false);
        _cleanup_free_ char *text = argv_of(&config);

        assert_string_equal(text,
                        "/usr/bin/qemu -name claude-vm@p -uuid 0b7c1f3e-5d0a-4b52-9f0e-2d1c3b4a5968 "
                        "-nodefaults "
                        "-no-user-config -display none -no-reboot "
                        "-sandbox on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny "
                        "-chardev socket,id=qmp,fd=3 -mon chardev=qmp,mode=control "
                        "-M microvm,pcie=on,rtc=on,accel=tcg,memory-backend=mem,mem-merge=off,"
                        "dump-guest-core=off -bios "
                        "qboot.rom "
                        "-cpu max,vmx=off,svm=off -smp 2 -m 2048M -object memory-backend-memfd,id=mem,share=on,size=2048M "
                        "-kernel /g/kernel -initrd /g/initrd "
                        "-append 'console=hvc0 reboot=t panic=-1 quiet more words' "
                        "-blockdev "
                        "driver=file,node-name=root,filename=/g,,x/root.erofs,read-only=on,locking=off " DEVICES);
}

static void test_variants(void **state) {
        Parameters variant = parameters;
        QemuConfig config = config_of(true);
        _cleanup_free_ char *text = NULL;

        variant.values[SETTING_MACHINE] = (char *) "q35";
        config.parameters = &variant;
        config.dev_shell_fd = 12;
        config.disk_fd = 13;
        text = argv_of(&config);
        assert_non_null(strstr(text, " -M q35,accel=kvm,"));
        assert_non_null(strstr(text, " -cpu host,vmx=off,svm=off "));
        assert_null(strstr(text, "qboot"));
        assert_non_null(strstr(text,
                        " -add-fd fd=12,set=1 -blockdev "
                        "driver=file,node-name=devshell,filename=/dev/fdset/1,read-only=on,"
                        "locking=off -device virtio-blk-pci,drive=devshell,serial=devshell"));
        assert_non_null(strstr(text,
                        " -add-fd fd=13,set=2 -blockdev "
                        "driver=file,node-name=disk,filename=/dev/fdset/2,discard=unmap,detect-zeroes=unmap,"
                        "locking=off -device "
                        "virtio-blk-pci,drive=disk,serial=disk,werror=report,rerror=report"));
}

/* The words of an option, in a vector that has it once. */
static void check_option(const char *text, const char *option, const char *value) {
        _cleanup_free_ char *expected = NULL, *name = NULL;
        const char *found;

        assert_true(asprintf(&expected, " %s %s ", option, value) > 0);
        assert_true(asprintf(&name, " %s ", option) > 0);
        found = strstr(text, name);
        assert_non_null(found);
        assert_memory_equal(found, expected, strlen(expected));
        assert_null(strstr(found + 1, name));
}

#define REST ",memory-backend=mem,mem-merge=off,dump-guest-core=off"
#define ALONE ",vmx=off,svm=off"

/* All that an architecture changes, and nothing else: what is left over is the same for all. */
static void test_architectures(void **state) {
        static const struct {
                const char *architecture, *machine;
                bool kvm;
                const char *type, *bios, *cpu, *kernel;
        } vms[] = {
                { "x86_64", "auto", false, "microvm,pcie=on,rtc=on,accel=tcg" REST, "qboot.rom", "max" ALONE,
                                "'console=hvc0 reboot=t panic=-1 quiet tsc=reliable tsc_early_khz=2500000 more words'" },
                { "x86_64", "microvm", true, "microvm,pcie=on,rtc=on,accel=kvm" REST, "qboot.rom",
                                "host" ALONE,
                                "'console=hvc0 reboot=t panic=-1 quiet tsc=reliable tsc_early_khz=2500000 more words'" },
                { "x86_64", "q35", true, "q35,accel=kvm" REST, NULL, "host" ALONE,
                                "'console=hvc0 reboot=t panic=-1 quiet tsc=reliable tsc_early_khz=2500000 more words'" },
                { "aarch64", "auto", false, "virt,gic-version=max,accel=tcg" REST, NULL,
                                "max,pauth-impdef=on", "'console=hvc0 panic=-1 quiet more words'" },
                { "aarch64", "virt", true, "virt,gic-version=max,accel=kvm" REST, NULL, "host",
                                "'console=hvc0 panic=-1 quiet more words'" },
        };

        for (size_t i = 0; i < ELEMENTSOF(vms); i++) {
                Parameters variant = parameters;
                QemuConfig config = config_of(vms[i].kvm);
                _cleanup_free_ char *text = NULL;

                variant.values[SETTING_MACHINE] = (char *) vms[i].machine;
                image.architecture = architecture_find(vms[i].architecture);
                config.parameters = &variant;
                config.tsc_khz = 2500000;
                text = argv_of(&config);
                check_option(text, "-M", vms[i].type);
                check_option(text, "-cpu", vms[i].cpu);
                check_option(text, "-append", vms[i].kernel);
                if (vms[i].bios)
                        check_option(text, "-bios", vms[i].bios);
                else
                        assert_null(strstr(text, " -bios "));
        }
}

/* The whole of an ARM guest's. */
static void test_whole_aarch64(void **state) {
        QemuConfig config = config_of(false);
        _cleanup_free_ char *text = NULL;

        image.architecture = architecture_find("aarch64");
        text = argv_of(&config);
        assert_string_equal(text,
                        "/usr/bin/qemu -name claude-vm@p -uuid 0b7c1f3e-5d0a-4b52-9f0e-2d1c3b4a5968 "
                        "-nodefaults -no-user-config -display none -no-reboot "
                        "-sandbox on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny "
                        "-chardev socket,id=qmp,fd=3 -mon chardev=qmp,mode=control "
                        "-M virt,gic-version=max,accel=tcg" REST " -cpu max,pauth-impdef=on -smp 2 -m 2048M "
                        "-object memory-backend-memfd,id=mem,share=on,size=2048M "
                        "-kernel /g/kernel -initrd /g/initrd -append 'console=hvc0 panic=-1 quiet more words' "
                        "-blockdev driver=file,node-name=root,filename=/g,,x/root.erofs,read-only=on,locking=off " DEVICES);
}

/* Machine= has words of both architectures, and each is good for one. */
static void test_machines(void **state) {
        static const struct {
                const char *architecture, *word, *machine;
        } pairs[] = {
                { "x86_64", "auto", "microvm" },
                { "x86_64", "microvm", "microvm" },
                { "x86_64", "q35", "q35" },
                { "x86_64", "virt", NULL },
                { "aarch64", "auto", "virt" },
                { "aarch64", "virt", "virt" },
                { "aarch64", "microvm", NULL },
                { "aarch64", "q35", NULL },
        };

        for (size_t i = 0; i < ELEMENTSOF(pairs); i++) {
                const MachineType *type = architecture_machine(
                                architecture_find(pairs[i].architecture), pairs[i].word);

                if (pairs[i].machine)
                        assert_string_equal(type->word, pairs[i].machine);
                else
                        assert_null(type);
        }
        assert_null(architecture_find("arm64"));
        assert_non_null(architecture_of_host());
}

/* The value of a suboption as QEMU reads it, and how many suboptions there are: a comma ends one, two are
 * a comma. */
static char *suboption(const char *option, const char *name, unsigned *ret_n) {
        char value[1024], *found = NULL;
        size_t size = 0;

        *ret_n = 0;
        for (const char *c = option;; c++) {
                if (*c && (*c != ',' || c[1] == ',')) {
                        value[size++] = *c;
                        c += *c == ',';
                        continue;
                }
                value[size] = '\0';
                size = strlen(name);
                if (strncmp(value, name, size) == 0 && value[size] == '=' && !found)
                        found = strdup(value + size + 1);
                size = 0;
                ++*ret_n;
                if (!*c)
                        return found;
        }
}

/* The option of `argv` that begins so. */
static const char *option_of(char *const *argv, const char *prefix) {
        for (; *argv; argv++)
                if (strncmp(*argv, prefix, strlen(prefix)) == 0)
                        return *argv;
        fail_msg("there is no %s", prefix);
        return NULL;
}

/* It has this value, and there are as many others as in the `plain` vector. */
static void check_suboption(char *const *argv, char *const *plain, const char *prefix, const char *name,
                const char *value) {
        unsigned n, n_plain;
        _cleanup_free_ char *got = suboption(option_of(argv, prefix), name, &n);
        _cleanup_free_ char *other = suboption(option_of(plain, prefix), name, &n_plain);

        assert_string_equal(got, value);
        assert_int_equal(n, n_plain);
}

static char **hostile_argv(const char *value) {
        QemuConfig config = config_of(false);
        GuestImage hostile = { .architecture = image.architecture,
                .root = (char *) value,
                .kernel = (char *) value,
                .initrd = (char *) value,
                .cmdline = (char *) value };
        char **argv = NULL;

        config.image = &hostile;
        config.socket_dir = value;
        assert_int_equal(qemu_argv(&config, &argv), 0);
        return argv;
}

/* No value says more than what it is, whatever it has in it. */
static void test_injection(void **state) {
        static const char *const hostile[] = { "/a,b", "/,", "/,,", "/a,file=/etc/passwd,,,x=y",
                "/a=b \"c\" 'd' \\", "/a\u2028b", "-device,help" };
        _cleanup_strv_free_ char **plain = hostile_argv("/plain");

        for (size_t i = 0; i < sizeof(hostile) / sizeof(*hostile); i++) {
                _cleanup_strv_free_ char **argv = hostile_argv(hostile[i]);
                _cleanup_free_ char *socket = NULL;

                assert_true(asprintf(&socket, "%s/p:work.sock", hostile[i]) > 0);
                check_suboption(argv, plain, "driver=file", "filename", hostile[i]);
                check_suboption(argv, plain, "socket,id=fs-work", "path", socket);
                /* a word of its own, taken as it is */
                assert_string_equal(option_of(argv, hostile[i]), hostile[i]);
                assert_int_equal(strv_length(argv), strv_length(plain));
        }
}

static void test_nested(void **state) {
        Parameters variant = parameters;
        QemuConfig config = config_of(true);
        _cleanup_free_ char *kvm = NULL, *tcg = NULL;

        variant.values[SETTING_NESTED] = (char *) "yes";
        config.parameters = &variant;
        kvm = argv_of(&config);
        assert_non_null(strstr(kvm, " -cpu host -smp "));
        config.kvm = false;
        tcg = argv_of(&config);
        assert_non_null(strstr(tcg, " -cpu max -smp "));
}

int main(void) {
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup(test_variants, setup),
                cmocka_unit_test_setup(test_nested, setup),
                cmocka_unit_test_setup(test_whole, setup),
                cmocka_unit_test_setup(test_whole_aarch64, setup),
                cmocka_unit_test_setup(test_architectures, setup),
                cmocka_unit_test_setup(test_machines, setup),
                cmocka_unit_test_setup(test_injection, setup),
        };
        return cmocka_run_group_tests(tests, NULL, NULL);
}
