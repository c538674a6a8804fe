# The options of home-manager that nix/home-manager.nix uses (modules/{home-environment,systemd,xdg}.nix,
# modules/programs/ssh.nix).
{ lib, ... }:
let
  inherit (lib) mkOption types;
  d = type: default: mkOption { inherit type default; };
in
{
  imports = [ ./nixos/modules/misc/assertions.nix ];

  options = {
    home.activation = d (types.attrsOf types.raw) { };
    home.homeDirectory = d types.str "";
    home.packages = d (types.listOf types.package) [ ];
    home.stateVersion = d types.str "";
    home.username = d types.str "";
    programs.ssh.includes = d (types.listOf types.str) [ ];
    systemd.user.packages = d (types.listOf types.package) [ ];
    xdg.configHome = d types.str "/home/alice/.config";
  };
}
