#include "helper/request/requests.h"

#include <string.h>

#include "common/cleanup.h"
#include "common/runtime-path.h"
#include "common/vm-name.h"

/* A project's name may have a dot itself, so the last one counts. */
static const char *split(const char *name, char ret_id[static VM_NAME_MAX + 1]) {
        const char *dot = strrchr(name, '.');
        size_t n = dot ? (size_t) (dot - name) : 0;

        if (n == 0 || n > VM_NAME_MAX)
                return NULL;
        memcpy(ret_id, name, n);
        ret_id[n] = '\0';
        return vm_name_is_id(ret_id) ? dot + 1 : NULL;
}

void requests_each(const char *runtime_dir,
                void (*each)(const char *runtime_dir, const char *id, const char *suffix)) {
        _cleanup_free_ char *path = runtime_path_requests(runtime_dir);
        _cleanup_closedir_ DIR *dir = path ? opendir(path) : NULL;

        if (!dir)
                return;
        for (const struct dirent *entry; (entry = readdir(dir));) {
                char id[VM_NAME_MAX + 1];
                const char *suffix = split(entry->d_name, id);

                if (suffix)
                        each(runtime_dir, id, suffix);
        }
}
