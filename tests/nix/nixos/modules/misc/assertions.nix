# What home-manager takes from nixpkgs by path.
{ lib, ... }:
let
  inherit (lib) mkOption types;
in
{
  options.assertions = mkOption {
    type = types.listOf types.raw;
    default = [ ];
  };
  options.warnings = mkOption {
    type = types.listOf types.str;
    default = [ ];
  };
}
