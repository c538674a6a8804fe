#include "helper/ssh/files.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/printable.h"
#include "common/run-program.h"
#include "common/strjoin.h"
#include "common/vm-name.h"
#include "common/whole-file.h"
#include "config.h"

#define KEY_MAX 4096U

static const char *const files[] = { "ssh.key", "ssh.key.pub", "host.key", "host.key.pub", "ssh.known_hosts",
        "ssh.config" };

static char *path_in(const char *vm_dir, const char *name) {
        return strjoin(vm_dir, "/", name, NULL);
}

static int make_key(const char *ssh_keygen, const char *path) {
        const char *const argv[] = { ssh_keygen, "-q", "-t", "ed25519", "-N", "", "-C", "claude-vm", "-f",
                path, NULL };
        int r = run_program(argv, -1);

        return r > 0 ? -EIO : r;
}

static int read_in(const char *vm_dir, const char *name, char **ret) {
        _cleanup_free_ char *path = path_in(vm_dir, name);

        return path ? whole_file_read(path, KEY_MAX, ret) : -ENOMEM;
}

static int create_in(const char *vm_dir, const char *name, const char *content) {
        _cleanup_free_ char *path = path_in(vm_dir, name);

        return path ? whole_file_create(path, 0600, content, strlen(content)) : -ENOMEM;
}

static void remove_in(const char *vm_dir, const char *name) {
        _cleanup_free_ char *path = path_in(vm_dir, name);

        if (path)
                unlink(path);
}

static int make_pair(const char *ssh_keygen, const char *vm_dir, const char *name) {
        _cleanup_free_ char *path = path_in(vm_dir, name);

        return path ? make_key(ssh_keygen, path) : -ENOMEM;
}

/* ssh really checks the guest's host key, under a name instead of an address. */
static int write_known_hosts(const char *vm_dir) {
        _cleanup_free_ char *key = NULL, *line = NULL;
        int r = read_in(vm_dir, "host.key.pub", &key);

        if (r < 0)
                return r;
        line = strjoin("claude-vm ", key, NULL);
        return line ? create_in(vm_dir, "ssh.known_hosts", line) : -ENOMEM;
}

/* A path as one word of ssh's configuration: in quotes, and its tokens (%h) stay what they are. `${` cannot
 * be said. 0 and an owned word; -EINVAL, -ENOMEM. */
static int quote_path(const char *path, char **ret) {
        char *quoted, *out;

        if (printable_check(path) || strstr(path, "${"))
                return -EINVAL;
        quoted = out = malloc(2 * strlen(path) + 3);
        if (!quoted)
                return -ENOMEM;
        *out++ = '"';
        for (; *path; path++) {
                if (strchr("\"\\%", *path))
                        *out++ = *path == '%' ? '%' : '\\';
                *out++ = *path;
        }
        strcpy(out, "\"");
        *ret = quoted;
        return 0;
}

static int print_path(FILE *f, const char *keyword, const char *vm_dir, const char *name) {
        _cleanup_free_ char *path = path_in(vm_dir, name), *quoted = NULL;
        int r = path ? quote_path(path, &quoted) : -ENOMEM;

        if (r >= 0)
                fprintf(f, "  %s %s\n", keyword, quoted);
        return r;
}

int ssh_files_print_config(FILE *f, const char *vm_dir, const char *id) {
        int r;

        if (!vm_name_is_id(id))
                return -EINVAL;
        fprintf(f, "# Sessions in claude-vm@%s: ssh -F with this file, claude-vm\nHost claude-vm\n", id);
        r = print_path(f, "UserKnownHostsFile", vm_dir, "ssh.known_hosts");
        if (r >= 0)
                r = print_path(f, "IdentityFile", vm_dir, "ssh.key");
        if (r >= 0)
                r = print_path(f, "ControlPath", vm_dir, "ssh/control");
        if (r < 0)
                return r;
        fprintf(f, "  ProxyCommand " HELPER_PATH " connect %s\n", id);
        fputs("  User claude\n"
              "  HostKeyAlias claude-vm\n"
              "  GlobalKnownHostsFile none\n"
              "  StrictHostKeyChecking yes\n"
              "  UpdateHostKeys no\n"
              "  IdentitiesOnly yes\n"
              "  IdentityAgent none\n"
              "  PreferredAuthentications publickey\n"
              "  ProxyUseFdpass yes\n"
              "  BatchMode yes\n"
              "  ConnectTimeout 30\n"
              "  ForwardAgent no\n"
              "  ForwardX11 no\n"
              "  SendEnv LANG LC_* TERM COLORTERM TZ\n"
              "  LogLevel ERROR\n",
                        f);
        return 0;
}

static int write_config(const char *vm_dir, const char *id) {
        _cleanup_free_ char *config = NULL;
        size_t size;
        FILE *f = open_memstream(&config, &size);
        int r;

        if (!f)
                return -ENOMEM;
        r = ssh_files_print_config(f, vm_dir, id);
        if (fclose(f) != 0)
                return -ENOMEM;
        return r < 0 ? r : create_in(vm_dir, "ssh.config", config);
}

int ssh_files_make(const char *ssh_keygen, const char *vm_dir, const char *id, SshKeys *ret) {
        SshKeys keys = {};
        int r;

        for (size_t i = 0; i < ELEMENTSOF(files); i++)
                remove_in(vm_dir, files[i]);
        r = make_pair(ssh_keygen, vm_dir, "ssh.key");
        if (r >= 0)
                r = make_pair(ssh_keygen, vm_dir, "host.key");
        if (r >= 0)
                r = read_in(vm_dir, "ssh.key.pub", &keys.authorized_key);
        if (r >= 0)
                r = read_in(vm_dir, "host.key", &keys.host_key);
        if (r >= 0)
                r = write_known_hosts(vm_dir);
        if (r >= 0)
                r = write_config(vm_dir, id);
        /* the guest's private key is for the guest alone */
        remove_in(vm_dir, "host.key");
        remove_in(vm_dir, "host.key.pub");
        if (r < 0) {
                ssh_keys_done(&keys);
                return r;
        }
        *ret = keys;
        return 0;
}

int ssh_files_take(const char *vm_dir, const char *id, SshKeys *ret) {
        SshKeys keys = { .host_key = strdup("") };
        int r = keys.host_key ? read_in(vm_dir, "ssh.key.pub", &keys.authorized_key) : -ENOMEM;

        remove_in(vm_dir, "ssh.config");
        if (r >= 0)
                r = write_config(vm_dir, id);
        if (r < 0) {
                ssh_keys_done(&keys);
                return r;
        }
        *ret = keys;
        return 0;
}

void ssh_keys_done(SshKeys *keys) {
        if (keys->host_key)
                explicit_bzero(keys->host_key, strlen(keys->host_key));
        free(keys->host_key);
        free(keys->authorized_key);
        *keys = (SshKeys) {};
}
