# As much of nixpkgs' lib as flake.nix and nix/ use, written for this check, for machines where the real
# one is not at hand. The module system knows declared options, mkIf, mkMerge and priorities; a type checks
# the kind of a value and how definitions are merged, and no more.
let
  inherit (builtins)
    attrNames
    concatMap
    concatStringsSep
    elem
    filter
    foldl'
    head
    isAttrs
    isBool
    isFunction
    isInt
    isList
    isPath
    isString
    length
    listToAttrs
    map
    mapAttrs
    ;

  fix = f: let x = f x; in x;
  recursiveUpdate =
    a: b:
    a
    // mapAttrs (
      n: v: if a ? ${n} && isAttrs a.${n} && isAttrs v && !(v ? _type) then recursiveUpdate a.${n} v else v
    ) b;
  unique = foldl' (seen: x: if elem x seen then seen else seen ++ [ x ]) [ ];
  showPath = concatStringsSep ".";

  # -- definitions: mkIf and mkMerge are pushed down to the options, so that conditions can depend on others

  pushDown =
    v:
    if v._type or "" == "if" then
      map (mapAttrs (_: content: v // { inherit content; })) (pushDown v.content)
    else if v._type or "" == "merge" then
      concatMap pushDown v.contents
    else
      [ v ];

  # [ { priority, value } ] of one option
  values =
    v:
    if v._type or "" == "if" then
      (if v.condition then values v.content else [ ])
    else if v._type or "" == "merge" then
      concatMap values v.contents
    else if v._type or "" == "override" then
      map (x: x // { inherit (v) priority; }) (values v.content)
    else
      [ { priority = 100; value = v; } ];

  winning =
    defs:
    let
      all = concatMap values defs;
      best = foldl' (a: x: if x.priority < a then x.priority else a) 10000 all;
    in
    map (x: x.value) (filter (x: x.priority == best) all);

  mergeOption =
    path: option: defs:
    let
      own = winning defs;
      inherit (option) type;
    in
    if own == [ ] then
      (
        if option ? default then
          type.merge path [ option.default ]
        else
          type.empty or (throw "option '${showPath path}' has no value")
      )
    else
      type.merge path own;

  mergeTree =
    path: options: defs:
    let
      sets = concatMap pushDown defs;
      unknown = filter (n: !(options ? ${n}) && n != "_module") (concatMap attrNames sets);
      one =
        n: option:
        let
          below = concatMap (s: if s ? ${n} then [ s.${n} ] else [ ]) sets;
        in
        (if option._type or "" == "option" then mergeOption else mergeTree) (path ++ [ n ]) option below;
    in
    if unknown != [ ] then
      throw "option '${showPath (path ++ [ (head unknown) ])}' does not exist"
    else
      mapAttrs one options;

  # -- modules

  collect =
    args: module:
    let
      m = if isPath module || isString module then import module else module;
      set = if isFunction m then m args else m;
      structured = set ? options || set ? config;
    in
    [
      {
        options = set.options or { };
        config = if structured then set.config or { } else removeAttrs set [ "imports" ];
      }
    ]
    ++ concatMap (collect args) (set.imports or [ ]);

  evalModules =
    {
      modules,
      specialArgs ? { },
      prefix ? [ ],
      ...
    }:
    fix (
      self:
      let
        args = { inherit lib; } // specialArgs // { inherit (self) config; };
        all = concatMap (collect args) modules;
        options = foldl' recursiveUpdate { } (map (m: m.options) all);
      in
      {
        inherit options;
        config = mergeTree prefix options (map (m: m.config) all);
      }
    );

  # -- types

  mkType =
    name: check: merge:
    {
      inherit name check;
      merge =
        path: defs:
        let
          bad = filter (v: !(check v)) defs;
        in
        if bad != [ ] then throw "option '${showPath path}' is no ${name}" else merge path defs;
    };
  equal =
    path: defs:
    if length (unique defs) == 1 then head defs else throw "option '${showPath path}' is defined twice";
  scalar = name: check: mkType name check equal;
  isPackage = v: isAttrs v && v ? outPath;
  isStringLike = v: isString v || isPath v || isPackage v;

  types = rec {
    bool = scalar "boolean" isBool;
    int = scalar "integer" isInt;
    str = scalar "string" isString;
    strMatching =
      pattern: scalar "string of the form ${pattern}" (v: isString v && builtins.match pattern v != null);
    lines = mkType "string" isString (_: concatStringsSep "\n");
    path = scalar "path" isStringLike;
    package = mkType "package" isPackage (_: head);
    raw = mkType "value" (_: true) (_: head);
    anything = mkType "value" (_: true) (
      path: defs:
      if isAttrs (head defs) && !(isPackage (head defs)) then
        (attrsOf anything).merge path defs
      else if isList (head defs) then
        concatMap (x: x) defs
      else
        head defs
    );
    enum = list: scalar "one of ${concatStringsSep ", " list}" (v: elem v list);
    nullOr =
      t:
      mkType "null or ${t.name}" (v: v == null || t.check v) (
        path: defs: if head defs == null then null else t.merge path defs
      );
    either =
      a: b:
      mkType "${a.name} or ${b.name}" (v: a.check v || b.check v) (
        path: defs: (if a.check (head defs) then a else b).merge path defs
      );
    oneOf = ts: foldl' either (head ts) (builtins.tail ts);
    listOf =
      t:
      mkType "list" isList (
        path: defs:
        map (v: t.merge (path ++ [ "*" ]) [ v ]) (concatMap (list: concatMap (v: winning [ v ]) list) defs)
      )
      // { empty = [ ]; };
    attrsOf =
      t:
      mkType "set" isAttrs (
        path: defs:
        let
          sets = concatMap pushDown defs;
          names = unique (concatMap attrNames sets);
          at = n: concatMap (s: if s ? ${n} then [ s.${n} ] else [ ]) sets;
        in
        # a name whose definitions are all behind a false mkIf is none
        listToAttrs (
          concatMap (
            n:
            if t ? submodule then
              [
                {
                  name = n;
                  value = t.merge (path ++ [ n ]) (at n);
                }
              ]
            else
              map (_: {
                name = n;
                value = t.merge (path ++ [ n ]) (winning (at n));
              }) (if winning (at n) == [ ] then [ ] else [ null ])
          ) names
        )
      )
      // { empty = { }; };
    lazyAttrsOf = attrsOf;
    submodule =
      module:
      mkType "set" isAttrs (
        path: defs:
        (evalModules {
          prefix = path;
          modules = [ module ] ++ map (config: { inherit config; }) defs;
        }).config
      )
      // {
        submodule = true;
        empty = { };
      };
  };

  mkOverride = priority: content: { _type = "override"; inherit priority content; };

  lib = {
    inherit types evalModules fix;
    inherit (builtins)
      attrNames
      attrValues
      concatStringsSep
      elem
      filter
      functionArgs
      head
      isFunction
      isList
      isString
      mapAttrs
      toJSON
      ;
    mkOption = attrs: attrs // { _type = "option"; };
    mkEnableOption = _: lib.mkOption { type = types.bool; default = false; };
    literalExpression = text: { _type = "literalExpression"; inherit text; };
    mkIf = condition: content: { _type = "if"; inherit condition content; };
    mkMerge = contents: { _type = "merge"; inherit contents; };
    # nothing here depends on the order
    mkBefore = content: content;
    inherit mkOverride;
    mkDefault = mkOverride 1000;
    mkForce = mkOverride 50;
    genAttrs = names: f: listToAttrs (map (name: { inherit name; value = f name; }) names);
    nameValuePair = name: value: { inherit name value; };
    mapAttrs' = f: set: listToAttrs (map (n: f n set.${n}) (attrNames set));
    mapAttrsToList = f: set: map (n: f n set.${n}) (attrNames set);
    optional = condition: value: if condition then [ value ] else [ ];
    optionalString = condition: text: if condition then text else "";
    concatStrings = concatStringsSep "";
    concatMapStrings = f: list: concatStringsSep "" (map f list);
    escapeShellArg = value: "'${builtins.replaceStrings [ "'" ] [ "'\\''" ] (toString value)}'";
    getName = package: package.pname or (builtins.parseDrvName package.name).name;
    lowPrio = package: package // { meta = (package.meta or { }) // { priority = 10; }; };
    getExe = package: "${package}/bin/${package.meta.mainProgram or (lib.getName package)}";
    mesonOption = name: value: "-D${name}=${value}";
    mesonEnable = name: enable: "-D${name}=${if enable then "enabled" else "disabled"}";
    fileset = {
      toSource = { root, fileset }: builtins.seq fileset root;
      # every path exists
      unions =
        paths: builtins.deepSeq (map (p: builtins.pathExists p || throw "no ${toString p}") paths) paths;
    };
    licenses.mit.spdxId = "MIT";
    trivial.release = "0";
    systems.elaborate = system: {
      inherit system;
      qemuArch = head (builtins.match "([^-]*)-.*" system);
      parsed.cpu.name = head (builtins.match "([^-]*)-.*" system);
    };
  };
in
lib
