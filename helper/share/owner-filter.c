#include "helper/share/owner-filter.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include "common/cleanup.h"

#if defined(__x86_64__)
#define AUDIT_ARCH_NATIVE AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define AUDIT_ARCH_NATIVE AUDIT_ARCH_AARCH64
#else
#error "no number of this architecture; see linux/audit.h"
#endif
_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "the lower half of an argument comes first");

#define OWNER 0U
#define UNCHANGED UINT32_MAX
#define LOAD(field) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, field))
/* Goes on if the value is this one, and over so many lines if not. */
#define EXPECT(value, over) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (value), 0, (over))
/* Goes over the next line if the value is this one. */
#define OR(value) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (value), 1, 0)

int owner_filter_enforce(void) {
        static const struct sock_filter lines[] = {
                LOAD(arch),
                EXPECT(AUDIT_ARCH_NATIVE, 9),
                LOAD(nr),
                EXPECT(SYS_fchownat, 7),
                LOAD(args[2]), /* the owner */
                OR(OWNER),
                EXPECT(UNCHANGED, 4),
                LOAD(args[3]), /* the group */
                OR(OWNER),
                EXPECT(UNCHANGED, 1),
                /* an error of 0 is a success */
                BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | 0),
                BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
        };
        const struct sock_fprog program = { ELEMENTSOF(lines), (struct sock_filter *) lines };

        /* the unit has it, a foreground VM has not */
        if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
                        prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) < 0)
                return -errno;
        return 0;
}
