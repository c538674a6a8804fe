# programs.claude-microvm for home-manager: the program and its units for one user, projects in
# ~/.config/claude-microvm. A user cannot install a generator: on NixOS the other module does it, and
# elsewhere claude-run runs the generator before a start.
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
  header = "# Made by home-manager: a change here is lost.";
  projects = pkgs.linkFarm "claude-microvm-projects" (
    lib.mapAttrsToList (name: project: {
      name = "${name}.ini";
      path = pkgs.writeText "${name}.ini" "${header}\n${ini.toIni project}";
    }) cfg.projects
  );
  # A file is home-manager's if its first line says so.
  begin = ''
    claudeMicrovmDir=${lib.escapeShellArg "${config.xdg.configHome}/claude-microvm"}
    claudeMicrovmIsOurs() {
      local first=
      [[ -f $1 && ! -L $1 ]] && { read -r first <"$1" || true; } && [[ $first == ${lib.escapeShellArg header} ]]
    }
  '';
in
{
  imports = [ (import ./options.nix self) ];

  config = lib.mkMerge [
    (lib.mkIf cfg.enable {
      home.packages = [ cfg.finalPackage ];
      systemd.user.packages = [ cfg.finalPackage ];

      # ssh claude-vm.NAME, where home-manager writes ssh's configuration
      programs.ssh.includes = [ "${cfg.finalPackage}/share/claude-microvm/ssh_config" ];

      home.activation.claudeMicrovmProjectsCheck = lib.hm.dag.entryBefore [ "writeBoundary" ] ''
        ${begin}
        for file in ${projects}/*.ini; do
          target=$claudeMicrovmDir/''${file##*/}
          if [[ -e $file && -e $target ]] && ! claudeMicrovmIsOurs "$target"; then
            errorEcho "$target is not home-manager's: move it away, or take ''${file##*/} out of programs.claude-microvm.projects"
            exit 1
          fi
        done
      '';
    })
    {
      # Files and not links: the generator takes no links, because one could lead to where a guest writes. What an
      # earlier generation has made goes, also when this one has the module no longer enabled.
      home.activation.claudeMicrovmProjects =
        lib.hm.dag.entryBetween [ "reloadSystemd" ] [ "linkGeneration" ]
          ''
            ${begin}
            for file in "$claudeMicrovmDir"/*.ini; do
              if claudeMicrovmIsOurs "$file"; then
                run rm $VERBOSE_ARG "$file"
              fi
            done
            ${lib.optionalString cfg.enable ''
              for file in ${projects}/*.ini; do
                if [[ -e $file ]]; then
                  run install $VERBOSE_ARG -D -m 0644 "$file" "$claudeMicrovmDir/''${file##*/}"
                fi
              done
            ''}
          '';
    }
  ];
}
