#include "common/runtime-path.h"

#include <stddef.h>

#include "common/strjoin.h"

char *runtime_path_vm(const char *runtime_dir, const char *id) {
        return strjoin(runtime_dir, "/claude-vm/", id, NULL);
}

char *runtime_path_vm_file(const char *runtime_dir, const char *id, const char *name) {
        return strjoin(runtime_dir, "/claude-vm/", id, "/", name, NULL);
}

char *runtime_path_clipboard(const char *runtime_dir, const char *id) {
        return strjoin(runtime_dir, "/claude-vm-clipboard/", id, ".sock", NULL);
}

char *runtime_path_requests(const char *runtime_dir) {
        return strjoin(runtime_dir, "/claude-microvm/requests", NULL);
}

char *runtime_path_request(const char *runtime_dir, const char *id, const char *suffix) {
        return strjoin(runtime_dir, "/claude-microvm/requests/", id, ".", suffix, NULL);
}

char *runtime_path_units(const char *runtime_dir) {
        return strjoin(runtime_dir, "/systemd/user", NULL);
}
