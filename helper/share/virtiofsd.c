/* The generator resolved the path of a share. A symbolic link in it now was put there
 * by a program with write access, such as another VM's guest, so the path is
 * refused. See share-root.c. */

#include "helper/share/virtiofsd.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/drop-in.h"
#include "common/exit-status.h"
#include "common/obeyed-names.h"
#include "common/printable.h"
#include "common/runtime-path.h"
#include "common/share-tag.h"
#include "common/strjoin.h"
#include "common/strv.h"
#include "common/user-config.h"
#include "common/vm-name.h"
#include "common/whole-file.h"
#include "helper/foreground-mode.h"
#include "helper/log.h"
#include "helper/sandbox/child-environment.h"
#include "helper/service-end.h"
#include "helper/share/control-message.h"
#include "helper/share/owner-filter.h"
#include "helper/share/panic-watch.h"
#include "helper/share/protect.h"
#include "helper/share/share-root.h"
#include "helper/share/user-config.h"

#define SHARE_FILE_MAX 8192U

/* Of a share that shows single names these; of others what Protect= says. No program of the
 * host works in the agent's home or in a copy of the work directory: the guest may have git hooks of its own
 * there. */
static const char *names_of(const Parameters *p, const ShareParameters *share) {
        const UserConfig *config = user_config_find(setting_value(p->values, SETTING_AGENT));

        if (share->named)
                return config ? config->names : "";
        if (share->read_only || strcmp(share->tag, "home") == 0 ||
                        (strcmp(share->tag, "work") == 0 &&
                                        setting_is(p->values, SETTING_WORKSPACE, "copy")))
                return PROTECT_NOTHING;
        return setting_value(p->values, SETTING_PROTECT);
}

/* The worktree whose own files in a share the guest may write; "": the share has none. */
static const char *worktree_of(const Parameters *p, const ShareParameters *share) {
        return strcmp(share->tag, GIT_SHARE) == 0 && p->git_worktree ? p->git_worktree : "";
}

/* A line each: options, names (which are protected, or all that is shown), the worktree and the place in the
 * guest; all bytes after them are the directory. */
static int write_file(const char *vm_dir, const Parameters *p, const ShareParameters *share) {
        _cleanup_free_ char *path = strjoin(vm_dir, "/share.", share->tag, NULL),
                            *text = strjoin(share->read_only ? "ro" : "rw",
                                            share->create                  ? ",create\n"
                                                            : share->named ? ",named\n"
                                                                           : "\n",
                                            names_of(p, share), "\n", worktree_of(p, share), "\n",
                                            share->guest_directory, "\n", share->directory, NULL);

        if (!path || !text)
                return -ENOMEM;
        unlink(path);
        return whole_file_create(path, 0600, text, strlen(text));
}

int share_write_files(const char *vm_dir, const Parameters *p) {
        int r = 0;

        for (unsigned i = 0; r >= 0 && i < p->n_shares; i++)
                r = write_file(vm_dir, p, p->shares + i);
        return r;
}

const char *share_split_instance(const char *instance, char ret_id[static VM_NAME_MAX + 1]) {
        const char *colon = strchr(instance, ':');
        size_t n = colon ? (size_t) (colon - instance) : 0;

        if (n == 0 || n > VM_NAME_MAX || !share_tag_is_valid(colon + 1, strlen(colon + 1)))
                return NULL;
        memcpy(ret_id, instance, n);
        ret_id[n] = '\0';
        return vm_name_is_id(ret_id) ? colon + 1 : NULL;
}

/* Why the directory cannot be shared, and what to do. */
static void explain(const char *host_dir, int error) {
        if (error == -ELOOP)
                log_status(LOG_ERR,
                                "Refusing to share '%s': a part of the path is a symbolic link now, which the guest of another VM could have made: put the directory back, or write the real path in the ini",
                                host_dir);
        else if (error == -EUSERS)
                log_status(LOG_ERR,
                                "Failed to share '%s': this user may not have user namespaces, which virtiofsd needs; what to change: claude-run doctor",
                                host_dir);
        else
                log_status(LOG_ERR, "Failed to open '%s': %s", host_dir, strerror(-error));
}

/* What the VM's runtime directory has for a share: `share.TAG`, which says what to serve, and `root.TAG`,
 * where virtiofsd finds it. Owned, NULL without memory. */
static char *path_of(const char *runtime_dir, const char *id, const char *prefix, const char *tag) {
        _cleanup_free_ char *name = strjoin(prefix, tag, NULL);

        return name ? runtime_path_vm_file(runtime_dir, id, name) : NULL;
}

/* Several VMs of a directory share the agent's home. Claude Code changes ~/.claude.json under a lock: it
 * reads the file again, writes beside it and renames. A guest that looks names up in a cache of a second
 * reads what the others have replaced, and their changes are lost; so nothing of a home is cached. Shared
 * mappings still work, within one VM. The same goes for git, which writes references and lists of them like
 * that, from all worktrees of a repository. */
static int append_cache_options(char ***argv, const char *tag) {
        if (strcmp(tag, "home") != 0 && strcmp(tag, GIT_SHARE) != 0)
                return strv_append(argv, "--cache=auto");
        return strv_extend(argv, "--cache=never", "--allow-mmap", NULL);
}

static int append_ids(char ***argv) {
        int r = strv_appendf(argv, "--uid-map=:0:%u:1:", getuid());

        if (r >= 0)
                r = strv_appendf(argv, "--gid-map=:0:%u:1:", getgid());
        /* user 1000 of the guest is this user, whatever the number here */
        return r < 0 ? r
                     : strv_extend(argv, "--translate-uid=map:1000:0:1", "--translate-gid=map:1000:0:1",
                                       NULL);
}

/* True if a file has a name that another one in its place has not. Overlays and most of FUSE have no such
 * names, and virtiofsd would lose all files of a suspended VM there. */
static bool has_file_handles(const char *root) {
        union {
                struct file_handle handle;
                char bytes[sizeof(struct file_handle) + MAX_HANDLE_SZ];
        } u = { .handle.handle_bytes = MAX_HANDLE_SZ };
        int mount_id;

        return name_to_handle_at(AT_FDCWD, root, &u.handle, &mount_id, 0) >= 0;
}

static int make_argv(const char *virtiofsd, const char *root, const char *tag, bool read_only, char ***ret) {
        _cleanup_strv_free_ char **argv = NULL;
        int r = strv_extend(&argv, virtiofsd,
                        /* the socket that systemd listens on */
                        "--fd=3",
                        /* user, mount, pid and network namespaces, which need no root: root in it is this
                         * user */
                        "--sandbox=namespace",
                        /* QEMU's guests mount one file system a share */
                        "--no-announce-submounts",
                        /* file handles need a capability that no program here has */
                        "--inode-file-handles=never",
                        /* requests are served by the thread of their queue: a guest cannot make it start
                         * more */
                        "--thread-pool-size=0",
                        /* of a suspended VM: files are found again by their paths; one that is not is an
                         * error for its guest, not for the whole VM */
                        "--migration-mode=find-paths", "--migration-confirm-paths",
                        "--migration-on-error=guest-error",
                        /* the unit has set it to the hard limit */
                        "--rlimit-nofile=0", "--log-level=warn",
                        /* attributes of programs (user.*) as on the host, and none that a kernel obeys */
                        "--xattr",
                        /* with attributes the guest would ask for security.capability at each write, unless
                         * it knows that the host takes the privileges of a written file away */
                        "--killpriv-v2",
                        "--xattrmap=:ok:all:user.:user.:"
                        ":unsupported:client:::"
                        ":bad:server:::",
                        NULL);

        if (r >= 0)
                r = strv_appendf(&argv, "--shared-dir=%s", root);
        if (r >= 0 && has_file_handles(root))
                r = strv_append(&argv, "--migration-verify-handles");
        if (r >= 0)
                r = append_ids(&argv);
        if (r >= 0)
                r = append_cache_options(&argv, tag);
        if (r >= 0 && read_only)
                r = strv_append(&argv, "--readonly");
        if (r < 0)
                return r;
        *ret = TAKE_PTR(argv);
        return 0;
}

static int become_virtiofsd(const char *virtiofsd, const char *root, const char *tag, bool read_only) {
        static const char *const nothing[] = { NULL };
        _cleanup_strv_free_ char **argv = NULL, **environment = NULL;
        int r = make_argv(virtiofsd, root, tag, read_only, &argv);

        if (r >= 0)
                r = child_environment(nothing, &environment);
        if (r < 0)
                return r;
        r = panic_watch_start();
        if (r >= 0)
                r = owner_filter_enforce();
        if (r < 0)
                return r;
        foreground_bind();
        execve(virtiofsd, argv, environment);
        return -errno;
}

/* What a share's file says. */
typedef struct ShareFile {
        char *text; /* owned, the others are borrowed from it */
        bool read_only, create, named;
        const char *names, *worktree, *guest, *directory;
} ShareFile;

static void share_file_done(ShareFile *file) {
        free(file->text);
}

static int read_file(const char *path, ShareFile *ret) {
        ShareFile file = {};
        char *rest, *options;
        int r = whole_file_read(path, SHARE_FILE_MAX, &file.text);

        if (r < 0)
                return r;
        rest = file.text;
        options = strsep(&rest, "\n");
        file.read_only = options[0] == 'r' && options[1] == 'o';
        file.create = strstr(options, ",create");
        file.named = strstr(options, ",named");
        file.names = rest ? strsep(&rest, "\n") : NULL;
        file.worktree = rest ? strsep(&rest, "\n") : NULL;
        file.guest = rest ? strsep(&rest, "\n") : NULL;
        file.directory = rest;
        if (!file.directory) {
                free(file.text);
                return -EINVAL;
        }
        *ret = file;
        return 0;
}

static void explain_protect(const char *host_dir, const char *name, int error) {
        const char *why = error == -EBUSY ? "the guest of another VM moves it around: stop that VM"
                        : error == -E2BIG ? "there are too many directories to look at"
                                          : strerror(-error);
        _cleanup_free_ char *clean = printable_copy(name ?: "?");

        log_status(LOG_ERR, "Failed to protect '%s' in '%s': %s; Protect=no shares it without", clean ?: "?",
                        host_dir, why);
}

/* Fails rather than share a name that the user believes to be protected. */
static int protect(const ShareFile *file, const char *root) {
        _cleanup_strv_free_ char **notes = NULL;
        _cleanup_free_ char *name = NULL;
        const Protect what = {
                .words = file->names,
                .worktree = file->worktree,
                .directory = file->directory,
                .guest = file->guest,
        };
        int r = protect_share(root, &what, &notes, &name);

        if (r < 0)
                explain_protect(file->directory, name, r);
        for (char **note = notes; note && *note; note++) {
                _cleanup_free_ char *clean = printable_copy(*note);

                log_message(LOG_WARNING, "Not protected in '%s': %s", file->directory, clean ?: "");
        }
        return r;
}

static int show_names(const ShareFile *file, const char *root) {
        _cleanup_strv_free_ char **notes = NULL;
        int r = user_config_bind(file->directory, file->names, root, &notes);

        if (r < 0)
                explain(file->directory, r);
        for (char **note = notes; note && *note; note++) {
                _cleanup_free_ char *clean = printable_copy(*note);

                log_message(LOG_WARNING, "UserConfig=: not in the guest: %s", clean ?: "");
        }
        return r;
}

static int prepare_root(const ShareFile *file, const char *root) {
        int r;

        if (root && file->named)
                return show_names(file, root);
        r = root ? share_root_bind(file->directory, file->create, root) : -ENOMEM;

        if (r < 0)
                explain(file->directory, r);
        return r < 0 ? r : protect(file, root);
}

/* Tells systemd and the VM's helper. */
static void announce(const ShareFile *file, const char *runtime_dir, const char *id, const char *tag) {
        _cleanup_free_ char *clean = printable_copy(file->directory);
        char message[64];

        sd_notifyf(0, "STATUS=Serves %s", clean ?: "");
        snprintf(message, sizeof(message), "SHARE_STARTED=%s", tag);
        control_message_send(runtime_dir, id, message);
}

int share_exec(const char *virtiofsd, const char *runtime_dir, const char *instance) {
        _cleanup_free_ char *path = NULL, *root = NULL;
        _cleanup_(share_file_done) ShareFile file = {};
        char id[VM_NAME_MAX + 1];
        const char *tag = share_split_instance(instance, id);
        int r;

        if (!tag) {
                log_status(LOG_ERR, "'%s' is not a share: expected VM:TAG", instance);
                return EXIT_CONFIGURATION;
        }
        log_set_vm(id, "");
        path = path_of(runtime_dir, id, "share.", tag);
        if (!path)
                return EXIT_FAILURE;
        r = read_file(path, &file);
        if (r < 0) {
                log_status(LOG_ERR, "VM '%s' is not running, or has no share '%s': %s", id, tag,
                                strerror(-r));
                return EXIT_CONFIGURATION;
        }
        root = path_of(runtime_dir, id, "root.", tag);
        if (prepare_root(&file, root) < 0)
                return EXIT_CONFIGURATION;
        announce(&file, runtime_dir, id, tag);
        r = become_virtiofsd(virtiofsd, root, tag, file.read_only);
        log_status(LOG_ERR, "Failed to start '%s': %s", virtiofsd, strerror(-r));
        return EXIT_CONFIGURATION;
}

int share_exited(const char *runtime_dir, const char *instance) {
        const ServiceEnd end = service_end_read();
        _cleanup_free_ char *words = service_end_print(&end), *message = NULL;
        char id[VM_NAME_MAX + 1];
        const char *tag = share_split_instance(instance, id);

        if (!tag)
                return EXIT_CONFIGURATION;
        message = words ? strjoin("SHARE_EXITED=", tag, "\n", words, NULL) : NULL;
        if (!message)
                return EXIT_FAILURE;
        if (end.is_unexplained)
                sd_notifyf(0, "STATUS=virtiofsd %s", words);
        control_message_send(runtime_dir, id, message);
        return EXIT_SUCCESS;
}
