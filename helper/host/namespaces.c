/* The kernel says EPERM or ENOSPC for each of several settings. This looks which of them it was. The
 * AppArmor label is that of the process itself, so the helper must ask and not claude-run: only the helper
 * has a profile. */

#include "helper/host/namespaces.h"

#include <dirent.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/strjoin.h"
#include "common/whole-file.h"
#include "common/why.h"

#define PROFILE "claude-vm-helper"
#define PROFILE_FILE "/etc/apparmor.d/" PROFILE
#define RELOAD "sudo apparmor_parser --replace " PROFILE_FILE

/* A setting that refuses namespaces with one value, and a value that allows them. */
typedef struct Setting {
        const char *name, *refuses, *allows;
} Setting;

static const Setting settings_of_kernel[] = {
        /* Debian before 11, Arch's linux-hardened */
        { "kernel.unprivileged_userns_clone", "0", "1" },
        /* what hardening guides turn off, on any distribution */
        { "user.max_user_namespaces", "0", "15000" },
        { "user.max_mnt_namespaces", "0", "15000" },
        { "user.max_pid_namespaces", "0", "15000" },
        { "user.max_ipc_namespaces", "0", "15000" },
        { "user.max_net_namespaces", "0", "15000" },
};

/* Returns the first line of a file below `root`, owned; NULL if it cannot be read. */
static char *line_of(const char *root, const char *file) {
        _cleanup_free_ char *path = strjoin(root, file, NULL), *text = NULL;

        if (!path || whole_file_read(path, 4096, &text) < 0)
                return NULL;
        text[strcspn(text, "\n")] = '\0';
        return TAKE_PTR(text);
}

static bool setting_is(const char *root, const char *name, const char *value) {
        _cleanup_free_ char *path = strjoin("/proc/sys/", name, NULL), *got = NULL;
        char *dot = path ? strchr(path, '.') : NULL;

        if (!dot)
                return false;
        *dot = '/';
        got = line_of(root, path);
        return got && strcmp(got, value) == 0;
}

/* --- AppArmor -------------------------------------------------------------------------- */

/* Returns the label of this process, owned, like "claude-vm-helper (unconfined)"; NULL if AppArmor is off.
 */
static char *label(const char *root) {
        return line_of(root, "/proc/self/attr/apparmor/current") ?: line_of(root, "/proc/self/attr/current");
}

static bool is_profile(const char *name) {
        size_t n = strcspn(name, " ");

        return n == strlen(PROFILE) && strncmp(name, PROFILE, n) == 0;
}

typedef enum Loaded { LOADED_NO, LOADED_YES, LOADED_UNKNOWN } Loaded;

/* Has the kernel the profile? It keeps a directory NAME.NUMBER for each. */
static Loaded loaded(const char *root) {
        _cleanup_free_ char *path = strjoin(root, "/sys/kernel/security/apparmor/policy/profiles", NULL);
        _cleanup_closedir_ DIR *dir = path ? opendir(path) : NULL;
        struct dirent *entry;

        if (!dir)
                return LOADED_UNKNOWN;
        while ((entry = readdir(dir)))
                if (strncmp(entry->d_name, PROFILE ".", strlen(PROFILE ".")) == 0)
                        return LOADED_YES;
        return LOADED_NO;
}

static bool has_profile(const char *root) {
        _cleanup_free_ char *text = line_of(root, PROFILE_FILE);

        return text;
}

/* Ubuntu's rule: only a program with a profile that says `userns` may have them. */
static int explain_apparmor(const char *root, const char *program, char **ret_why) {
        static const char rule[] =
                        "kernel.apparmor_restrict_unprivileged_userns is 1, so only programs with an AppArmor profile get namespaces";
        _cleanup_free_ char *own = label(root);

        if (own && is_profile(own))
                return why_say(ret_why, 0,
                                "%s, and " PROFILE
                                " does not allow them: add `userns,` to /etc/apparmor.d/local/" PROFILE
                                ", then: " RELOAD,
                                rule);
        if (!has_profile(root))
                return why_say(ret_why, 0,
                                "%s. The profile is missing: install the package, or from source with -Dapparmor_dir=/etc/apparmor.d, then: " RELOAD,
                                rule);
        if (loaded(root) == LOADED_NO)
                return why_say(ret_why, 0, "%s. " PROFILE_FILE " is not loaded: " RELOAD, rule);
        return why_say(ret_why, 0,
                        "%s. " PROFILE_FILE
                        " is not effective for %s, which runs as '%s': the path in its line `profile` must be that of this program; change it, then: " RELOAD,
                        rule, program, own ?: "unconfined");
}

int namespaces_explain(const char *root, const char *program, char **ret_why) {
        for (size_t i = 0; i < ELEMENTSOF(settings_of_kernel); i++) {
                const Setting *s = &settings_of_kernel[i];

                if (setting_is(root, s->name, s->refuses))
                        return why_say(ret_why, 0,
                                        "%s is %s, so the kernel gives ordinary users no namespaces, which QEMU, ssh and virtiofsd are confined with: sudo sysctl --write %s=%s, and the same line in a file of /etc/sysctl.d",
                                        s->name, s->refuses, s->name, s->allows);
        }
        if (setting_is(root, "kernel.apparmor_restrict_unprivileged_userns", "1"))
                return explain_apparmor(root, program, ret_why);
        return why_say(ret_why, 0,
                        "the kernel gives this user no namespaces, which QEMU, ssh and virtiofsd are confined with, and no known setting says so: in a container its manager must allow them, elsewhere a security module or a filter of system calls refuses them");
}
