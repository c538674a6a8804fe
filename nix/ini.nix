# A project as the text of its ini: sections of keys, with the words of claude-vm.ini(5). Builtins
# only, so that it can be checked with nothing but Nix.
let
  scalar =
    where: value:
    if builtins.isBool value then
      (if value then "yes" else "no")
    else if builtins.isString value && builtins.match "[^\n\r]*" value == null then
      throw "claude-microvm: ${where} has more than one line"
    else if builtins.isAttrs value && !(value ? outPath) then
      throw "claude-microvm: ${where} is no value for a key"
    else
      toString value;

  # A list is its key once more for each item; null is no key.
  lines =
    section: key: value:
    if value == null then
      [ ]
    else
      map (item: "${key}=${scalar "[${section}] ${key}=" item}\n") (
        if builtins.isList value then value else [ value ]
      );

  concatAttrs =
    f: set:
    builtins.concatStringsSep "" (
      builtins.concatMap (name: f name set.${name}) (builtins.attrNames set)
    );

  section = name: keys: [ "[${name}]\n${concatAttrs (lines name) keys}" ];
in
{
  # As in common/vm-name.c; what is a UUID is left to the generator.
  isName =
    name:
    builtins.match "[A-Za-z0-9_][A-Za-z0-9_.-]{0,39}" name != null
    && builtins.match "claude-vm[.].*" name == null;

  toIni = concatAttrs section;
}
