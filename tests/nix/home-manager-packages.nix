# Stand-ins for what home-manager's modules take from nixpkgs whenever they are evaluated.
{
  lib,
  pkgs,
  nixpkgsLib,
}:
let
  formats = [
    "configobj"
    "elixirConf"
    "gitIni"
    "hcl1"
    "hocon"
    "ini"
    "iniWithGlobalSection"
    "javaProperties"
    "json"
    "keyValue"
    "lua"
    "nixConf"
    "pythonVars"
    "toml"
    "xml"
    "yaml"
  ];
  packages = [
    "emptyDirectory"
    "glibcLocales"
    "man"
    "sd-switch"
    "shared-mime-info"
  ];
  any = lib.types.anything;
in
pkgs
// lib.genAttrs packages (name: pkgs.runCommand name { } "mkdir $out" // { version = "2.40"; })
// {
  # the real lib, and what the stage has put beside it
  path = /. + nixpkgsLib + "/..";
  formats = lib.genAttrs formats (
    _: _: {
      type = any;
      lib.types.atom = any;
    }
  );
  runCommandLocal = pkgs.runCommand;
  writeTextFile = { name, text, ... }: pkgs.writeText name text;
  symlinkJoin = { name, ... }: pkgs.runCommand name { } "mkdir $out";
}
