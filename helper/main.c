/* claude-vm-helper: what the units run. A verb is a module; the environment is systemd's. */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <systemd/sd-daemon.h>

#include "common/cleanup.h"
#include "common/drop-in.h"
#include "common/exit-status.h"
#include "common/path.h"
#include "common/progress-status.h"
#include "common/settings.h"
#include "common/strjoin.h"
#include "common/strv.h"
#include "common/vm-name.h"
#include "config.h"
#include "helper/clipboard/server.h"
#include "helper/copy/make.h"
#include "helper/core-dump.h"
#include "helper/devshell/devshell.h"
#include "helper/devshell/view.h"
#include "helper/foreground-mode.h"
#include "helper/gc.h"
#include "helper/host/accelerator.h"
#include "helper/host/config-check.h"
#include "helper/host/disk.h"
#include "helper/host/manager.h"
#include "helper/log.h"
#include "helper/net/haproxy.h"
#include "helper/net/holder.h"
#include "helper/net/tools.h"
#include "helper/parameters.h"
#include "helper/proxy.h"
#include "helper/service-end.h"
#include "helper/share/virtiofsd.h"
#include "helper/ssh/connect.h"
#include "helper/ssh/master.h"
#include "helper/suspend/request.h"
#include "helper/try.h"
#include "helper/vm/run.h"

extern char **environ;

static const char *runtime_dir(void) {
        return getenv("XDG_RUNTIME_DIR") ?: "/run";
}

/* Where claude-vm-devshell@.service has its CacheDirectory=. */
static char *dev_shell_dir(void) {
        _cleanup_free_ char *cache = path_xdg("XDG_CACHE_HOME", "/.cache");

        return cache ? strjoin(cache, "/claude-microvm/devshell", NULL) : NULL;
}

static int refuse(const char *why) {
        log_status(LOG_ERR, "%s", why);
        return EXIT_CONFIGURATION;
}

/* Without a UUID there is no project, or a broken one: parameters_read() says which. */
static int check_config(char **ret_why) {
        int r = config_check(environ, ret_why);

        if (r != -ENODATA || getenv(PARAMETER_UUID))
                return r;
        free(TAKE_PTR(*ret_why));
        return 0;
}

static int verb_run(const char *id) {
        _cleanup_(parameters_cleanup) Parameters *p = NULL;
        _cleanup_free_ char *why = NULL, *data = path_xdg("XDG_DATA_HOME", "/.local/share"),
                            *dev_shells = dev_shell_dir(), *settings_id = config_print_id(environ),
                            *name = NULL;
        RunConfig config = {
                .qemu = QEMU_PATH,
                .qemu_foreign = QEMU_FOREIGN_PATH,
                .virtiofsd = VIRTIOFSD_PATH,
                .ssh = SSH_PATH,
                .ssh_keygen = SSH_KEYGEN_PATH,
                .sha256sum = SHA256SUM_PATH,
                .systemd_creds = SYSTEMD_CREDS_PATH,
                .git = GIT_PATH,
                .runtime_dir = runtime_dir(),
                .vm_dir = getenv("RUNTIME_DIRECTORY"),
                .settings_id = settings_id,
                .data_home = data,
                .state_dir = getenv("STATE_DIRECTORY"),
                .secrets_dir = getenv("CREDENTIALS_DIRECTORY"),
                .sandbox = true,
                .foreground = foreground_mode(),
                .dev_shell_dir = dev_shells,
                .stop_step_usec = 4000000,
        };
        int r;

        /* secrets pass through this memory: no debugger either */
        prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
        log_set_vm(id, getenv(PARAMETER_UUID) ?: "");
        log_set_directory(getenv(PARAMETER_WORK_DIRECTORY) ?: "");
        if (!vm_name_is_id(id))
                return refuse("The instance is not a valid VM name: use letters, digits, '_', '.' and '-', at most 40");
        if (!config.vm_dir || !data || !dev_shells || !settings_id)
                return refuse("RUNTIME_DIRECTORY is not set: this program is run by claude-vm@.service");
        /* no drop-in: the UUID of a project, or an unknown name */
        name = !getenv(PARAMETER_UUID) && vm_name_is_uuid(id) ? proxy_find(GENERATOR_PATH, id) : NULL;
        if (name)
                return proxy_run(name);
        r = check_config(&why);
        if (r >= 0)
                r = parameters_read(id, environ, &p, &why);
        if (r < 0)
                return refuse(why ?: "No memory");
        parameters_drop_missing_shares(p);
        return run_vm(&config, p);
}

static int no_view(const char *work_directory, int error) {
        if (error == -ELOOP)
                log_message(LOG_WARNING,
                                "No dev shell: cannot read '%s': it is a symbolic link, or one leads to it",
                                work_directory);
        else
                log_message(LOG_WARNING, "No dev shell for '%s': cannot hide your home from it: %s",
                                work_directory,
                                error == -EUSERS ? "this user may not have user namespaces"
                                                 : strerror(-error));
        return EXIT_FAILURE;
}

static int verb_devshell(const char *id) {
        _cleanup_free_ char *dev_shells = dev_shell_dir();
        _cleanup_free_ char *why = NULL;
        const DevShellConfig config = {
                .dirs = NIX_DIRS,
                .dir = dev_shells,
                .work_directory = getenv(PARAMETER_WORK_DIRECTORY),
                .kind = dev_shell_kind(getenv(settings[SETTING_DEV_SHELL].variable) ?: ""),
        };
        int r;

        log_set_vm(id, getenv(PARAMETER_UUID) ?: "");
        if (!vm_name_is_id(id) || !config.work_directory || !dev_shells || !config.kind)
                return refuse(PARAMETER_WORK_DIRECTORY
                                " is not set: this program is run by claude-vm-devshell@.service of a VM with DevShell=");
        if (config_check(environ, &why) < 0)
                return refuse(why ?: "No memory");
        r = devshell_view_enter(config.work_directory, dev_shells);
        return r < 0 ? no_view(config.work_directory, r) : devshell_evaluate(&config);
}

/* What `systemctl status` and a claude-run that waits show. */
static void show_copied(uint64_t bytes, uint64_t total) {
        char text[PROGRESS_STATUS_MAX];

        progress_status_print("Copies the work directory", bytes, total, text);
        sd_notifyf(0, "STATUS=%s", text);
}

static void report_copy(const char *origin, const CopyResult *result) {
        log_status(LOG_INFO,
                        "Copied '%s' for the guest: %llu MiB in %llu files, of which %llu MiB take room of their own",
                        origin, (unsigned long long) (result->bytes >> 20),
                        (unsigned long long) result->files,
                        (unsigned long long) (result->copied_bytes >> 20));
        if (result->n_left_out > 0)
                log_message(LOG_WARNING,
                                "Not copied from '%s': %llu names, which are sockets or devices, or may not be read",
                                origin, (unsigned long long) result->n_left_out);
}

static int verb_copy(const char *id) {
        _cleanup_(parameters_cleanup) Parameters *p = NULL;
        _cleanup_free_ char *why = NULL, *data = path_xdg("XDG_DATA_HOME", "/.local/share");
        CopyResult result;
        int r;

        log_set_vm(id, getenv(PARAMETER_UUID) ?: "");
        if (!vm_name_is_id(id) || !getenv(PARAMETER_WORK_DIRECTORY) || !data)
                return refuse(PARAMETER_WORK_DIRECTORY
                                " is not set: this program is run by claude-vm-copy@.service of a VM with Workspace=copy");
        r = check_config(&why);
        if (r >= 0)
                r = parameters_read(id, environ, &p, &why);
        if (r < 0)
                return refuse(why ?: "No memory");

        const CopyRequest request = {
                .data_home = data,
                .id = id,
                .origin = getenv(PARAMETER_WORK_DIRECTORY),
                .max_mib = setting_number(p->values, SETTING_COPY_MAX_MIB),
                .progress = show_copied,
        };

        r = copy_make(&request, &result, &why);
        if (r < 0) {
                log_status(LOG_ERR, "%s", why ?: strerror(-r));
                return EXIT_CONFIGURATION;
        }
        if (r > 0)
                report_copy(request.origin, &result);
        return EXIT_SUCCESS;
}

/* For claude-vm-suspend@.service, at the end of the session. */
static int verb_suspend(const char *id) {
        _cleanup_free_ char *why = NULL;
        int r;

        log_set_vm(id, "");
        r = vm_name_is_id(id) ? suspend_request(runtime_dir(), id, NULL, NULL, &why) : -EINVAL;
        /* a VM that does not run, or has just ended, is no failure */
        if (r == 0 || r == -ENOENT || r == -ECONNREFUSED || r == -ECONNRESET)
                return EXIT_SUCCESS;
        log_status(LOG_ERR, "Failed to suspend the VM: %s", why ?: strerror(-r));
        return EXIT_FAILURE;
}

/* Only makes the directory. What is wrong with it says the helper that opens a disk in it. */
static int verb_disks(const char *id) {
        _cleanup_free_ char *data = path_xdg("XDG_DATA_HOME", "/.local/share");
        int fd = data && vm_name_is_project(id) ? disk_directory_open(data, true) : -ENOENT;

        if (fd >= 0)
                close(fd);
        return EXIT_SUCCESS;
}

static int verb_gc(const char *id) {
        return gc_run(runtime_dir(), getenv("STATE_DIRECTORY"), id);
}

static int verb_virtiofsd(const char *instance) {
        return share_exec(VIRTIOFSD_PATH, runtime_dir(), instance);
}

static int verb_share_exited(const char *instance) {
        return share_exited(runtime_dir(), instance);
}

static int refuse_network(const char *id, int error) {
        log_status(LOG_ERR,
                        "Failed to ask systemd for the network's policy, which is a part of 'claude-vm@%s.service': %s",
                        id, error == -ENODATA ? "there is no such VM" : strerror(-error));
        return EXIT_CONFIGURATION;
}

/* The VM's drop-in has the policy too. It must not be guessed: a network without its rules lets all through.
 */
static int read_policy_variables(const char *id, char ***ret) {
        _cleanup_free_ char *unit = strjoin("claude-vm@", id, ".service", NULL);
        _cleanup_manager_ Manager *manager = NULL;
        int r = unit ? manager_connect(&manager) : -ENOMEM;

        if (r >= 0)
                r = manager_environments(manager, unit, ret);
        return r >= 0 && !strv_value(*ret, PARAMETER_UUID) ? -ENODATA : r;
}

/* In the foreground there is no manager, and they are in the environment. */
static int run_net(NetConfig *config, const char *id) {
        _cleanup_strv_free_ char **variables = NULL;
        _cleanup_free_ char *why = NULL, *settings_id = NULL;
        char *const *policy = environ;

        if (!getenv(PARAMETER_UUID)) {
                int r = read_policy_variables(id, &variables);

                if (r < 0)
                        return refuse_network(id, r);
                policy = variables;
        }
        log_set_vm(id, strv_value(policy, PARAMETER_UUID));
        if (config_check(policy, &why) < 0)
                return refuse(why ?: "No memory");
        config->settings_id = settings_id = config_print_id(policy);
        if (!settings_id)
                return refuse("No memory");
        return net_run(config, id, policy);
}

static int verb_net(const char *id) {
        _cleanup_free_ char *config_home = path_xdg("XDG_CONFIG_HOME", "/.config");
        NetConfig config = {
                .nft = NFT_PATH,
                .haproxy = HAPROXY_PATH,
                .runtime_dir = getenv("RUNTIME_DIRECTORY"),
                .config_home = config_home,
        };

        log_set_vm(id, "");
        if (!vm_name_is_id(id) || !config.runtime_dir || !config_home)
                return refuse("RUNTIME_DIRECTORY is not set: this program is run by claude-vm-net@.service");
        return run_net(&config, id);
}

static int verb_net_exited(const char *id) {
        const ServiceEnd end = service_end_read();
        _cleanup_free_ char *words = service_end_print(&end);

        /* when it exits, it has said why */
        if (words && end.was_killed && end.status)
                sd_notifyf(0, "STATUS=The network's holder %s", words);
        return EXIT_SUCCESS;
}

/* A program of others ends without a word to systemd. With status 0 it has not failed: another process of
 * the unit has. */
static int verb_program_exited(const char *program) {
        const ServiceEnd end = service_end_read();
        _cleanup_free_ char *words = service_end_print(&end);

        if (words && end.is_unexplained && end.status && strcmp(end.status, "0") != 0)
                sd_notifyf(0, "STATUS=%s %s%s", program, words,
                                end.was_killed ? "" : "; the journal has what it said");
        return EXIT_SUCCESS;
}

static int verb_pasta(const char *id) {
        log_set_vm(id, "");
        return vm_name_is_id(id) ? net_become_pasta(PASTA_PATH, runtime_dir(), id)
                                 : refuse("The instance is not a valid VM name");
}

static int verb_dns(const char *id) {
        log_set_vm(id, "");
        return vm_name_is_id(id) ? net_become_dnsmasq(DNSMASQ_PATH, runtime_dir(), id)
                                 : refuse("The instance is not a valid VM name");
}

static int verb_proxy(const char *id) {
        const HaproxyConfig config = {
                .haproxy = HAPROXY_PATH,
                .systemd_creds = SYSTEMD_CREDS_PATH,
                .runtime_dir = runtime_dir(),
                .secrets_dir = getenv("CREDENTIALS_DIRECTORY"),
        };
        _cleanup_free_ char *why = NULL;

        log_set_vm(id, getenv(PARAMETER_UUID) ?: "");
        if (!vm_name_is_id(id))
                return refuse("The instance is not a valid VM name");
        if (check_config(&why) < 0)
                return refuse(why ?: "No memory");
        return net_become_haproxy(&config, id, environ);
}

/* The first descriptor that systemd passes is 3. */
static int verb_clipboard(const char *id) {
        const ClipboardConfig config = {
                .id = id,
                .runtime_dir = runtime_dir(),
                .wl_paste = WL_PASTE_PATH,
                .xclip = XCLIP_PATH,
        };
        int r;

        log_set_vm(id, "");
        if (!vm_name_is_id(id) || sd_listen_fds(1) != 1)
                return refuse("There is no socket: this program is run by claude-vm-clipboard@.service");
        r = clipboard_serve(&config, SD_LISTEN_FDS_START);
        log_status(LOG_ERR, "Failed to wait for the guest: %s", strerror(-r));
        return EXIT_FAILURE;
}

static int verb_dns_ready(const char *id) {
        log_set_vm(id, "");
        return vm_name_is_id(id) ? net_wait_for_dnsmasq(runtime_dir(), id,
                                                   (pid_t) strtol(getenv("MAINPID") ?: "0", NULL, 10))
                                 : EXIT_CONFIGURATION;
}

static int verb_connect(const char *id) {
        return connect_run(runtime_dir(), id);
}

static int verb_master(const char *id) {
        return master_exec(SSH_PATH, runtime_dir(), id);
}

static int verb_probe(const char *argument) {
        const char *why = "a virtual CPU ran at full speed";
        bool kvm = accelerator_kvm_works(&why);

        printf("%s: %s\n", kvm ? "kvm" : "tcg", why);
        printf("tsc: %u kHz\n", accelerator_tsc_khz());
        return EXIT_SUCCESS;
}

typedef struct Verb {
        const char *name;
        const char *argument; /* NULL: none */
        const char *help;
        int (*run)(const char *argument);
} Verb;

static const Verb verbs[] = {
        { "run", "VM", "run QEMU and report to systemd (claude-vm@.service)", verb_run },
        { "devshell", "VM", "evaluate the dev shell of a VM (claude-vm-devshell@.service)", verb_devshell },
        { "copy", "VM", "copy the work directory of a VM (claude-vm-copy@.service)", verb_copy },
        { "suspend", "VM", "suspend a running VM (claude-vm-suspend@.service)", verb_suspend },
        { "disks", "VM", "make the directory of disks (claude-vm@.service)", verb_disks },
        { "gc", "VM", "clean up after a VM (claude-vm@.service)", verb_gc },
        { "virtiofsd", "VM:TAG", "become a share's virtiofsd (claude-vm-virtiofsd@.service)",
                        verb_virtiofsd },
        { "share-exited", "VM:TAG", "tell the VM that a virtiofsd has ended", verb_share_exited },
        { "net", "VM", "make the network of a VM (claude-vm-net@.service)", verb_net },
        { "net-exited", "VM", "say why it ended", verb_net_exited },
        { "pasta", "VM", "become its pasta (claude-vm-pasta@.service)", verb_pasta },
        { "dns", "VM", "become its dnsmasq (claude-vm-dns@.service)", verb_dns },
        { "proxy", "VM", "become its haproxy (claude-vm-proxy@.service)", verb_proxy },
        { "dns-ready", "VM", "wait until it answers", verb_dns_ready },
        { "program-exited", "PROGRAM", "say why one of these three ended", verb_program_exited },
        { "clipboard", "VM", "give the guest images of the clipboard (claude-vm-clipboard@.service)",
                        verb_clipboard },
        { "connect", "VM", "connect ssh to a VM (ProxyCommand)", verb_connect },
        { "master", "VM", "become the ssh master (claude-vm-ssh@.service)", verb_master },
        { "try", "WHAT", "say whether namespaces or network work here, for claude-run doctor", try_run },
        { "probe", NULL, "say whether KVM works here, and how fast the clock counts", verb_probe },
};

static int usage(FILE *f) {
        for (size_t i = 0; i < ELEMENTSOF(verbs); i++)
                fprintf(f, "claude-vm-helper %-14s %-7s %s\n", verbs[i].name, verbs[i].argument ?: "",
                                verbs[i].help);
        return f == stdout ? EXIT_SUCCESS : 2;
}

int main(int argc, char **argv) {
        core_dump_empty();
        foreground_set_parent(getppid());
        if (argc == 2 && strcmp(argv[1], "--help") == 0)
                return usage(stdout);
        if (argc == 2 && strcmp(argv[1], "--version") == 0)
                return puts("claude-vm-helper " PROJECT_VERSION) < 0;
        for (size_t i = 0; argc > 1 && i < ELEMENTSOF(verbs); i++)
                if (strcmp(argv[1], verbs[i].name) == 0 && argc == (verbs[i].argument ? 3 : 2))
                        return verbs[i].run(argv[2]);
        return usage(stderr);
}
