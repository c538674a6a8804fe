/* A guest that breaks out into its QEMU, or into the ssh that talks to it, is this user: it could read the
 * home, and tell the session's bus, a tmux or an ssh-agent to do anything. Two walls against that:
 *
 * Namespaces, with a root directory in which there is nothing but what the program needs: system libraries
 * and firmware, a few devices, the files of this VM. No socket of another program can be connected to,
 * because none has a name there. QEMU sees no process but itself. Where the kernel refuses user namespaces,
 * nothing is started: virtiofsd needs them as well.
 *
 * Landlock: the program can make sockets in one directory and can write nothing; abstract sockets and
 * processes outside are out of reach. That holds if a bug in the kernel takes the first wall away.
 *
 * The order matters: mounting is not possible any more under Landlock. */

#include "helper/sandbox/sandbox.h"

#include <errno.h>
#include <limits.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/directory.h"
#include "common/path.h"
#include "common/strjoin.h"
#include "helper/sandbox/landlock.h"
#include "helper/sandbox/mount-namespace.h"
#include "helper/sandbox/private-root.h"

/* --- what both need -------------------------------------------------------------------- */

/* Programs, libraries and firmware of the distributions. */
static const char *const trees[] = { "/usr", "/nix/store" };
/* Links into /usr, or directories where /usr is not merged. */
static const char *const top_level[] = { "/bin", "/lib", "/lib64" };
/* Nothing of /etc but how libraries are found. */
static const char *const settings[] = { "/etc/ld.so.cache", "/etc/alternatives" };

static bool is_in_trees(const char *path) {
        for (size_t i = 0; i < ELEMENTSOF(trees); i++)
                if (path_is_in(path, trees[i]))
                        return true;
        return false;
}

static int add_file(const char *path) {
        return is_in_trees(path) ? 0 : private_root_add(path, ROOT_READ);
}

static int add_list(const char *const paths[], size_t n, RootAccess access) {
        int r = 0;

        for (size_t i = 0; r >= 0 && i < n; i++)
                r = private_root_add_optional(paths[i], access);
        return r;
}

static int add_top_level(const char *path) {
        char target[PATH_MAX];
        ssize_t n = readlink(path, target, sizeof(target) - 1);

        if (n < 0)
                return private_root_add_optional(path, ROOT_READ);
        target[n] = '\0';
        return private_root_add_link(path, target);
}

static int add_system(void) {
        int r = add_list(trees, ELEMENTSOF(trees), ROOT_READ);

        for (size_t i = 0; r >= 0 && i < ELEMENTSOF(top_level); i++)
                r = add_top_level(top_level[i]);
        return r < 0 ? r : add_list(settings, ELEMENTSOF(settings), ROOT_READ);
}

/* A program outside of the system's trees, with the libraries and data of its prefix: ~/.local/bin/qemu has
 * ~/.local/lib and ~/.local/share/qemu. */
static int add_program(const char *path) {
        static const char *const parts[] = { "/lib", "/lib64", "/share/qemu", "/share/seabios" };
        _cleanup_free_ char *prefix = strndup(path, (size_t) (strrchr(path, '/') - path));
        char *slash = prefix ? strrchr(prefix, '/') : NULL;
        int r = prefix ? add_file(path) : -ENOMEM;

        if (r < 0 || is_in_trees(path) || !slash || slash == prefix)
                return r;
        *slash = '\0';
        for (size_t i = 0; r >= 0 && i < ELEMENTSOF(parts); i++) {
                _cleanup_free_ char *part = strjoin(prefix, parts[i], NULL);

                r = part ? private_root_add_optional(part, ROOT_READ) : -ENOMEM;
        }
        return r;
}

static const char *const devices[] = { "/dev/kvm", "/dev/null", "/dev/zero", "/dev/random", "/dev/urandom" };

/* All of the root may be read, sockets may be made in `directory`, and nothing may be written. */
static int enter_landlock(const char *directory) {
        _cleanup_close_ int ruleset = landlock_begin();
        int r;

        /* a kernel without it; the VM's start and `claude-run doctor` say so */
        if (ruleset == -EOPNOTSUPP)
                return 0;
        if (ruleset < 0)
                return ruleset;
        r = landlock_allow(ruleset, "/", LANDLOCK_READ);
        if (r >= 0)
                r = landlock_allow(ruleset, directory, LANDLOCK_SOCKETS);
        for (size_t i = 0; r >= 0 && i < ELEMENTSOF(devices); i++)
                r = landlock_allow(ruleset, devices[i], LANDLOCK_DEVICE);
        if (r >= 0 && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
                r = -errno;
        return r < 0 ? r : landlock_enforce(ruleset);
}

const char *sandbox_shortcoming(void) {
        unsigned version = landlock_version();

        if (version == 0)
                return "This kernel has no Landlock, or a container hides it: namespaces alone keep QEMU and ssh from this machine";
        if (version < 6)
                return "Landlock of this kernel is older than version 6 (Linux 6.12): it does not keep ssh from abstract sockets and from signals to your other processes";
        return NULL;
}

static int enter(const char *directory) {
        int r = private_root_enter();

        if (r >= 0)
                r = enter_landlock(directory);
        if (r >= 0 && chdir(directory) < 0)
                r = -errno;
        return r;
}

/* --- QEMU ------------------------------------------------------------------------------ */

/* An empty network namespace: the guest's packets leave by a descriptor. */
#define QEMU_NAMESPACES (CLONE_NEWPID | CLONE_NEWIPC | CLONE_NEWNET)

pid_t sandbox_fork_qemu(void) {
        return mount_namespace_fork(QEMU_NAMESPACES);
}

/* Topology of processors, which the C library counts, and the size of huge pages, which QEMU aligns memory
 * to. */
static const char *const kernel_files[] = { "/sys/devices/system", "/sys/kernel/mm/transparent_hugepage" };

static int build_qemu_root(const QemuSandbox *s) {
        int r = private_root_begin(s->point);

        if (r >= 0)
                r = add_system();
        if (r >= 0)
                r = add_list(kernel_files, ELEMENTSOF(kernel_files), ROOT_READ);
        if (r >= 0)
                r = add_list(devices, ELEMENTSOF(devices), ROOT_DEVICE);
        if (r >= 0)
                r = add_program(s->qemu);
        for (size_t i = 0; r >= 0 && i < ELEMENTSOF(s->files); i++)
                r = add_file(s->files[i]);
        for (char *const *socket = s->sockets; r >= 0 && socket && *socket; socket++)
                r = private_root_add(*socket, ROOT_READ);
        if (r >= 0)
                r = private_root_add(s->directory, ROOT_WRITE);
        return r < 0 ? r : private_root_add_proc();
}

int sandbox_enter_qemu(const QemuSandbox *s) {
        int r = mount_namespace_settle();

        if (r >= 0)
                r = build_qemu_root(s);
        return r < 0 ? r : enter(s->directory);
}

/* --- the ssh master -------------------------------------------------------------------- */

/* ssh does not run as a user without a name. */
static int add_account(void) {
        char line[128];
        int r;

        snprintf(line, sizeof(line), "user:x:%u:%u::/:/bin/sh\n", getuid(), getgid());
        r = private_root_add_text("/etc/passwd", line);
        return r < 0 ? r : private_root_add_text("/etc/nsswitch.conf", "passwd: files\nhosts: files\n");
}

static int build_ssh_root(const SshSandbox *s) {
        int r = private_root_begin(s->point);

        if (r >= 0)
                r = add_system();
        if (r >= 0)
                r = add_account();
        if (r >= 0)
                r = add_list(devices + 1, ELEMENTSOF(devices) - 1, ROOT_DEVICE);
        if (r >= 0)
                r = add_program(s->ssh);
        if (r >= 0)
                r = add_file(s->helper);
        for (const char *const *file = s->files; r >= 0 && *file; file++)
                r = private_root_add_optional(*file, ROOT_READ);
        for (size_t i = 0; r >= 0 && i < ELEMENTSOF(s->sockets); i++)
                if (s->sockets[i])
                        r = private_root_add_optional(s->sockets[i], ROOT_READ);
        return r < 0 ? r : private_root_add(s->directory, ROOT_WRITE);
}

int sandbox_enter_ssh(const SshSandbox *s) {
        int r = mount_namespace_enter_with(CLONE_NEWIPC);

        if (r >= 0)
                r = build_ssh_root(s);
        return r < 0 ? r : enter(s->directory);
}

/* --- programs of the VM's network ------------------------------------------------------- */

static int build_tool_root(const ToolSandbox *s) {
        int r = private_root_begin(s->point);

        if (r >= 0)
                r = add_system();
        if (r >= 0)
                r = add_list(devices + 1, ELEMENTSOF(devices) - 1, ROOT_DEVICE);
        if (r >= 0)
                r = add_program(s->program);
        for (const char *const *socket = s->sockets; r >= 0 && socket && *socket; socket++)
                r = private_root_add_optional(*socket, ROOT_READ);
        for (const char *const *text = s->texts; r >= 0 && text && *text; text += 2)
                r = private_root_add_text(text[0], text[1]);
        return r < 0 ? r : private_root_add(s->directory, ROOT_WRITE);
}

int sandbox_enter_tool(const ToolSandbox *s) {
        int r = directory_make(s->point);

        if (r >= 0)
                r = directory_make(s->directory);
        if (r >= 0)
                r = build_tool_root(s);

        return r < 0 ? r : enter(s->directory);
}

/* --- a try ----------------------------------------------------------------------------- */

static int try_in_child(void) {
        int r = mount_namespace_settle();

        /* any directory will do */
        if (r >= 0)
                r = private_root_begin("/tmp");
        if (r >= 0)
                r = add_system();
        if (r >= 0)
                r = private_root_add_proc();
        return r < 0 ? r : private_root_enter();
}

int sandbox_try(void) {
        pid_t pid = sandbox_fork_qemu();
        int status;

        if (pid < 0)
                return pid;
        if (pid == 0)
                _exit(-try_in_child());
        if (waitpid(pid, &status, 0) < 0)
                return -errno;
        return WIFEXITED(status) ? -WEXITSTATUS(status) : -EPROTO;
}
