# A NixOS with the module starts claude-vm@demo as a user would, in QEMU below the test's QEMU.
{
  pkgs,
  nixosModule,
  guest,
}:
pkgs.testers.runNixOSTest {
  name = "claude-microvm";

  nodes.machine = {
    imports = [ nixosModule ];
    virtualisation.memorySize = 4096;
    virtualisation.cores = 2;
    users.users.alice.isNormalUser = true;
    programs.claude-microvm = {
      enable = true;
      inherit guest;
      users = [ "alice" ];
      projects.demo = {
        Project.WorkDirectory = "~/demo";
        VM.Memory = "1G";
        VM.CPUs = 1;
      };
    };
  };

  testScript = ''
    def alice(command):
        return f"runuser -u alice -- env XDG_RUNTIME_DIR=/run/user/$(id -u alice) {command}"

    machine.wait_for_unit("multi-user.target")
    machine.wait_for_unit(f"user@{machine.succeed('id -u alice').strip()}.service")
    machine.succeed(alice("mkdir /home/alice/demo"))
    machine.succeed(alice("systemctl --user daemon-reload"))
    machine.succeed(alice("systemctl --user start claude-vm@demo"), timeout=600)
    # as the user, in the shared directory, with Nix in the guest
    machine.succeed(alice("claude-run exec demo -- touch made-in-the-guest"))
    assert machine.succeed("stat -c %U /home/alice/demo/made-in-the-guest").strip() == "alice"
    machine.succeed(alice("claude-run exec demo -- nix store info"))
    machine.succeed(alice("systemctl --user stop claude-vm@demo"))
    machine.fail("pgrep -u alice qemu-system")
  '';
}
