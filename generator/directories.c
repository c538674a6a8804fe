#include "generator/directories.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/cleanup.h"
#include "common/strjoin.h"
#include "common/strv.h"
#include "config.h"
#include "generator/messages.h"
#include "generator/shareable.h"

#define PROJECTS_MAX 10000U

int directories_protect(Generator *g) {
        int r = 0;

        for (size_t i = 0; r >= 0 && g->config_dirs && g->config_dirs[i]; i++)
                r = shareable_close(&g->paths, g->config_dirs[i],
                                "holds the projects of claude-microvm, which a guest could change");
        return r;
}

int directories_from_environment(Generator *g) {
        const char *value = getenv("CLAUDE_MICROVM_CONFIG_DIRS");
        _cleanup_free_ char *copy = NULL;
        char *rest;

        if (!value) {
                if (strv_appendf(&g->config_dirs, "%s/claude-microvm", g->paths.config_home) < 0 ||
                                strv_append(&g->config_dirs, SYSTEM_CONFIG_DIR) < 0)
                        return -ENOMEM;
                return 0;
        }
        rest = copy = strdup(value);
        if (!copy)
                return -ENOMEM;
        for (char *dir; (dir = strsep(&rest, ":"));)
                if (dir[0] == '/' && strv_append(&g->config_dirs, dir) < 0)
                        return -ENOMEM;
        return 0;
}

static int is_ini(const struct dirent *entry) {
        size_t n = strlen(entry->d_name);

        return entry->d_name[0] != '.' && n > strlen(INI_SUFFIX) &&
                        strcmp(entry->d_name, DEFAULTS_FILE) != 0 &&
                        strcmp(entry->d_name + n - strlen(INI_SUFFIX), INI_SUFFIX) == 0;
}

int directories_compare_names(const void *a, const void *b) {
        return strcmp(*(const char *const *) a, *(const char *const *) b);
}

int directories_list(const char *dir, int *ret_fd, char ***ret) {
        _cleanup_closedir_ DIR *d = NULL;
        _cleanup_strv_free_ char **names = NULL;
        size_t n = 0, allocated = 0;

        d = opendir(dir);
        if (!d)
                return -errno;
        for (const struct dirent *entry; (entry = readdir(d)) && n <= PROJECTS_MAX;) {
                if (!is_ini(entry))
                        continue;
                if (n + 2 > allocated) {
                        char **grown = reallocarray(names, allocated = allocated * 2 + 64, sizeof(char *));

                        if (!grown)
                                return -ENOMEM;
                        names = grown;
                }
                names[n] = strdup(entry->d_name);
                names[n + 1] = NULL;
                if (!names[n++])
                        return -ENOMEM;
        }
        if (n > 0)
                qsort(names, n, sizeof(char *), directories_compare_names);
        *ret_fd = fcntl(dirfd(d), F_DUPFD_CLOEXEC, 3);
        if (*ret_fd < 0)
                return -errno;
        *ret = TAKE_PTR(names);
        return 0;
}

void directories_drop_surplus(Generator *g, const char *dir, char **names) {
        if (strv_length(names) <= PROJECTS_MAX)
                return;
        messages_say("%s: more than %u files; the rest is ignored", dir, PROJECTS_MAX);
        free(names[PROJECTS_MAX]);
        names[PROJECTS_MAX] = NULL;
        g->failed = true;
}

const char *directories_distrusted(int dir_fd) {
        struct stat st;

        if (fstat(dir_fd, &st) < 0)
                return "cannot be examined";
        if (st.st_uid != getuid() && st.st_uid != 0)
                return "belongs to another user";
        return st.st_mode & (S_IWGRP | S_IWOTH) ? "can be written by others: chmod go-w" : NULL;
}

int directories_split_path(const char *path, char **ret_dir, const char **ret_name) {
        const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;

        if (strlen(name) <= strlen(INI_SUFFIX) ||
                        strcmp(name + strlen(name) - strlen(INI_SUFFIX), INI_SUFFIX) != 0) {
                messages_say("%s: the name of a configuration file ends with " INI_SUFFIX, path);
                return -EINVAL;
        }
        *ret_dir = slash ? strndup(path, slash == path ? 1 : (size_t) (slash - path)) : strdup(".");
        *ret_name = name;
        return *ret_dir ? 0 : -ENOMEM;
}

int directories_find_file(const Generator *g, const char *name, char **ret) {
        for (char **dir = g->config_dirs; dir && *dir; dir++) {
                _cleanup_free_ char *path = strjoin(*dir, "/", name, INI_SUFFIX, NULL);
                struct stat st;

                if (!path)
                        return -ENOMEM;
                if (lstat(path, &st) == 0) {
                        *ret = TAKE_PTR(path);
                        return 0;
                }
        }
        return -ENOENT;
}
