# programs.claude-microvm for NixOS: the program, generator and units for every user, projects in
# /etc/claude-microvm.
self:
{
  config,
  lib,
  ...
}:
let
  cfg = config.programs.claude-microvm;
  ini = import ./ini.nix;
in
{
  imports = [ (import ./options.nix self) ];

  options.programs.claude-microvm.users = lib.mkOption {
    type = lib.types.listOf lib.types.str;
    default = [ ];
    example = [ "alice" ];
    description = ''
      Users whose VMs go on without a login (linger: what has `WantedBy=default.target` starts at boot), and
      who may use {file}`/dev/kvm`.
    '';
  };

  config = lib.mkIf cfg.enable {
    environment.systemPackages = [ cfg.finalPackage ];

    systemd.packages = [ cfg.finalPackage ];
    systemd.user.generators.claude-vm-generator =
      "${cfg.finalPackage}/lib/systemd/user-generators/claude-vm-generator";

    # ssh claude-vm.NAME; first, since an Include after somebody's Host would be for that host
    programs.ssh.extraConfig = lib.mkBefore "Include ${cfg.finalPackage}/share/claude-microvm/ssh_config";

    # A mode makes files of them; the generator takes no links (see config-file.c).
    environment.etc = lib.mapAttrs' (
      name: project:
      lib.nameValuePair "claude-microvm/${name}.ini" {
        text = ini.toIni project;
        mode = "0444";
      }
    ) cfg.projects;

    users.users = lib.genAttrs cfg.users (_: {
      linger = true;
      extraGroups = [ "kvm" ];
    });
  };
}
