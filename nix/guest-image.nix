# An image directory from a NixOS. It refers to nothing in the store: root.erofs has the whole closure.
{
  lib,
  pkgs,
  toplevel,
  kernelFile,
  initrdFile,
  kernelParams,
  guestJson,
}:
let
  closure = pkgs.closureInfo { rootPaths = [ toplevel ]; };
in
pkgs.runCommand "claude-vm-guest-${guestJson.name}"
  {
    nativeBuildInputs = [
      pkgs.erofs-utils
      pkgs.jq
    ];
    __structuredAttrs = true;
    unsafeDiscardReferences.out = true;
    cmdline = toString (kernelParams ++ [ "init=${toplevel}/init" ]);
    guestJson = builtins.toJSON guestJson;
  }
  ''
    mkdir $out
    cd $out
    cp ${kernelFile} kernel
    cp ${initrdFile} initrd
    echo "$cmdline" >cmdline
    if [ ''${#cmdline} -ge 1024 ]; then
      echo "the helper takes no kernel command line of ''${#cmdline} bytes" >&2
      exit 1
    fi

    # The paths without /nix/store, and what Nix is to know of them. Not compressed: the agent is a large
    # program, and unpacking it costs more than reading it.
    tar --create --absolute-names --verbatim-files-from \
      --transform 'flags=rSh;s|^${builtins.storeDir}/[^/]*-closure-info/registration$|nix-path-registration|' \
      --transform 'flags=rSh;s|^${builtins.storeDir}/||' \
      --files-from ${closure}/store-paths ${closure}/registration |
      mkfs.erofs --quiet --force-uid=0 --force-gid=0 -T 0 -U 0b3f2c51-7d0e-4b0f-9d6a-6c1d5b7a4e02 \
        --tar=f root.erofs

    for file in kernel initrd cmdline root.erofs; do
      jq --null-input --arg file $file --argjson size "$(stat --format=%s $file)" \
        --arg sha256 "$(sha256sum $file | cut -d' ' -f1)" '{($file): {size: $size, sha256: $sha256}}'
    done | jq --slurp --argjson guest "$guestJson" '$guest + {files: add}' >guest.json
  ''
