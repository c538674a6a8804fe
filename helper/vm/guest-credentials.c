#include "helper/vm/guest-credentials.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/agent.h"
#include "common/cleanup.h"
#include "common/memory-file.h"
#include "common/printable.h"
#include "common/strv.h"
#include "common/user-config.h"
#include "common/why.h"
#include "helper/vm/claude-settings.h"
#include "helper/vm/user-settings.h"

/* Takes what `f` wrote to the memory file `fd`, which is closed at an error. */
static int finish(GuestCredentials *c, const char *name, FILE *f, int fd) {
        _cleanup_close_ int owned = fd;

        if (fclose(f) != 0)
                return -errno;
        if (c->n >= GUEST_CREDENTIALS_MAX)
                return -E2BIG;
        c->items[c->n++] = (GuestCredential) { .name = name, .fd = TAKE_FD(owned) };
        return 0;
}

/* A memory file and a stream to fill it; QEMU reads it by name, from the start. */
static int begin(const char *name, FILE **ret, int *ret_fd) {
        _cleanup_close_ int fd = memory_file(name);
        int duplicate;

        if (fd < 0)
                return fd;
        duplicate = fcntl(fd, F_DUPFD_CLOEXEC, 3);
        if (duplicate < 0)
                return -errno;
        *ret = fdopen(duplicate, "w");
        if (!*ret) {
                close(duplicate);
                return -errno;
        }
        *ret_fd = TAKE_FD(fd);
        return 0;
}

static int add_text(GuestCredentials *c, const char *name, const char *text) {
        FILE *f;
        int fd, r = begin(name, &f, &fd);

        if (r < 0)
                return r;
        fputs(text, f);
        return finish(c, name, f, fd);
}

/* A field of fstab: a blank is \040. */
static void print_fstab_field(FILE *f, const char *s) {
        for (; *s; s++)
                if (*s == ' ' || *s == '\t' || *s == '\\')
                        fprintf(f, "\\%03o", *s);
                else
                        fputc(*s, f);
}

/* Its name and how it starts: `boot` (in a terminal), `plain` (on pipes) or `session`. Which of the first
 * two it is depends on the agent, which the guest knows by name only. */
static int add_agent(GuestCredentials *c, const Parameters *p) {
        const char *agent = setting_value(p->values, SETTING_AGENT),
                   *start = setting_value(p->values, SETTING_AGENT_START);
        bool plain = setting_is(p->values, SETTING_AGENT_START, "boot") &&
                        agent_is_plain(agent, p->arguments);
        FILE *f;
        int fd, r = begin("claude-vm.agent", &f, &fd);

        if (r < 0)
                return r;
        fprintf(f, "%s %s\n", agent, plain ? "plain" : start);
        return finish(c, "claude-vm.agent", f, fd);
}

/* A line of fstab a share; so no field may end one. */
static int add_mounts(GuestCredentials *c, const Parameters *p, char **ret_why) {
        FILE *f;
        int fd, r;

        for (unsigned i = 0; i < p->n_shares; i++) {
                const char *why = printable_check(p->shares[i].guest_directory);

                if (why)
                        return why_say(ret_why, -EINVAL,
                                        "The directory of share '%s' in the guest has %s: change the drop-in",
                                        p->shares[i].tag, why);
        }
        r = begin("fstab.extra", &f, &fd);
        if (r < 0)
                return r;
        for (unsigned i = 0; i < p->n_shares; i++) {
                fprintf(f, "%s ", p->shares[i].tag);
                print_fstab_field(f, p->shares[i].guest_directory);
                fprintf(f, " virtiofs %s,nosuid,nodev 0 0\n", p->shares[i].read_only ? "ro" : "rw");
        }
        return finish(c, "fstab.extra", f, fd);
}

/* Its upper directory is for one root file system, which has this key. */
static int add_disk(GuestCredentials *c, const char *key) {
        FILE *f;
        int fd, r = begin("claude-vm.disk", &f, &fd);

        if (r < 0)
                return r;
        fprintf(f, "%s\n", key);
        return finish(c, "claude-vm.disk", f, fd);
}

/* The work directory in the guest, then a line a directory in it. */
static int add_private(GuestCredentials *c, const Parameters *p) {
        const char *words = setting_value(p->values, SETTING_PRIVATE),
                   *work = parameters_share_guest_directory(p, "work") ?: "/work";
        size_t n;
        FILE *f;
        int fd, r = begin("claude-vm.private", &f, &fd);

        if (r < 0)
                return r;
        fprintf(f, "%s\n", work);
        for (; (n = setting_next_word(&words)) > 0; words += n)
                fprintf(f, "%.*s\n", (int) n, words);
        return finish(c, "claude-vm.private", f, fd);
}

/* Two lines: the work directory in the guest, and the script in it. */
static int add_setup(GuestCredentials *c, const Parameters *p) {
        FILE *f;
        int fd, r = begin("claude-vm.setup", &f, &fd);

        if (r < 0)
                return r;
        fprintf(f, "%s\n%s\n", parameters_share_guest_directory(p, "work") ?: "/work",
                        setting_value(p->values, SETTING_SETUP));
        return finish(c, "claude-vm.setup", f, fd);
}

static int add_list(GuestCredentials *c, const char *name, char *const *list) {
        FILE *f;
        int fd, r = begin(name, &f, &fd);

        if (r < 0)
                return r;
        for (; list && *list; list++)
                fwrite(*list, strlen(*list) + 1, 1, f);
        return finish(c, name, f, fd);
}

/* Claude Code runs in Bun, whose optimizing compilers pay later than an emulated agent begins to work: its
 * translated code is translated once more (BENCHMARKS.md). */
#define EMULATED_NAME "BUN_JSC_useDFGJIT"

static int add_environment(
                GuestCredentials *c, const Parameters *p, const Secrets *secrets, bool kvm, char **ret_why) {
        FILE *f;
        int fd, r = begin("claude-vm.environment", &f, &fd);

        if (r < 0)
                return r;
        if (!kvm && !strv_value(p->environment, EMULATED_NAME))
                fwrite(EMULATED_NAME "=0", sizeof(EMULATED_NAME "=0"), 1, f);
        for (char *const *e = p->environment; e && *e; e++)
                fwrite(*e, strlen(*e) + 1, 1, f);
        r = secrets_write(f, secrets, ret_why);
        if (r < 0) {
                fclose(f);
                close(fd);
                return r;
        }
        return finish(c, "claude-vm.environment", f, fd);
}

/* Turns the instance's name into a host name, which has no `_` and no dot at its end. */
static int add_hostname(GuestCredentials *c, const Parameters *p) {
        char name[64];
        size_t n;

        snprintf(name, sizeof(name), "%s", p->id);
        for (char *s = name; *s; s++)
                if (!isalnum((unsigned char) *s))
                        *s = '-';
        n = strlen(name);
        while (n > 0 && name[n - 1] == '-')
                name[--n] = '\0';
        return add_text(c, "system.hostname",
                        name[strspn(name, "-")] ? name + strspn(name, "-") : "claude-vm");
}

static int add_machine_id(GuestCredentials *c, const Parameters *p) {
        char id[33], *out = id;

        for (const char *s = p->uuid; *s; s++)
                if (*s != '-')
                        *out++ = (char) tolower((unsigned char) *s);
        *out = '\0';
        return add_text(c, "system.machine_id", id);
}

/* Each is left out where the host has none. */
static int add_user_settings(GuestCredentials *c, const char *git) {
        _cleanup_free_ char *zone = NULL, *identity = NULL;
        int r = user_settings_time_zone("/etc/localtime", &zone);

        if (r >= 0)
                r = add_text(c, "claude-vm.timezone", zone);
        if (r >= 0 || r == -ENODATA)
                r = user_settings_git(git, &identity);
        if (r >= 0)
                r = add_text(c, "claude-vm.gitconfig", identity);
        return r == -ENODATA ? 0 : r;
}

static int add_settings(GuestCredentials *c, const Parameters *p) {
        const char *directory = parameters_share_directory(p, USER_CONFIG_TAG);
        _cleanup_free_ char *text = NULL;
        int r = directory && setting_is(p->values, SETTING_AGENT, "claude")
                        ? claude_settings_read(directory, &text)
                        : -ENODATA;

        return r == -ENODATA ? 0 : r < 0 ? r : add_text(c, "claude-vm.settings", text);
}

int guest_credentials_make(const Parameters *p, const SshKeys *keys, const Secrets *secrets, bool kvm,
                bool have_dev_shell, const char *disk_key, const char *git, GuestCredentials *ret,
                char **ret_why) {
        GuestCredentials c = {};
        int r;

        r = add_mounts(&c, p, ret_why);
        if (r >= 0)
                r = add_machine_id(&c, p);
        if (r >= 0)
                r = add_hostname(&c, p);
        if (r >= 0)
                r = add_agent(&c, p);
        if (r >= 0)
                r = add_list(&c, "claude-vm.arguments", p->arguments);
        if (r >= 0)
                r = add_environment(&c, p, secrets, kvm, ret_why);
        if (r >= 0)
                r = add_text(&c, "claude-vm.authorized_keys", keys->authorized_key);
        if (r >= 0)
                r = add_text(&c, "claude-vm.host_key", keys->host_key);
        if (r >= 0)
                r = add_user_settings(&c, git);
        if (r >= 0)
                r = add_settings(&c, p);
        /* the side that has evaluated it, or should try */
        if (r >= 0 && p->dev_shell)
                r = add_text(&c, "claude-vm.devshell", have_dev_shell ? "host" : "guest");
        if (r >= 0 && disk_key)
                r = add_disk(&c, disk_key);
        if (r >= 0 && setting_value(p->values, SETTING_PRIVATE))
                r = add_private(&c, p);
        if (r >= 0 && setting_value(p->values, SETTING_SETUP))
                r = add_setup(&c, p);
        if (r < 0) {
                guest_credentials_done(&c);
                return r;
        }
        *ret = c;
        return 0;
}

void guest_credentials_done(GuestCredentials *c) {
        for (unsigned i = 0; i < c->n; i++)
                close(c->items[i].fd);
        c->n = 0;
}
