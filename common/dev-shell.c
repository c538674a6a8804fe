#include "common/dev-shell.h"

#include <string.h>

DevShellKind dev_shell_kind(const char *word) {
        return strcmp(word, "yes") == 0               ? DEVSHELL_FLAKE
                        : strcmp(word, "devenv") == 0 ? DEVSHELL_DEVENV
                                                      : DEVSHELL_NONE;
}
