#include "session-files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cleanup.h"
#include "config.h"
#include "run-program.h"
#include "small-file.h"

#define KEY_MAX 4096U

static const char *const files[] = { "ssh.key", "ssh.key.pub", "host.key", "host.key.pub", "ssh.known_hosts",
        "ssh.config", "ssh.address", "ssh.address.new", "qemu/ssh.sock" };

static char *path_in(const char *directory, const char *name) {
        char *path;

        return asprintf(&path, "%s/%s", directory, name) < 0 ? NULL : path;
}

static int make_key(const char *ssh_keygen, const char *path) {
        char *argv[] = { (char *) ssh_keygen, (char *) "-q", (char *) "-t", (char *) "ed25519",
                (char *) "-N", (char *) "", (char *) "-C", (char *) "claude-vm", (char *) "-f",
                (char *) path, NULL };
        int r = run_program(argv, -1);

        return r > 0 ? -EIO : r;
}

static int read_in(const char *directory, const char *name, char **ret) {
        _cleanup_free_ char *path = path_in(directory, name);

        return path ? small_file_read(path, KEY_MAX, ret) : -ENOMEM;
}

static int create_in(const char *directory, const char *name, const char *content) {
        _cleanup_free_ char *path = path_in(directory, name);

        return path ? small_file_create(path, 0600, content, strlen(content)) : -ENOMEM;
}

static void remove_in(const char *directory, const char *name) {
        _cleanup_free_ char *path = path_in(directory, name);

        if (path)
                unlink(path);
}

static int make_pair(const char *ssh_keygen, const char *directory, const char *name) {
        _cleanup_free_ char *path = path_in(directory, name);

        return path ? make_key(ssh_keygen, path) : -ENOMEM;
}

/* The host checks the guest's key for real, under a name instead of an address. */
static int write_known_hosts(const char *directory) {
        _cleanup_free_ char *key = NULL, *line = NULL;
        int r = read_in(directory, "host.key.pub", &key);

        if (r < 0)
                return r;
        if (asprintf(&line, "claude-vm %s", key) < 0) {
                line = NULL;
                return -ENOMEM;
        }
        return create_in(directory, "ssh.known_hosts", line);
}

static int write_config(const char *directory, const char *id) {
        _cleanup_free_ char *config = NULL;

        if (asprintf(&config,
                            "# Sessions in claude-vm@%2$s: ssh -F %1$s/ssh.config claude-vm\n"
                            "Host claude-vm\n"
                            "  User claude\n"
                            "  HostKeyAlias claude-vm\n"
                            "  UserKnownHostsFile %1$s/ssh.known_hosts\n"
                            "  GlobalKnownHostsFile none\n"
                            "  StrictHostKeyChecking yes\n"
                            "  UpdateHostKeys no\n"
                            "  IdentityFile %1$s/ssh.key\n"
                            "  IdentitiesOnly yes\n"
                            "  IdentityAgent none\n"
                            "  PreferredAuthentications publickey\n"
                            "  ProxyCommand " HELPER_PATH " connect %2$s\n"
                            "  ProxyUseFdpass yes\n"
                            "  ControlPath %1$s/ssh/control\n"
                            "  BatchMode yes\n"
                            "  ConnectTimeout 30\n"
                            "  ForwardAgent no\n"
                            "  ForwardX11 no\n"
                            "  SendEnv LANG LC_* TERM COLORTERM TZ\n"
                            "  LogLevel ERROR\n",
                            directory, id) < 0) {
                config = NULL;
                return -ENOMEM;
        }
        return create_in(directory, "ssh.config", config);
}

int session_files_make(const char *ssh_keygen, const char *directory, const char *id, SessionKeys *ret) {
        SessionKeys keys = {};
        int r;

        for (size_t i = 0; i < ELEMENTSOF(files); i++)
                remove_in(directory, files[i]);
        r = make_pair(ssh_keygen, directory, "ssh.key");
        if (r >= 0)
                r = make_pair(ssh_keygen, directory, "host.key");
        if (r >= 0)
                r = read_in(directory, "ssh.key.pub", &keys.authorized_key);
        if (r >= 0)
                r = read_in(directory, "host.key", &keys.host_key);
        if (r >= 0)
                r = write_known_hosts(directory);
        if (r >= 0)
                r = write_config(directory, id);
        /* the guest's private key is for the guest alone */
        remove_in(directory, "host.key");
        remove_in(directory, "host.key.pub");
        if (r < 0) {
                session_keys_done(&keys);
                return r;
        }
        *ret = keys;
        return 0;
}

void session_keys_done(SessionKeys *keys) {
        if (keys->host_key)
                explicit_bzero(keys->host_key, strlen(keys->host_key));
        free(keys->host_key);
        free(keys->authorized_key);
        *keys = (SessionKeys) {};
}

int session_files_write_address(const char *directory, const char *address) {
        _cleanup_free_ char *new = path_in(directory, "ssh.address.new"),
                            *path = path_in(directory, "ssh.address");
        _cleanup_free_ char *line = NULL;
        int r;

        if (!new || !path || asprintf(&line, "%s\n", address) < 0) {
                line = NULL;
                return -ENOMEM;
        }
        r = small_file_create(new, 0600, line, strlen(line));
        if (r < 0)
                return r;
        return rename(new, path) < 0 ? -errno : 0;
}
