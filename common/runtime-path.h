/* Where things of a VM are below $XDG_RUNTIME_DIR. Paths are owned; NULL without memory. */
#pragma once

/* The directory of one VM while it runs. */
char *runtime_path_vm(const char *runtime_dir, const char *id);
