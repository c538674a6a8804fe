# flake.nix with the stand-in for nixpkgs. tests/stages/nix evaluates each of `checks`, which is an error or "ok".
# nixpkgsLib and homeManager are directories of the real ones.
{
  top,
  nixpkgsLib ? null,
  homeManager ? null,
}:
let
  lib = if nixpkgsLib == null then import ./lib.nix else import nixpkgsLib;
  nixpkgs = import ./nixpkgs.nix { inherit lib; };
  self = (import (top + "/flake.nix")).outputs {
    inherit nixpkgs;
    self = self;
  };
  system = "x86_64-linux";
  pkgs = nixpkgs.legacyPackages.${system};
  packages = self.packages.${system};

  projects.website = {
    Project.WorkDirectory = "~/src/website";
    Network.Publish = [
      "3000:3000"
      "8080:80"
    ];
  };
  website = "[Network]\nPublish=3000:3000\nPublish=8080:80\n[Project]\nWorkDirectory=~/src/website\n";

  nixosWith =
    more:
    (nixpkgs.lib.nixosSystem {
      modules = [
        self.nixosModules.default
        {
          nixpkgs.hostPlatform = system;
          programs.claude-microvm = {
            enable = true;
            users = [ "alice" ];
          }
          // more;
        }
      ];
    }).config;
  nixos = nixosWith { inherit projects; };

  homePkgs = import ./home-manager-packages.nix { inherit lib pkgs nixpkgsLib; };

  # the real home-manager, or the options of it that nix/home-manager.nix uses
  homeWith =
    modules:
    if homeManager != null then
      (import (homeManager + "/modules") {
        inherit lib;
        pkgs = homePkgs;
        configuration = {
          imports = modules;
          manual.manpages.enable = false;
          # not those that its module would import from there
          _module.args.pkgs = lib.mkForce homePkgs;
        };
      }).config
    else
      (lib.evalModules {
        specialArgs = {
          inherit pkgs;
          lib = lib // {
            hm.dag = rec {
              entryBetween = before: after: data: { inherit before after data; };
              entryBefore = before: entryBetween before [ ];
            };
          };
        };
        modules = [ ./home-manager-options.nix ] ++ modules;
      }).config;

  homeOf =
    enable:
    homeWith [
      self.homeManagerModules.default
      {
        home.username = "alice";
        home.homeDirectory = "/home/alice";
        home.stateVersion = "26.05";
        programs.claude-microvm = { inherit enable projects; };
      }
    ];
  home = homeOf true;
  activation = {
    enabled = home.home.activation;
    disabled = (homeOf false).home.activation;
  };

  drvPath = d: d.drvPath;
  all = builtins.mapAttrs (_: builtins.mapAttrs (_: drvPath));
  force = value: builtins.deepSeq value "ok";
  check = condition: if condition then "ok" else throw "is not as expected";
  fails = value: check (!(builtins.tryEval (builtins.deepSeq value null)).success);
in
rec {
  inherit (packages) guest;
  mesonFlags = (packages.claude-vm.override { guest = null; }).attrs.mesonFlags;
  mesonFlagsWithGuest = packages.claude-vm.attrs.mesonFlags;

  names = builtins.attrNames checks;
  checks = {
    outputs = check (
      builtins.attrNames self == [
        "apps"
        "checks"
        "devShells"
        "formatter"
        "homeManagerModules"
        "lib"
        "nixosModules"
        "overlays"
        "packages"
      ]
      && builtins.attrNames packages == [
        "claude-run"
        "claude-vm"
        "default"
        "guest"
      ]
    );
    packages = force (all self.packages);
    apps = check (
      builtins.all (a: a.type == "app" && builtins.match "/.*/bin/claude-run" a.program != null) (
        builtins.concatMap builtins.attrValues (builtins.attrValues self.apps)
      )
    );
    devShells = force (all self.devShells);
    flakeChecks = force (all self.checks);
    formatter = force (builtins.mapAttrs (_: drvPath) self.formatter);
    overlay = force (drvPath (self.overlays.default pkgs pkgs).claude-microvm);
    absolutePaths = check (
      builtins.all (
        flag: builtins.match "-D[a-z0-9_]+=(/.*|no|nixos|debian|enabled|disabled)" flag != null
      ) packages.claude-vm.attrs.mesonFlags
    );

    guestModules = check (
      (self.lib.mkGuest {
        inherit system;
        modules = [
          (
            { pkgs, ... }:
            {
              environment.systemPackages = [ pkgs.gdb ];
              claude-microvm.agents.codex = pkgs.codex;
            }
          )
        ];
      }).attrs.guestJson == builtins.toJSON {
        agents = {
          claude = "1";
          codex = "1";
        };
        architecture = "x86_64";
        distribution = "nixos/shim";
        format = 2;
        name = "nixos";
        root = "root.erofs";
      }
    );
    guestMisspelt = fails (
      drvPath (
        self.lib.mkGuest {
          inherit system;
          modules = [ { claude-microvm.agent = "codex"; } ];
        }
      )
    );

    nixosProjects = check (
      nixos.environment.etc."claude-microvm/website.ini".text == website
      # a file, not a link
      && nixos.environment.etc."claude-microvm/website.ini".mode == "0444"
    );
    nixosUsers = check (nixos.users.users.alice.linger && nixos.users.users.alice.extraGroups == [ "kvm" ]);
    nixosGenerator = check (
      nixos.systemd.user.generators.claude-vm-generator
      == "${nixos.programs.claude-microvm.finalPackage}/lib/systemd/user-generators/claude-vm-generator"
    );
    nixosSystem = force (drvPath nixos.system.build.toplevel);
    nixosWithoutGuest = force (drvPath (nixosWith { guest = null; }).system.build.toplevel);
    nixosDisabled = check (
      let
        off = nixosWith { enable = false; inherit projects; };
      in
      off.environment.etc == { } && off.systemd.packages == [ ]
    );
    nixosBadName = fails (drvPath (nixosWith { projects."a/b" = { }; }).system.build.toplevel);
    nixosBadValue = fails (nixosWith { projects.web.Project = "~/src"; }).environment.etc;

    home = force [
      activation.enabled.claudeMicrovmProjects.data
      (map drvPath home.home.packages)
      home.programs.ssh.includes
      (map drvPath home.systemd.user.packages)
    ];
  };

  # home-manager's steps, as shell
  steps = builtins.mapAttrs (
    _: activation:
    (activation.claudeMicrovmProjectsCheck.data or "") + "\n" + activation.claudeMicrovmProjects.data
  ) activation;
}
