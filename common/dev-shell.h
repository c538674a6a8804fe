/* What DevShell= asks for. */
#pragma once

typedef enum DevShellKind {
        DEVSHELL_NONE,
        DEVSHELL_FLAKE,  /* flake.nix: nix print-dev-env */
        DEVSHELL_DEVENV, /* devenv.nix: devenv print-dev-env */
} DevShellKind;

/* Of the word in CLAUDE_VM_DEV_SHELL=. */
DevShellKind dev_shell_kind(const char *word);
