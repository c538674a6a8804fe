# `nix flake check`. These need the real nixpkgs, so `make check` only evaluates them (see HACKING.md).
{
  pkgs,
  mkGuest,
  claude-vm,
  nixosModule,
}:
{
  # built with its unit and generator tests
  package = claude-vm.override { guest = null; };

  ini = import ./ini-check.nix { inherit pkgs claude-vm; };

  vm = import ./vm.nix {
    inherit pkgs nixosModule;
    # a program that only waits: no unfree package, no key
    guest = mkGuest {
      inherit (pkgs.stdenv.hostPlatform) system;
      modules = [ { claude-microvm.agents.claude = pkgs.writeShellScriptBin "claude" "exec sleep infinity"; } ];
    };
  };
}
