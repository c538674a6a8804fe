# The options that the NixOS and the home-manager module have in common.
self:
{
  config,
  lib,
  pkgs,
  ...
}:
let
  cfg = config.programs.claude-microvm;
  ini = import ./ini.nix;
  packages = self.packages.${pkgs.stdenv.hostPlatform.system};
  value =
    with lib.types;
    oneOf [
      bool
      int
      str
      path
    ];
in
{
  options.programs.claude-microvm = {
    enable = lib.mkEnableOption "Claude Code in microVMs, as systemd user services";

    package = lib.mkOption {
      type = lib.types.package;
      default = packages.claude-vm;
      defaultText = lib.literalExpression "claude-vm.packages.\${system}.claude-vm";
      description = "The package; it is built with {option}`programs.claude-microvm.guest`.";
    };

    guest = lib.mkOption {
      type = lib.types.nullOr lib.types.package;
      default = packages.guest;
      defaultText = lib.literalExpression "claude-vm.packages.\${system}.guest";
      example = lib.literalExpression ''
        claude-vm.lib.mkGuest {
          system = "x86_64-linux";
          modules = [ ({ pkgs, ... }: { environment.systemPackages = [ pkgs.go ]; }) ];
        }
      '';
      description = ''
        The guest image that projects without `Guest=` run on. With `null` it is that of
        {manpage}`claude-vm-mkguest(1)`.
      '';
    };

    projects = lib.mkOption {
      type = with lib.types; attrsOf (attrsOf (attrsOf (nullOr (either value (listOf value)))));
      default = { };
      example = {
        website = {
          Project.WorkDirectory = "~/src/website";
          VM.Memory = "8G";
          Network.Publish = [
            "3000:3000"
            "8080:80"
          ];
          Credentials.ANTHROPIC_API_KEY = "~/.config/anthropic/key";
          Install.WantedBy = "default.target";
        };
      };
      description = ''
        Projects: each is an ini, with the sections and keys of {manpage}`claude-vm.ini(5)`. A list
        repeats its key.
      '';
    };

    finalPackage = lib.mkOption {
      type = lib.types.package;
      readOnly = true;
      internal = true;
      default = cfg.package.override { inherit (cfg) guest; };
      description = "The package with its guest.";
    };
  };

  config = lib.mkIf cfg.enable {
    assertions = map (name: {
      assertion = ini.isName name;
      message =
        "programs.claude-microvm.projects: '${name}' is no name for a VM, "
        + "which has up to 40 letters, digits, '_', '.' and '-'";
    }) (lib.attrNames cfg.projects);
  };
}
