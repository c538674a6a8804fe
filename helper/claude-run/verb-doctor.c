/* doctor says whether VMs can run here and, if not, what to do. Each check prints one line. */

#include <errno.h>
#include <pwd.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/path.h"
#include "common/run-program.h"
#include "common/strjoin.h"
#include "common/strv.h"
#include "config.h"
#include "helper/claude-run/context.h"
#include "helper/claude-run/fail.h"
#include "helper/claude-run/memory.h"
#include "helper/claude-run/program-version.h"
#include "helper/claude-run/say.h"
#include "helper/claude-run/uninstalled.h"
#include "helper/claude-run/verbs.h"
#include "helper/host/accelerator.h"
#include "helper/host/architecture.h"
#include "helper/host/guest-image.h"
#include "helper/json.h"
#include "helper/sandbox/landlock.h"
#include "helper/sandbox/sandbox.h"

#define IMAGE_MIB 2048U /* space that making an image needs for a while */

typedef enum Level { LEVEL_OK, LEVEL_WARNING, LEVEL_PROBLEM } Level;

typedef struct Doctor {
        Context *context;
        const char *check; /* name of the current one */
        sd_json_variant *array;
        bool sick;
} Doctor;

static void say(Doctor *d, Level level, const char *format, ...) __attribute__((format(printf, 3, 4)));
static void say(Doctor *d, Level level, const char *format, ...) {
        static const char *const words[] = { "ok", "warning", "problem" };
        _cleanup_json_ sd_json_variant *object = NULL;
        _cleanup_free_ char *text = NULL;
        va_list ap;

        va_start(ap, format);
        memory_need(vasprintf(&text, format, ap) >= 0);
        va_end(ap);
        d->sick |= level == LEVEL_PROBLEM;
        if (!d->context->options->json)
                say_line(stdout, "%-8s %-14s %s", words[level], d->check, text);
        else if (sd_json_buildo(&object, SD_JSON_BUILD_PAIR_STRING("check", d->check),
                                 SD_JSON_BUILD_PAIR_STRING("level", words[level]),
                                 SD_JSON_BUILD_PAIR_STRING("text", text)) >= 0)
                (void) sd_json_variant_append_array(&d->array, object);
}

/* Returns what a program prints, owned; NULL if it is missing or fails. */
static char *answer_of(const char *program, const char *argument, const char *second) {
        const char *const argv[] = { program, argument, second, NULL };
        _cleanup_free_ char *text = NULL;

        return access(program, X_OK) == 0 && run_program_read(argv, &text) == 0 ? TAKE_PTR(text) : NULL;
}

/* --- the checks ------------------------------------------------------------------------ */

static void check_version(Doctor *d, const char *path, const char *package, unsigned major, unsigned minor) {
        _cleanup_free_ char *text = answer_of(path, "--version", NULL);
        unsigned got_major, got_minor;

        if (!text)
                say(d, LEVEL_PROBLEM, "%s not found, or fails to run: install %s", path, package);
        else if (!program_version_parse(text, &got_major, &got_minor))
                say(d, LEVEL_WARNING, "%s does not say its version", path);
        else if (got_major < major || (got_major == major && got_minor < minor))
                say(d, LEVEL_PROBLEM, "%s is %u.%u: %s %u.%u or newer is needed", path, got_major, got_minor,
                                package, major, minor);
        else
                say(d, LEVEL_OK, "%s %u.%u", path, got_major, got_minor);
}

static void check_systemd(Doctor *d) {
        _cleanup_free_ char *version = NULL;
        unsigned number = 0;

        if (context_manager(d->context) != 0) {
                say(d, LEVEL_PROBLEM,
                                "no user manager: log in with a systemd session, or: loginctl enable-linger");
                return;
        }
        if (manager_version(d->context->manager, &version) >= 0)
                number = (unsigned) strtoul(version, NULL, 10);
        if (number < 257)
                say(d, LEVEL_PROBLEM, "systemd %s: 257 or newer is needed", version ?: "without a version");
        else
                say(d, LEVEL_OK, "systemd %s", version);
}

static void check_units(Doctor *d) {
        if (uninstalled_has_generator())
                say(d, LEVEL_OK, "installed; systemd runs the generator at login and at each daemon-reload");
        else
                say(d, LEVEL_OK,
                                "claude-run's own copies: systemctl knows a project once claude-run has started it, and WantedBy= has no effect. To change that, install the package or link " GENERATOR_PATH
                                " into /etc/systemd/user-generators");
}

static void check_projects(Doctor *d) {
        const char *const argv[] = { d->context->options->generator, "--list", NULL };
        _cleanup_free_ char *errors = NULL;
        int r = context_projects(d->context) != 0 ? -EIO : run_program_read_errors(argv, &errors);

        if (errors)
                say_lines(stderr, "", errors);
        if (r < 0 || r > 1)
                say(d, LEVEL_PROBLEM, GENERATOR_PATH " does not run: install claude-microvm again");
        else if (r > 0)
                say(d, LEVEL_WARNING, "%zu projects, of which some have mistakes: see above",
                                d->context->projects.n);
        else
                say(d, LEVEL_OK, "%zu projects, no mistakes", d->context->projects.n);
}

static void check_qemu(Doctor *d) {
        const Architecture *host = architecture_of_host();
        const MachineType *first = host->machines, *other = first + 1;
        _cleanup_free_ char *machines = NULL, *line = NEED(strjoin("\n", first->word, NULL)),
                            *package = NEED(strjoin("QEMU (Debian: ", host->package, ")", NULL));

        check_version(d, QEMU_PATH, package, 9, 0);
        machines = answer_of(QEMU_PATH, "-M", "help");
        if (machines && !strstr(machines, line))
                say(d, LEVEL_PROBLEM, "%s has no machine %s: install the full QEMU%s%s", QEMU_PATH,
                                first->word, other->word ? ", or set Machine=" : "", other->word ?: "");
}

static void check_virtiofsd(Doctor *d) {
        check_version(d, VIRTIOFSD_PATH, "virtiofsd (the Rust one)", 1, 13);
}

static void check_ssh(Doctor *d) {
        static const char *const programs[] = { SSH_PATH, SSH_KEYGEN_PATH };

        for (size_t i = 0; i < ELEMENTSOF(programs); i++)
                if (access(programs[i], X_OK) < 0) {
                        say(d, LEVEL_PROBLEM, "%s not found: install the OpenSSH client", programs[i]);
                        return;
                }
        say(d, LEVEL_OK, SSH_PATH);
}

/* The helper tries, because its AppArmor profile is not claude-run's. */
static void try_with_helper(Doctor *d, const char *what) {
        const char *const argv[] = { HELPER_PATH, "try", what, NULL };
        _cleanup_free_ char *text = NULL;
        int r = run_program_read(argv, &text);

        if (r < 0 || r > 1 || !*text)
                say(d, LEVEL_PROBLEM, HELPER_PATH " does not run: install claude-microvm again");
        else
                say(d, r == 0 ? LEVEL_OK : LEVEL_PROBLEM, "%.*s", (int) strcspn(text, "\n"), text);
}

static void check_namespaces(Doctor *d) {
        try_with_helper(d, "namespaces");
}

static void check_network(Doctor *d) {
        static const char *const programs[][2] = { { NFT_PATH, "nftables" }, { PASTA_PATH, "passt" },
                { DNSMASQ_PATH, "dnsmasq (Debian: dnsmasq-base)" } };
        bool complete = true;

        for (size_t i = 0; i < ELEMENTSOF(programs); i++)
                if (access(programs[i][0], X_OK) < 0) {
                        say(d, LEVEL_PROBLEM, "%s not found: install %s", programs[i][0], programs[i][1]);
                        complete = false;
                }
        if (access(HAPROXY_PATH, X_OK) < 0)
                say(d, LEVEL_WARNING,
                                "%s not found: VMs with an API key start with ApiProxy=no only, and Mode=allow lets all names of an allowed address through; install haproxy",
                                HAPROXY_PATH);
        if (complete)
                try_with_helper(d, "network");
}

static void check_landlock(Doctor *d) {
        const char *shortcoming = sandbox_shortcoming();

        if (shortcoming)
                say(d, LEVEL_WARNING, "%s", shortcoming);
        else
                say(d, LEVEL_OK, "version %u of the kernel's interface", landlock_version());
}

static void check_kvm(Doctor *d) {
        const char *why = "";

        if (accelerator_kvm_works(&why))
                say(d, LEVEL_OK, "a virtual CPU runs at full speed; VMs inside VMs (Nested=yes): %s",
                                accelerator_nests() ? "possible"
                                                    : "no, the module's parameter nested is off");
        else if (access("/dev/kvm", F_OK) == 0 && access("/dev/kvm", R_OK | W_OK) < 0)
                say(d, LEVEL_WARNING,
                                "you may not open /dev/kvm, so VMs are ten times slower: sudo usermod --append --groups kvm $USER, and log in again");
        else
                say(d, LEVEL_WARNING, "%s, so VMs are ten times slower", why);
}

/* What guests of another architecture need besides. */
static void check_foreign(Doctor *d, const Architecture *guest) {
        if (guest == architecture_of_host())
                return;
        if (access(QEMU_FOREIGN_PATH, X_OK) < 0)
                say(d, LEVEL_PROBLEM, "it is of %s, and %s is missing: install QEMU for that (Debian: %s)",
                                guest->name, QEMU_FOREIGN_PATH, guest->package);
        else
                say(d, LEVEL_WARNING,
                                "it is of %s and this machine of %s, so VMs run under emulation, which is slow",
                                guest->name, architecture_of_host()->name);
}

static void check_image(Doctor *d) {
        const char *home = getenv("HOME");
        _cleanup_free_ char *data = NEED(path_xdg("XDG_DATA_HOME", "/.local/share"));
        _cleanup_guest_image_ GuestImage *image = NULL;
        _cleanup_free_ char *why = NULL;
        struct statvfs fs;

        if (guest_image_find(DEFAULT_GUEST, "claude", data, &image, &why) >= 0) {
                say(d, LEVEL_OK, "%s: %s", image->directory, image->agents);
                check_foreign(d, image->architecture);
                return;
        }
        say(d, LEVEL_PROBLEM, "%s", why ?: "no memory");
        if (statvfs(home ?: "/", &fs) == 0 && fs.f_bavail * fs.f_frsize >> 20 < IMAGE_MIB)
                say(d, LEVEL_WARNING, "making an image needs %u MiB, and %s has %llu", IMAGE_MIB,
                                home ?: "/", (unsigned long long) (fs.f_bavail * fs.f_frsize >> 20));
}

static void check_linger(Doctor *d) {
        const struct passwd *user = getpwuid(getuid());
        _cleanup_free_ char *path =
                        user ? NEED(strjoin("/var/lib/systemd/linger/", user->pw_name, NULL)) : NULL;

        if (path && access(path, F_OK) == 0)
                say(d, LEVEL_OK, "on: VMs outlast your login");
        else
                say(d, LEVEL_OK, "off: VMs end when you log out; to keep them: loginctl enable-linger");
}

static void check_failed(Doctor *d) {
        _cleanup_strv_free_ char **units = NULL;
        unsigned n = 0;

        if (!d->context->manager || manager_list(d->context->manager, "claude-vm*", &units, NULL) < 0)
                return;
        for (size_t i = 0; units && units[i]; i++) {
                _cleanup_free_ char *state = NULL;

                if (manager_active_state(d->context->manager, units[i], &state) < 0 ||
                                strcmp(state, "failed") != 0)
                        continue;
                say(d, LEVEL_WARNING, "%s has failed: systemctl --user status '%s'", units[i], units[i]);
                n++;
        }
        if (n == 0)
                say(d, LEVEL_OK, "none has failed");
}

static const struct {
        const char *name;
        void (*run)(Doctor *d);
} checks[] = {
        { "systemd", check_systemd },
        { "installation", check_units },
        { "configuration", check_projects },
        { "QEMU", check_qemu },
        { "virtiofsd", check_virtiofsd },
        { "OpenSSH", check_ssh },
        { "namespaces", check_namespaces },
        { "network", check_network },
        { "Landlock", check_landlock },
        { "KVM", check_kvm },
        { "guest image", check_image },
        { "lingering", check_linger },
        { "units", check_failed },
};

int verb_doctor(Context *c) {
        Doctor d = { .context = c };

        if (c->options->n_words > 0)
                return fail(EXIT_USAGE, "doctor takes no name; of one VM: claude-run status %s",
                                c->options->words[0]);
        for (size_t i = 0; i < ELEMENTSOF(checks); i++) {
                d.check = checks[i].name;
                checks[i].run(&d);
        }
        if (c->options->json)
                (void) sd_json_variant_dump(d.array, SD_JSON_FORMAT_NEWLINE, stdout, NULL);
        sd_json_variant_unref(d.array);
        return d.sick ? EXIT_FAILURE : EXIT_SUCCESS;
}
