/* Where things of a VM are below $XDG_RUNTIME_DIR. Paths are owned; NULL without memory. */
#pragma once

/* The directory of one VM while it runs, and a file in it. */
char *runtime_path_vm(const char *runtime_dir, const char *id);
char *runtime_path_vm_file(const char *runtime_dir, const char *id, const char *name);

/* The socket of claude-vm-clipboard@ID.socket. */
char *runtime_path_clipboard(const char *runtime_dir, const char *id);

/* The directory of the requests of ad-hoc VMs, and what lies there for one: its `ini`, its `owner` … */
char *runtime_path_requests(const char *runtime_dir);
char *runtime_path_request(const char *runtime_dir, const char *id, const char *suffix);

/* The user's units that last until the end of the login. */
char *runtime_path_units(const char *runtime_dir);
