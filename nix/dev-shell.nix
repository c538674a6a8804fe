# What `meson setup build && meson test -C build` and the linters need.
{ pkgs, package }:
pkgs.mkShell {
  inputsFrom = [ (package.override { guest = null; }) ];
  packages = [
    pkgs.bats
    pkgs.clang-tools
    pkgs.gdb
    pkgs.jq
    pkgs.nixfmt
    pkgs.openssh
    pkgs.qemu_kvm
    pkgs.shellcheck
    pkgs.valgrind
    pkgs.virtiofsd
  ];
}
