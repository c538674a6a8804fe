/* That /dev/kvm opens proves nothing: some machines offer one that emulates, in which
 * a guest only crawls. So a child process counts on a virtual CPU, in real mode, and
 * an alarm ends it: whatever KVM does, there is an answer. */

#include "helper/host/accelerator.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/whole-file.h"

#define LIMIT_USEC 200000
#define GUEST_ADDRESS 0x1000
#define READINGS 20U
#define CLOSE_NSEC 2000U

enum { WORKS, NO_DEVICE, NO_PERMISSION, NO_VM, NO_RUN };

static const char *const reasons[] = {
        [NO_DEVICE] = "there is no /dev/kvm",
        [NO_PERMISSION] = "you have no access to /dev/kvm; on most systems: sudo usermod -aG kvm $USER",
        [NO_VM] = "KVM does not create a virtual machine",
        [NO_RUN] = "a virtual CPU does not run at a useful speed",
};

#if defined(__x86_64__)
/* mov ecx, 4000000; 1: dec ecx; jnz 1b; hlt — 3 ms on a processor of 2.5 GHz */
static const uint8_t code[] = { 0x66, 0xb9, 0x00, 0x09, 0x3d, 0x00, 0x66, 0x49, 0x75, 0xfc, 0xf4 };

static bool set_registers(int vcpu) {
        struct kvm_sregs sregs;
        struct kvm_regs regs = { .rip = GUEST_ADDRESS, .rflags = 2 };

        if (ioctl(vcpu, KVM_GET_SREGS, &sregs) < 0)
                return false;
        sregs.cs.base = 0;
        sregs.cs.selector = 0;
        return ioctl(vcpu, KVM_SET_SREGS, &sregs) >= 0 && ioctl(vcpu, KVM_SET_REGS, &regs) >= 0;
}

static int run_vcpu(int vm, int run_size) {
        struct kvm_run *run;
        int vcpu = ioctl(vm, KVM_CREATE_VCPU, 0);

        if (vcpu < 0)
                return NO_VM;
        run = mmap(NULL, (size_t) run_size, PROT_READ | PROT_WRITE, MAP_SHARED, vcpu, 0);
        if (run == MAP_FAILED || !set_registers(vcpu))
                return NO_VM;
        return ioctl(vcpu, KVM_RUN, NULL) >= 0 && run->exit_reason == KVM_EXIT_HLT ? WORKS : NO_RUN;
}

static int probe(int kvm) {
        struct kvm_userspace_memory_region region = { .guest_phys_addr = GUEST_ADDRESS,
                .memory_size = 0x1000 };
        int vm = ioctl(kvm, KVM_CREATE_VM, 0), run_size = ioctl(kvm, KVM_GET_VCPU_MMAP_SIZE, 0);
        void *memory = mmap(NULL, 0x1000, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

        if (vm < 0 || run_size <= 0 || memory == MAP_FAILED)
                return NO_VM;
        memcpy(memory, code, sizeof(code));
        region.userspace_addr = (uintptr_t) memory;
        if (ioctl(vm, KVM_SET_USER_MEMORY_REGION, &region) < 0)
                return NO_VM;
        return run_vcpu(vm, run_size);
}
#else
/* KVM that only crawls is not known on ARM. The type is the number of bits of the guest's addresses: 0
 * means 40, which some processors do not have. */
static int probe(int kvm) {
        int bits = ioctl(kvm, KVM_CHECK_EXTENSION, KVM_CAP_ARM_VM_IPA_SIZE);

        return ioctl(kvm, KVM_CREATE_VM, bits > 0 ? bits : 0) >= 0 ? WORKS : NO_VM;
}
#endif

static int probe_device(void) {
        int kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);

        if (kvm < 0)
                return errno == EACCES || errno == EPERM ? NO_PERMISSION : NO_DEVICE;
        return probe(kvm);
}

bool accelerator_kvm_works(const char **ret_why) {
        const struct itimerval limit = { .it_value.tv_usec = LIMIT_USEC };
        int status;
        pid_t pid = fork();

        if (pid == 0) {
                /* SIGALRM's default action kills a virtual CPU that does not finish */
                setitimer(ITIMER_REAL, &limit, NULL);
                _exit(probe_device());
        }
        if (pid < 0 || waitpid(pid, &status, 0) < 0) {
                *ret_why = reasons[NO_RUN];
                return false;
        }
        if (WIFEXITED(status) && WEXITSTATUS(status) == WORKS)
                return true;
        *ret_why = reasons[WIFEXITED(status) && WEXITSTATUS(status) <= NO_RUN ? WEXITSTATUS(status)
                                                                              : NO_RUN];
        return false;
}

bool accelerator_nests(void) {
        static const char *const paths[] = { "/sys/module/kvm_intel/parameters/nested",
                "/sys/module/kvm_amd/parameters/nested" };

        for (size_t i = 0; i < ELEMENTSOF(paths); i++) {
                _cleanup_free_ char *text = NULL;

                if (whole_file_read(paths[i], 16, &text) >= 0 && (text[0] == 'Y' || text[0] == '1'))
                        return true;
        }
        return false;
}

#if defined(__x86_64__)
static uint64_t now_nsec(void) {
        struct timespec ts;

        clock_gettime(CLOCK_MONOTONIC_RAW, &ts);
        return (uint64_t) ts.tv_sec * 1000000000U + (uint64_t) ts.tv_nsec;
}

typedef struct Moment {
        uint64_t time, ticks;
} Moment;

/* Both clocks at once, or nearly: on a busy host another process may run in between, for milliseconds, and a
 * guest with a frequency that is wrong by so much hangs. The closest of some readings is taken. */
static Moment read_clocks(void) {
        uint64_t least = UINT64_MAX;
        Moment closest = {};

        for (unsigned i = 0; i < READINGS && least > CLOSE_NSEC; i++) {
                uint64_t before = now_nsec(), ticks = __builtin_ia32_rdtsc(), took = now_nsec() - before;

                if (took < least) {
                        least = took;
                        closest = (Moment) { before + took / 2, ticks };
                }
        }
        return closest;
}

unsigned accelerator_tsc_khz(void) {
        const struct timespec pause = { .tv_nsec = 20000000 };
        Moment begin = read_clocks(), end;

        nanosleep(&pause, NULL);
        end = read_clocks();
        return (unsigned) ((end.ticks - begin.ticks) * 1000000U / (end.time - begin.time));
}
#else
unsigned accelerator_tsc_khz(void) {
        return 0;
}
#endif
