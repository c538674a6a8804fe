# The NixOS options that nix/ uses, as nixpkgs declares them (in nixos/modules, file behind each group), so
# that a misspelt one is an error. Submodules have the fields that are used.
{ lib, ... }:
let
  inherit (lib) mkOption types;
  o = type: mkOption { inherit type; };
  d = type: default: mkOption { inherit type default; };
  strings = d (types.listOf types.str) [ ];
  lines = d types.lines "";
  bool = d types.bool;
  set = type: d (types.attrsOf type) { };

  unit = {
    enable = bool true;
    description = d types.str "";
    wants = strings;
    after = strings;
    before = strings;
    requiredBy = strings;
    wantedBy = strings;
    unitConfig = set (types.either types.raw (types.listOf types.raw));
  };
  service = types.submodule {
    options = unit // {
      path = d (types.listOf (types.either types.package types.str)) [ ];
      script = lines;
      serviceConfig = set (types.either types.raw (types.listOf types.raw));
    };
  };
in
{
  imports = [ ./nixos/modules/misc/assertions.nix ];

  options = {
    # misc/nixpkgs.nix
    nixpkgs.config = d types.raw { };
    nixpkgs.hostPlatform = o types.str;

    # system/boot/{kernel,stage-1}.nix, system/boot/systemd/{initrd,tpm2}.nix, system/boot/loader/grub/grub.nix
    boot.kernelPackages = o types.raw;
    boot.kernelParams = d (types.listOf (types.strMatching ''([^"[:space:]]|"[^"]*")+'')) [ ];
    boot.loader.grub.enable = bool true;
    boot.initrd.systemd.enable = bool false;
    boot.initrd.systemd.services = set service;
    boot.initrd.systemd.tpm2.enable = bool true;
    boot.initrd.includeDefaultModules = bool true;
    boot.initrd.availableKernelModules = strings;
    boot.initrd.kernelModules = strings;

    # tasks/filesystems.nix, tasks/filesystems/overlayfs.nix
    fileSystems = set (types.submodule {
      options = {
        device = d (types.nullOr types.str) null;
        fsType = d types.str "auto";
        options = d (types.listOf types.str) [ "defaults" ];
        neededForBoot = bool false;
        noCheck = bool false;
        overlay.lowerdir = d (types.nullOr (types.listOf types.str)) null;
        overlay.upperdir = d (types.nullOr types.str) null;
        overlay.workdir = d (types.nullOr types.str) null;
      };
    });

    # system/boot/systemd.nix, system/boot/systemd/{user,tpm2,journald}.nix
    systemd.packages = d (types.listOf types.package) [ ];
    systemd.services = set service;
    systemd.targets = set (types.submodule { options = unit; });
    systemd.generators = set types.path;
    systemd.tpm2.enable = bool true;
    systemd.user.generators = set types.path;
    services.journald.storage = d (types.enum [
      "persistent"
      "volatile"
      "auto"
      "none"
    ]) "persistent";

    # system/activation/{activation-script,top-level,switchable-system}.nix, misc/version.nix
    system.activationScripts = set types.str;
    system.build = d (types.lazyAttrsOf types.raw) { };
    system.boot.loader.kernelFile = d types.str "bzImage";
    system.boot.loader.initrdFile = d types.str "initrd";
    system.switch.enable = bool true;
    system.nixos.label = d types.str "shim";
    system.stateVersion = d types.str lib.trivial.release;

    # system/etc/etc.nix
    environment.etc = set (types.submodule {
      options = {
        text = d (types.nullOr types.lines) null;
        source = d (types.nullOr types.path) null;
        mode = d types.str "symlink";
      };
    });

    # config/{system-path,shells-environment,terminfo,users-groups}.nix, security/sudo.nix, misc/documentation.nix
    environment.shellInit = lines;
    environment.localBinInPath = bool false;
    environment.enableAllTerminfo = bool false;
    environment.systemPackages = d (types.listOf types.package) [ ];
    users.allowNoPasswordLogin = bool false;
    users.users = set (types.submodule {
      options = {
        isNormalUser = bool false;
        isSystemUser = bool false;
        uid = d (types.nullOr types.int) null;
        group = d types.str "";
        extraGroups = strings;
        hashedPassword = d (types.nullOr types.str) null;
        linger = d (types.nullOr types.bool) null;
      };
    });
    users.groups = set (types.submodule { options.gid = d (types.nullOr types.int) null; });
    security.sudo.wheelNeedsPassword = bool true;
    documentation.enable = bool true;

    # tasks/network-interfaces.nix, services/networking/firewall.nix
    networking.hostName = d types.str "nixos";
    networking.useDHCP = bool true;
    networking.usePredictableInterfaceNames = bool true;
    networking.defaultGateway = d (types.nullOr types.raw) null;
    networking.interfaces = set (types.submodule {
      options.ipv4.addresses = d (types.listOf (types.submodule {
        options.address = o types.str;
        options.prefixLength = o types.int;
      })) [ ];
    });
    networking.firewall.enable = bool true;
    networking.firewall.allowedTCPPorts = d (types.listOf types.int) [ ];

    # programs/{git,direnv,ssh}.nix
    programs.git.enable = bool false;
    programs.git.config = d types.raw { };
    programs.direnv.enable = bool false;
    programs.direnv.nix-direnv.enable = bool true;
    programs.ssh.extraConfig = lines;

    # config/nix.nix, services/system/nix-daemon.nix, services/misc/nix-gc.nix
    nix.package = o types.package;
    nix.settings = d (types.attrsOf types.anything) { };
    nix.gc.automatic = bool false;
    nix.gc.dates = d (types.either types.str (types.listOf types.str)) "03:15";

    # virtualisation/qemu-vm.nix, which tests have
    virtualisation.memorySize = d types.int 1024;
    virtualisation.cores = d types.int 1;
  };
}
