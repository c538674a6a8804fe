# The generator takes what nix/ini.nix writes. tests/stages/nix does the same with the generator of meson.
{ pkgs, claude-vm }:
pkgs.runCommand "claude-microvm-ini"
  {
    project = import ./ini.nix;
    passAsFile = [ "project" ];
  }
  ''
    export HOME=$PWD/home
    mkdir -p $HOME/src/website
    cp $projectPath website.ini
    ${claude-vm}/lib/systemd/user-generators/claude-vm-generator --check website.ini
    touch $out
  ''
