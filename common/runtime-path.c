#include "common/runtime-path.h"

#include <stddef.h>

#include "common/strjoin.h"

char *runtime_path_vm(const char *runtime_dir, const char *id) {
        return strjoin(runtime_dir, "/claude-vm/", id, NULL);
}
