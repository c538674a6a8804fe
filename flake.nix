# Wiring only; the content is in nix/. What is checked without nixpkgs: tests/stages/nix.
{
  description = "Claude Code in a QEMU microVM, as a systemd user service";

  inputs.nixpkgs.url = "github:NixOS/nixpkgs/nixos-unstable";

  outputs =
    { self, nixpkgs }:
    let
      inherit (nixpkgs) lib;
      systems = [
        "x86_64-linux"
        "aarch64-linux"
      ];
      forSystems = f: lib.genAttrs systems (system: f nixpkgs.legacyPackages.${system});
      mkGuest = import ./nix/mk-guest.nix { inherit nixpkgs; };
      packagesOf = pkgs: self.packages.${pkgs.stdenv.hostPlatform.system};
    in
    {
      lib = { inherit mkGuest; };

      packages = forSystems (pkgs: rec {
        guest = mkGuest { inherit (pkgs.stdenv.hostPlatform) system; };
        claude-vm = pkgs.callPackage ./nix/package.nix { inherit guest; };
        claude-run = claude-vm;
        default = claude-vm;
      });

      apps = forSystems (pkgs: rec {
        claude-run = {
          type = "app";
          program = lib.getExe (packagesOf pkgs).claude-vm;
          meta.description = "Claude Code in a microVM on $WORK_DIR, or on the current directory";
        };
        default = claude-run;
      });

      overlays.default = final: _: {
        claude-microvm = final.callPackage ./nix/package.nix { inherit (packagesOf final) guest; };
      };

      nixosModules.default = import ./nix/nixos.nix self;
      homeManagerModules.default = import ./nix/home-manager.nix self;

      devShells = forSystems (pkgs: {
        default = import ./nix/dev-shell.nix {
          inherit pkgs;
          package = (packagesOf pkgs).claude-vm;
        };
      });

      checks = forSystems (
        pkgs:
        import ./nix/tests {
          inherit pkgs mkGuest;
          inherit (packagesOf pkgs) claude-vm;
          nixosModule = self.nixosModules.default;
        }
      );

      formatter = forSystems (pkgs: pkgs.nixfmt-tree);
    };
}
