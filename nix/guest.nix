# The NixOS guest, exported as an image directory (guest/README.md). Plain NixOS, and
# not microvm.nix: QEMU, shares and network are the helper's, so there would be nothing left for it to do.
#
# The initrd is NixOS's own. root.erofs is the store with a tmpfs over it, / is a tmpfs. The shares come
# from the credential fstab.extra, for which systemd-fstab-generator makes mount units: in the Debian
# guest the initrd does that. Units and programs of guest/ are used as they are.
{
  config,
  lib,
  pkgs,
  ...
}:
let
  cfg = config.claude-microvm;
  inherit (config.system.build) toplevel;
  kernelFile = "${config.boot.kernelPackages.kernel}/${config.system.boot.loader.kernelFile}";
  initrdFile = "${config.system.build.initialRamdisk}/${config.system.boot.loader.initrdFile}";

  # $out/lib/claude-vm is /usr/lib/claude-vm in the guest.
  files = pkgs.runCommand "claude-vm-guest-files" { } ''
    mkdir -p $out/lib/claude-vm/agents $out/lib/systemd
    install -m 0755 ${../guest/libexec}/* $out/lib/claude-vm/
    install -m 0644 ${../guest/sshd_config} $out/lib/claude-vm/sshd_config
    install -m 0644 ${../guest/claude-hooks.json} $out/lib/claude-vm/claude-hooks.json
    cp -r --no-preserve=mode ${../guest/units} $out/lib/systemd/system
    ${lib.concatStrings (
      lib.mapAttrsToList (name: agent: ''
        ln -s ${lib.getExe agent} $out/lib/claude-vm/agents/${lib.escapeShellArg name}
      '') cfg.agents
    )}
  '';

  # As guest/debian/customize has them.
  clipboard = pkgs.runCommand "claude-vm-guest-clipboard" { } ''
    mkdir -p $out/bin
    ln -s ${files}/lib/claude-vm/clipboard $out/bin/xclip
    ln -s ${files}/lib/claude-vm/clipboard $out/bin/wl-paste
  '';

  guestJson = {
    inherit (cfg) name;
    format = 2;
    architecture = pkgs.stdenv.hostPlatform.parsed.cpu.name;
    distribution = "nixos/${config.system.nixos.label}";
    agents = lib.mapAttrs (_: agent: agent.version or "unknown") cfg.agents;
    root = "root.erofs";
  };
in
{
  options.claude-microvm = {
    name = lib.mkOption {
      type = lib.types.str;
      default = "nixos";
      description = "Name of the image.";
    };

    agents = lib.mkOption {
      type = lib.types.attrsOf lib.types.package;
      default = { };
      example = lib.literalExpression "{ codex = pkgs.codex; gemini = pkgs.gemini-cli; }";
      description = ''
        The agents: for each word of `Agent=` the package whose main program it is. `claude` is always
        among them.
      '';
    };
  };

  config = {
    claude-microvm.agents.claude = lib.mkDefault pkgs.claude-code;
    nixpkgs.config.allowUnfreePredicate = package: lib.getName package == "claude-code";

    system.build.claudeVmGuest = import ./guest-image.nix {
      inherit
        lib
        pkgs
        toplevel
        kernelFile
        initrdFile
        guestJson
        ;
      inherit (config.boot) kernelParams;
    };

    # -- boot ----------------------------------------------------------------------------------------

    # the helper starts the kernel
    boot.loader.grub.enable = false;
    boot.initrd = {
      # its PID 1 takes the credentials over from fw_cfg
      systemd.enable = true;
      systemd.tpm2.enable = false;
      # no SATA, no USB, no keyboard
      includeDefaultModules = false;
      availableKernelModules = [
        "virtio_pci"
        "virtio_blk"
        "erofs"
        "overlay"
      ];
      # loaded without a device that asks for them, or earlier than udev would
      kernelModules = [
        "qemu_fw_cfg"
        "virtio_console"
      ];
    };
    boot.kernelParams = [
      # nobody could type at the initrd's shell: the panic ends QEMU, and the host shows the last lines
      "boot.panic_on_fail"
      # no escape sequences on the console, which goes to a journal
      "systemd.show_status=no"
      "TERM=dumb"
      "systemd.setenv=SYSTEMD_COLORS=0"
      # what is slow under emulation and for other machines: see guest/claude-vm-mkguest.in
      "cryptomgr.notests"
      "init_on_alloc=0"
      "rcupdate.rcu_expedited=1"
    ];

    fileSystems = {
      "/" = {
        device = "rootfs";
        fsType = "tmpfs";
        options = [
          "mode=0755"
          "size=50%"
        ];
      };
      "/nix/.ro-store" = {
        device = "/dev/vda";
        fsType = "erofs";
        options = [ "ro" ];
        neededForBoot = true;
        noCheck = true;
      };
      "/nix/store" = {
        overlay = {
          lowerdir = [ "/nix/.ro-store" ];
          upperdir = "/nix/.rw-store/store";
          workdir = "/nix/.rw-store/work";
        };
        neededForBoot = true;
      };
    };

    systemd.tpm2.enable = false;
    # only fails here: the disk has no partitions
    systemd.generators.systemd-gpt-auto-generator = "/dev/null";

    # What the host says in credentials: system.hostname counts where no name is configured.
    networking.hostName = "";

    # -- what runs in it: guest/units -----------------------------------------------------------------

    # Before the first unit: what the host calls by path, the shell of guest/libexec and of the scripts that an
    # agent finds in projects, and programs for who has a PATH without NixOS's own directories.
    system.activationScripts.claude-vm = ''
      mkdir -p /usr/lib /usr/local /bin
      ln -sfn ${files}/lib/claude-vm /usr/lib/claude-vm
      ln -sfn ${pkgs.bashInteractive}/bin/bash /bin/bash
      ln -sfn /run/current-system/sw/bin /usr/local/bin
    '';

    systemd.packages = [ files ];
    systemd.targets.claude-vm.wantedBy = [ "multi-user.target" ];
    systemd.services = lib.mkMerge [
      # what guest/libexec calls
      (lib.genAttrs
        [
          "claude-vm-agent"
          "claude-vm-control"
          "claude-vm-drawn"
          "claude-vm-project-setup"
          "claude-vm-ready"
          "claude-vm-setup"
          "emergency"
        ]
        (_: {
          path = [
            pkgs.gawk
            pkgs.jq
            pkgs.python3
            pkgs.util-linux
          ];
        })
      )
      {
        # the host's store for a dev shell is a share too, and nothing mounts those before systemd
        claude-vm-setup.after = [ "local-fs.target" ];
        # a session that came before the address would wait for a second try
        claude-vm-ready = {
          wants = [ "network-addresses-eth0.service" ];
          after = [ "network-addresses-eth0.service" ];
        };
        # The agent has the environment of a login, and the whole system in its PATH.
        claude-vm-agent.serviceConfig.ExecStart = [
          ""
          (toString (
            pkgs.writeShellScript "claude-vm-agent" ''
              . /etc/set-environment
              exec /usr/lib/claude-vm/agent
            ''
          ))
        ];
        "claude-vm-sshd@".serviceConfig.ExecStart = [
          ""
          "-${pkgs.openssh}/bin/sshd -i -f /usr/lib/claude-vm/sshd_config"
        ];
        # the console is the host's journal
        "serial-getty@hvc0".enable = false;

        # What is in the image, for Nix; when Nix is first used, because it takes a while.
        claude-vm-nix-database = {
          description = "Register the image's store paths";
          before = [ "nix-daemon.service" ];
          requiredBy = [ "nix-daemon.service" ];
          serviceConfig = {
            Type = "oneshot";
            RemainAfterExit = true;
          };
          script = "${config.nix.package}/bin/nix-store --load-db </nix/.ro-store/nix-path-registration";
        };
        # The host's store, if it is there, would all be garbage: the guest's Nix knows nothing of it.
        nix-gc.unitConfig.ConditionPathExists = "!/nix/.host-store";
      }
    ];
    # The project's dev shell, for every shell, also those of sshd's sessions.
    environment.shellInit = ''
      . /usr/lib/claude-vm/login.sh
      [ ! -e /run/claude-vm/devshell ] || . /usr/lib/claude-vm/devshell.bash
    '';
    # ~/.local/bin, which lies in the home that stays
    environment.localBinInPath = true;
    # descriptions of the terminals that a user may sit at
    environment.enableAllTerminfo = true;

    # Claude Code says what it does; an administrator's settings count beside the user's and the project's.
    environment.etc."claude-code/managed-settings.d/claude-vm.json".source = ../guest/claude-hooks.json;

    # The guest's journal is the host's.
    services.journald.storage = "volatile";
    environment.etc."systemd/journald.conf.d/claude-vm.conf".text = ''
      [Journal]
      RuntimeMaxUse=16M
      ForwardToConsole=yes
      TTYPath=/dev/hvc0
      MaxLevelConsole=info
      ReadKMsg=no
      Audit=no
    '';

    users.users = {
      claude = {
        isNormalUser = true;
        uid = 1000;
        group = "claude";
        extraGroups = [ "wheel" ];
        # locked, but not for keys: sshd takes a `!` for "no login at all"
        hashedPassword = "*";
      };
      root.hashedPassword = "*";
      # sshd's unprivileged half
      sshd = {
        isSystemUser = true;
        group = "sshd";
      };
    };
    users.groups = {
      claude.gid = 1000;
      sshd = { };
    };
    users.allowNoPasswordLogin = true;
    security.sudo.wheelNeedsPassword = false;

    # -- network: the VM's own, which has fixed addresses ---------------------------------------------------

    networking.usePredictableInterfaceNames = false;
    networking.useDHCP = false;
    networking.interfaces.eth0.ipv4.addresses = [
      {
        address = "10.0.2.15";
        prefixLength = 24;
      }
    ];
    networking.defaultGateway = {
      address = "10.0.2.2";
      interface = "eth0";
    };
    environment.etc."resolv.conf".text = "nameserver 10.0.2.3\n";
    # Sessions alone: published ports come in through them.
    networking.firewall = {
      enable = true;
      allowedTCPPorts = [ 22 ];
    };

    # -- what a project needs -------------------------------------------------------------------------

    environment.systemPackages = [
      # the real ones, if there are, come first
      (lib.lowPrio clipboard)
      pkgs.dtach
      pkgs.file
      pkgs.jq
      pkgs.python3
      pkgs.ripgrep
      pkgs.rsync
      pkgs.unzip
    ]
    ++ lib.attrValues cfg.agents;
    programs.git = {
      enable = true;
      # the work directory may be another user's on the host
      config.safe.directory = "*";
      # the guest has one worktree of a repository: see guest/debian/customize
      config.gc = {
        worktreePruneExpire = "never";
        reflogExpire = "never";
        reflogExpireUnreachable = "never";
      };
      # the user's name and address, if the host's git has them, see setup
      config.include.path = "/run/claude-vm/gitconfig";
    };
    programs.direnv.enable = true;
    programs.direnv.nix-direnv.enable = true;

    nix.settings = {
      experimental-features = [
        "nix-command"
        "flakes"
      ];
      trusted-users = [ "claude" ];
    };
    # The store's upper layer is memory.
    nix.gc = {
      automatic = true;
      dates = "daily";
    };

    documentation.enable = lib.mkDefault false;
    # nothing in the guest outlives it
    system.switch.enable = lib.mkDefault false;
    system.stateVersion = lib.mkDefault lib.trivial.release;
  };
}
