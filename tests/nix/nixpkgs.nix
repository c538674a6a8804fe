# A stand-in for the flake nixpkgs: `lib` with `nixosSystem`, and packages that are derivations of the
# right shape which /bin/sh can build. `lib` is the real one where it is at hand.
{
  lib ? import ./lib.nix,
}:
let
  packages = [
    "bash"
    "bats"
    "clang-tools"
    "claude-code"
    "cmocka"
    "codex"
    "coreutils"
    "dnsmasq"
    "dtach"
    "erofs-utils"
    "file"
    "gawk"
    "gdb"
    "gemini-cli"
    "diffutils"
    "git"
    "haproxy"
    "inih"
    "jq"
    "libuuid"
    "meson"
    "ninja"
    "nftables"
    "nixfmt"
    "nixfmt-tree"
    "gnutar"
    "openssh"
    "passt"
    "pkg-config"
    "python3"
    "qemu_kvm"
    "ripgrep"
    "rsync"
    "shellcheck"
    "systemd"
    "unzip"
    "util-linux"
    "valgrind"
    "virtiofsd"
    "wl-clipboard"
    "xclip"
  ];

  pkgsFor =
    system:
    lib.fix (
      pkgs:
      let
        # what stdenv.mkDerivation and runCommand give, with the builder given here
        derive =
          attrs: script:
          derivation (
            removeAttrs attrs [
              "meta"
              "passthru"
              "nativeBuildInputs"
              "__structuredAttrs"
              "unsafeDiscardReferences"
            ]
            // {
              inherit system script;
              builder = "/bin/sh";
              PATH = "/usr/bin:/bin:/usr/sbin:/sbin";
              passAsFile = attrs.passAsFile or [ ] ++ [ "script" ];
              args = [
                "-euc"
                ''exec /bin/bash -euo pipefail "$scriptPath"''
              ];
            }
          )
          // {
            meta = attrs.meta or { };
            inherit attrs;
          };
        program =
          name:
          derive {
            inherit name;
            pname = name;
            version = "1";
          } "mkdir -p $out/bin; printf '#!/bin/sh\\n' >$out/bin/${name}; chmod 755 $out/bin/${name}"
          // {
            pname = name;
            version = "1";
          };
        textFile =
          name: text:
          derive {
            inherit name text;
            passAsFile = [ "text" ];
          };
        writeText = name: text: textFile name text ''cp "$textPath" $out'';
      in
      lib.genAttrs packages program
      // {
        inherit lib writeText;
        bashInteractive = program "bash";
        claude-code = program "claude-code" // {
          meta.mainProgram = "claude";
        };
        nix = program "nix";
        stdenv = {
          hostPlatform = lib.systems.elaborate system;
          mkDerivation =
            attrs:
            derive (
              attrs
              // {
                name = "${attrs.pname}-${attrs.version}";
                src = "${attrs.src}";
              }
            ) "mkdir $out";
        };
        runCommand = name: attrs: derive (attrs // { inherit name; });
        writeShellScript =
          name: text: textFile name text ''{ echo "#!/bin/bash"; cat "$textPath"; } >$out; chmod 755 $out'';
        writeShellScriptBin = name: text: program name // { inherit text; };
        linkFarm =
          name: entries:
          derive { inherit name; } (
            "mkdir $out\n" + lib.concatMapStrings (e: "ln -s ${e.path} $out/${e.name}\n") entries
          );
        # the closure as Nix knows it
        closureInfo =
          { rootPaths }:
          derive
            {
              name = "closure-info";
              exportReferencesGraph = [
                "graph"
                (lib.head rootPaths)
              ];
            }
            ''
              mkdir $out
              grep '^${builtins.storeDir}/' graph | sort -u >$out/store-paths
              cp graph $out/registration
            '';
        mkShell =
          attrs:
          derive {
            name = "shell";
            inputs = attrs.packages ++ attrs.inputsFrom;
          } "mkdir $out";
        callPackage =
          path: own:
          let
            function = import path;
            call = args: function args // { override = more: call (args // more); };
          in
          call (builtins.intersectAttrs (lib.functionArgs function) pkgs // own);
        testers.runNixOSTest =
          test:
          derive {
            inherit (test) name testScript;
            node =
              (nixosSystem {
                modules = [
                  test.nodes.machine
                  { nixpkgs.hostPlatform = system; }
                ];
              }).config.system.build.toplevel;
          } "mkdir $out";
      }
    );

  nixosSystem =
    { modules }:
    let
      # the platform is wanted before the modules, which get its packages
      module = lib.head (builtins.filter (m: builtins.isAttrs m && m ? nixpkgs.hostPlatform) modules);
      pkgs = pkgsFor module.nixpkgs.hostPlatform;
    in
    lib.evalModules {
      specialArgs = { inherit pkgs; };
      modules = [
        ./nixos-options.nix
        (nixos pkgs)
      ]
      ++ modules;
    };

  # What the check looks at of a whole system: everything is evaluated, and what has a store path is in it.
  nixos =
    pkgs:
    { config, ... }:
    let
      failed = builtins.filter (a: !a.assertion) config.assertions;
    in
    {
      config = {
        system.build.initialRamdisk = pkgs.runCommand "initrd" { } "mkdir $out; echo initrd >$out/initrd";
        system.build.toplevel =
          if failed != [ ] then
            throw (lib.head failed).message
          else
            pkgs.runCommand "nixos-system" { } ''
              mkdir $out
              ln -s ${
                pkgs.writeText "system.json" (builtins.toJSON {
                  inherit (config)
                    environment
                    fileSystems
                    networking
                    nix
                    programs
                    services
                    systemd
                    users
                    ;
                  system = removeAttrs config.system [ "build" ];
                  boot = removeAttrs config.boot [ "kernelPackages" ];
                })
              } $out/system.json
              echo "#!/bin/sh" >$out/init
            '';
        boot.kernelPackages.kernel = pkgs.runCommand "linux" { } "mkdir $out; echo kernel >$out/bzImage";
        nix.package = lib.mkDefault pkgs.nix;
      };
    };
in
{
  lib = lib // {
    inherit nixosSystem;
  };
  legacyPackages = lib.genAttrs [
    "x86_64-linux"
    "aarch64-linux"
  ] pkgsFor;
}
