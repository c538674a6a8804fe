# The host's side: claude-run, helper, generator, units. Every program that the units run is
# named by its store path; nothing is looked up in a PATH.
{
  lib,
  stdenv,
  bash,
  meson,
  ninja,
  pkg-config,
  python3,
  cmocka,
  coreutils,
  diffutils,
  dnsmasq,
  git,
  gnutar,
  haproxy,
  inih,
  libuuid,
  linkFarm,
  nftables,
  openssh,
  passt,
  qemu_kvm,
  systemd,
  virtiofsd,
  wl-clipboard,
  xclip,
  # QEMU for guests of the other architecture, under emulation: the path of its qemu-system-ARCH; null: none
  qemuForeign ? null,
  # a guest image (see mk-guest.nix), which `Guest=` then means by default; null: those of claude-vm-mkguest
  guest ? null,
}:
let
  inherit (stdenv.hostPlatform) qemuArch;
  guests = lib.optional (guest != null) (
    linkFarm "claude-vm-guests" [
      {
        name = "nixos";
        path = guest;
      }
    ]
  );
  # Golden files name Debian's guest, so the tests run once, in the package without a guest.
  doCheck = guest == null;
in
stdenv.mkDerivation {
  pname = "claude-microvm";
  version = lib.head (builtins.match ".*version : '([0-9.]+)'.*" (builtins.readFile ../meson.build));

  src = lib.fileset.toSource {
    root = ../.;
    fileset = lib.fileset.unions [
      ../common
      ../contrib
      ../generator
      ../guest
      ../helper
      ../man
      ../meson.build
      ../meson_options.txt
      ../tests
      ../units
    ];
  };

  # Of the tests and of what runs here; what runs in a guest keeps its #!/bin/bash.
  postPatch = ''
    patchShebangs --build tests
  '';
  dontPatchShebangs = true;
  postFixup = ''
    patchShebangs --host $out/bin
  '';

  nativeBuildInputs = [
    meson
    ninja
    pkg-config
  ];
  buildInputs = [
    bash
    inih
    libuuid
    systemd
  ];
  nativeCheckInputs = [ python3 ];
  checkInputs = [ cmocka ];

  mesonFlags = [
    (lib.mesonOption "sysconfdir" "/etc")
    (lib.mesonOption "user_unit_dir" "${placeholder "out"}/lib/systemd/user")
    (lib.mesonOption "user_generator_dir" "${placeholder "out"}/lib/systemd/user-generators")
    # ssh reads nothing in a store path; the modules include the file
    (lib.mesonOption "ssh_config_dir" "no")
    (lib.mesonOption "qemu" "${qemu_kvm}/bin/qemu-system-${qemuArch}")
    (lib.mesonOption "virtiofsd" (lib.getExe virtiofsd))
    (lib.mesonOption "ssh" "${openssh}/bin/ssh")
    (lib.mesonOption "tar" "${gnutar}/bin/tar")
    (lib.mesonOption "ssh_keygen" "${openssh}/bin/ssh-keygen")
    (lib.mesonOption "systemd_creds" "${systemd}/bin/systemd-creds")
    (lib.mesonOption "haproxy" "${haproxy}/bin/haproxy")
    (lib.mesonOption "systemctl" "${systemd}/bin/systemctl")
    (lib.mesonOption "journalctl" "${systemd}/bin/journalctl")
    (lib.mesonOption "git" "${git}/bin/git")
    (lib.mesonOption "diff" "${diffutils}/bin/diff")
    (lib.mesonOption "sha256sum" "${coreutils}/bin/sha256sum")
    (lib.mesonOption "nft" "${nftables}/bin/nft")
    (lib.mesonOption "pasta" "${passt}/bin/pasta")
    (lib.mesonOption "dnsmasq" "${dnsmasq}/bin/dnsmasq")
    (lib.mesonOption "wl_paste" "${wl-clipboard}/bin/wl-paste")
    (lib.mesonOption "xclip" "${xclip}/bin/xclip")
    (lib.mesonOption "guest_dirs" (lib.concatStringsSep ":" (guests ++ [ "/var/lib/claude-microvm/guests" ])))
    (lib.mesonOption "default_guest" (if guest == null then "debian" else "nixos"))
    (lib.mesonEnable "tests" doCheck)
  ]
  ++ lib.optional (qemuForeign != null) (lib.mesonOption "qemu_foreign" qemuForeign);

  inherit doCheck;
  # the other suites wait for clocks
  mesonCheckFlags = [
    "--suite=unit"
    "--suite=generator"
  ];

  meta = {
    description = "Claude Code in a QEMU microVM, as a systemd user service";
    license = lib.licenses.mit;
    mainProgram = "claude-run";
    platforms = [
      "x86_64-linux"
      "aarch64-linux"
    ];
  };
}
