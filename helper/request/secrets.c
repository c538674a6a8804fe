/* systemd loads the plain ones. The encrypted ones are decrypted here, straight into
 * memory, because the user manager of systemd 257 cannot do it: it looks for the key of
 * the machine itself, which only root reads (systemd issue 33796, fixed in 258), while
 * systemd-creds asks the system's service. */

#include "helper/request/secrets.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/cleanup.h"
#include "common/directory.h"
#include "common/memory-file.h"
#include "common/run-program.h"
#include "common/settings.h"
#include "common/strjoin.h"
#include "common/strv.h"
#include "common/whole-file.h"
#include "common/why.h"
#include "helper/request/caller-credentials.h"

#define SECRET_MAX (64U * 1024U)

static int refuse(char **ret_why, const char *name, const char *why) {
        return why_say(ret_why, -EINVAL, "The credential %s %s", name, why);
}

/* The content of the file, without the newline that editors put at its end. */
static int write_secret(FILE *f, const char *name, const char *path, char **ret_why) {
        _cleanup_free_ char *value = NULL;
        size_t size;
        int r = whole_file_read(path, SECRET_MAX, &value);

        if (r == -EFBIG)
                return refuse(ret_why, name, "has more than 64 KiB");
        if (r == -EINVAL)
                return refuse(ret_why, name, "has a NUL byte");
        if (r < 0)
                return r;
        size = strlen(value);
        if (size > 0 && value[size - 1] == '\n')
                value[--size] = '\0';
        fprintf(f, "%s=%s", name, value);
        fputc('\0', f);
        explicit_bzero(value, size);
        return 0;
}

static int write_plain(FILE *f, const char *secrets_dir, char **ret_why) {
        _cleanup_closedir_ DIR *dir = opendir(secrets_dir);
        int r = 0;

        if (!dir)
                return -errno;
        for (const struct dirent *entry; r >= 0 && (entry = readdir(dir));) {
                _cleanup_free_ char *path = NULL;

                if (entry->d_name[0] == '.')
                        continue;
                path = strjoin(secrets_dir, "/", entry->d_name, NULL);
                r = path ? write_secret(f, entry->d_name, path, ret_why) : -ENOMEM;
        }
        return r;
}

/* Into a file in memory, which is gone when its descriptor is closed. */
static int write_encrypted(FILE *f, const char *systemd_creds, const char *assignment, char **ret_why) {
        _cleanup_close_ int fd = memory_file("credential");
        _cleanup_free_ char *name = strndup(assignment, strcspn(assignment, "=")),
                            *option = name ? strjoin("--name=", name, NULL) : NULL;
        const char *file = assignment + strcspn(assignment, "=") + 1;
        char path[sizeof("/proc/self/fd/") + 3 * sizeof(int)];
        int r;

        if (fd < 0)
                return fd;
        if (!option)
                return -ENOMEM;
        r = run_program((const char *const[]) { systemd_creds, "decrypt", "--user", option, file, "-",
                                        NULL },
                        fd);
        if (r < 0)
                return r;
        if (r > 0)
                return refuse(ret_why, name,
                                "cannot be decrypted; systemd-creds says why in the journal. It is made with: systemd-creds encrypt --user --name=NAME - FILE");
        snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
        return write_secret(f, name, path, ret_why);
}

static int write_caller(FILE *f, const Secrets *secrets, char **ret_why) {
        _cleanup_free_ char *copy = strdup(secrets->caller);
        char *rest = copy, *name;
        int r = copy ? 0 : -ENOMEM;

        while (r >= 0 && (name = strsep(&rest, " "))) {
                _cleanup_free_ char *path = NULL;

                if (!name[0] || setting_has_word(secrets->elsewhere ?: "", name))
                        continue;
                path = caller_credentials_path(secrets->runtime_dir, secrets->id, name);
                r = path ? write_secret(f, name, path, ret_why) : -ENOMEM;
                if (r == -ENOENT)
                        r = refuse(ret_why, name,
                                        "is taken from the environment of claude-run: set it there and start the VM with claude-run, or name a file in [Credentials]");
        }
        return r;
}

int secrets_write(FILE *f, const Secrets *secrets, char **ret_why) {
        int r = secrets->secrets_dir ? write_plain(f, secrets->secrets_dir, ret_why) : 0;

        for (char *const *e = secrets->encrypted; r >= 0 && e && *e; e++)
                r = write_encrypted(f, secrets->systemd_creds, *e, ret_why);
        return r < 0 ? r : write_caller(f, secrets, ret_why);
}

static bool has_files(const char *secrets_dir) {
        _cleanup_strv_free_ char **names = NULL;

        return secrets_dir && directory_list(secrets_dir, &names) >= 0 && names;
}

static bool has_caller_secret(const Secrets *secrets) {
        const char *names = secrets->caller ?: "";
        size_t n;

        for (; (n = setting_next_word(&names)) > 0; names += n) {
                _cleanup_free_ char *name = strndup(names, n);

                if (!name || !setting_has_word(secrets->elsewhere ?: "", name))
                        return true;
        }
        return false;
}

bool secrets_any(const Secrets *secrets) {
        return (secrets->encrypted && *secrets->encrypted) || has_files(secrets->secrets_dir) ||
                        has_caller_secret(secrets);
}
