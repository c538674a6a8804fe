# mkGuest: a guest image, as a directory for `Guest=` or for the package's `guest`.
#
#   claude-vm.lib.mkGuest {
#     system = "x86_64-linux";
#     modules = [
#       ({ pkgs, ... }: {
#         environment.systemPackages = [ pkgs.go pkgs.postgresql ];
#         claude-microvm.agents.codex = pkgs.codex;
#         claude-microvm.agents.gemini = pkgs.gemini-cli;
#       })
#     ];
#   }
#
# Modules are NixOS modules; the guest is an ordinary NixOS but for what nix/guest.nix sets.
{ nixpkgs }:
{
  system,
  modules ? [ ],
}:
(nixpkgs.lib.nixosSystem {
  modules = [
    ./guest.nix
    { nixpkgs.hostPlatform = system; }
  ]
  ++ modules;
}).config.system.build.claudeVmGuest
