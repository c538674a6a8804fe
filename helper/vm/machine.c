/* What is not in here is made anew by a start and may change: the network's rules, published ports, limits
 * of the unit. So the ini as a whole is not compared, but what a guest has of it. */

#include "helper/vm/machine.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/config-id.h"
#include "common/whole-file.h"
#include "common/why.h"

#define FORMAT 2 /* of all devices, too */
#define CPU_INFO_MAX 4096U

/* Settings that the guest has been started with. */
static const SettingId kept[] = { SETTING_MEMORY_MIB, SETTING_CPUS, SETTING_MACHINE, SETTING_NESTED,
        SETTING_AGENT, SETTING_AGENT_START, SETTING_DEV_SHELL, SETTING_DISK };

/* An image that has been made again has other times. */
static int print_file(FILE *f, const char *path) {
        struct stat st;

        if (stat(path, &st) < 0)
                return -errno;
        fprintf(f, "%s %" PRIi64 " %" PRIi64 ".%09ld\n", path, (int64_t) st.st_size,
                        (int64_t) st.st_mtim.tv_sec, st.st_mtim.tv_nsec);
        return 0;
}

/* With -cpu host the guest has seen what this processor can do. Its name is in the first lines. */
static void print_processor(FILE *f) {
        _cleanup_close_ int fd = open("/proc/cpuinfo", O_RDONLY | O_CLOEXEC);
        /* of x86; of ARM, which has numbers */
        static const char *const names[] = { "model name", "CPU implementer", "CPU part" };
        _cleanup_free_ char *text = NULL;
        size_t size;

        if (fd < 0 || whole_file_read_fd(fd, CPU_INFO_MAX, &text, &size) < 0)
                return;
        for (size_t i = 0; i < ELEMENTSOF(names); i++) {
                const char *name = strstr(text, names[i]);

                if (name)
                        fprintf(f, "processor %.*s\n", (int) strcspn(name, "\n"), name);
        }
}

/* A list by its identity: a value may be long, and a secret by mistake. */
static int print_list(FILE *f, const char *name, char *const *list) {
        _cleanup_free_ char *text = NULL;
        char id[CONFIG_ID_SIZE];
        size_t size;
        FILE *memory = open_memstream(&text, &size);

        if (!memory)
                return -ENOMEM;
        for (; list && *list; list++)
                fwrite(*list, strlen(*list) + 1, 1, memory);
        if (fclose(memory) != 0)
                return -ENOMEM;
        config_id_of(text, size, id);
        fprintf(f, "%s %s\n", name, id);
        return 0;
}

static void print_share(FILE *f, const ShareParameters *share) {
        fprintf(f, "share %s=%s:%s:%s\n", share->tag, share->read_only ? "ro" : "rw", share->guest_directory,
                        share->directory);
}

static int print_machine(FILE *f, const Parameters *p, const GuestImage *image, bool kvm) {
        int r;

        fprintf(f, "format %d\n", FORMAT);
        for (size_t i = 0; i < ELEMENTSOF(kept); i++)
                fprintf(f, "%s %s\n", settings[kept[i]].key, setting_value(p->values, kept[i]));
        fprintf(f, "accelerator %s\n", kvm ? "kvm" : "tcg");
        if (kvm)
                print_processor(f);
        r = print_file(f, image->kernel);
        if (r >= 0)
                r = print_file(f, image->initrd);
        if (r >= 0)
                r = print_file(f, image->root);
        if (r >= 0)
                r = print_list(f, "AgentArguments", p->arguments);
        if (r >= 0)
                r = print_list(f, "Environment", p->environment);
        for (unsigned i = 0; i < p->n_shares; i++)
                print_share(f, &p->shares[i]);
        return r;
}

int machine_print(const Parameters *p, const GuestImage *image, bool kvm, char **ret) {
        _cleanup_free_ char *text = NULL;
        size_t size;
        FILE *f = open_memstream(&text, &size);
        int r;

        if (!f)
                return -ENOMEM;
        r = print_machine(f, p, image, kvm);
        if (fclose(f) != 0)
                return -ENOMEM;
        if (r >= 0)
                *ret = TAKE_PTR(text);
        return r;
}

int machine_print_disk(int fd, char **ret) {
        struct stat st;

        if (fstat(fd, &st) < 0)
                return -errno;
        return asprintf(ret, "disk %" PRIu64 " of %" PRIi64 " bytes, written to at %" PRIi64 ".%09ld\n",
                               (uint64_t) st.st_ino, (int64_t) st.st_size, (int64_t) st.st_mtim.tv_sec,
                               st.st_mtim.tv_nsec) < 0
                        ? -ENOMEM
                        : 0;
}

/* The end of a text differs from every line. */
static int differ(const char *saved, size_t n, const char *now, size_t m, char **ret_why) {
        return why_say(ret_why, -EINVAL, "it was suspended with '%.*s' and would have '%.*s' now",
                        (int) (n > 0 ? n : strlen("nothing more")), n > 0 ? saved : "nothing more",
                        (int) (m > 0 ? m : strlen("nothing more")), m > 0 ? now : "nothing more");
}

int machine_compare(const char *saved, const char *now, char **ret_why) {
        while (*saved || *now) {
                size_t n = strcspn(saved, "\n"), m = strcspn(now, "\n");

                if (n != m || memcmp(saved, now, n) != 0)
                        return differ(saved, n, now, m, ret_why);
                saved += n + (saved[n] == '\n');
                now += m + (now[m] == '\n');
        }
        return 0;
}
