"""Sessions beside plain ssh through the same master, and terminals until they have drawn."""

import os
import signal
import subprocess
import time

from measure import Project, Table, free_port, in_turns, run, runtime, say, times
from terminal import DRAWN, first_frame

SIZE = 64  # MiB


class LocalSshd:
    """An sshd of this user on the loopback, as a yardstick."""

    def __init__(self, directory):
        self.directory, port = directory, free_port()
        for key in "host", "user":
            run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", f"{directory}/{key}.key")
        (directory / "sshd").write_text(
            f"Port {port}\nListenAddress 127.0.0.1\nHostKey {directory}/host.key\nAuthorizedKeysFile {directory}/user.key.pub\n"
            f"UsePAM no\nStrictModes no\nPidFile {directory}/sshd.pid\n")
        self.config = directory / "ssh"
        self.config.write_text(
            f"Host localhost\n  Port {port}\n  HostName 127.0.0.1\n  IdentityFile {directory}/user.key\n  StrictHostKeyChecking no\n"
            f"  UserKnownHostsFile /dev/null\n  LogLevel ERROR\n  ControlPath {directory}/control\n")
        run("/usr/sbin/sshd", "-f", directory / "sshd")

    def true(self):
        run("ssh", "-F", self.config, "localhost", "true")

    def times(self):
        alone = times(10, self.true)
        # it keeps its standard output open as long as it lives
        subprocess.run(["ssh", "-F", self.config, "-M", "-N", "-f", "localhost"], check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        shared = times(20, self.true)
        run("ssh", "-F", self.config, "-O", "exit", "localhost", stderr=subprocess.DEVNULL)
        os.kill(int((self.directory / "sshd.pid").read_text()), signal.SIGTERM)
        return alone, shared


def measure(runs):
    with Project("bench-sessions") as project:
        stopped = [first_frame("claude-run", "run", project.name)]
        for _ in range(min(runs, 3) - 1):
            project.stop()
            stopped.append(first_frame("claude-run", "run", project.name))
        config = f"{runtime}/claude-vm/{project.name}/ssh.config"
        time.sleep(5)  # the agent's own start
        say("sessions")
        plain, execs = in_turns(20, lambda: run("ssh", "-F", config, "claude-vm", "true"),
                                lambda: run("claude-run", "exec", project.name, "--", "true"))
        alone, shared = LocalSshd(project.directory).times()
        attach = [first_frame("claude-run", "attach", project.name) for _ in range(5)]
        large = project.directory / "large"
        large.write_bytes(os.urandom(1 << 20) * SIZE)
        scp, cp = in_turns(3, lambda: run("scp", "-q", "-F", config, large, "claude-vm:/tmp/large"),
                           lambda: run("claude-run", "cp", large, f"{project.name}:/tmp/large"))
        listed = times(10, lambda: run("claude-run", "list"))
    table = Table("Sessions", "Through the VM's ssh master, in turns.")
    table.add("`ssh claude-vm true`", plain, "ms", yardstick=True, scale=1000, digits=0)
    table.add("`claude-run exec NAME -- true`", execs, "ms", scale=1000, digits=0)
    table.add("`ssh localhost true` to an sshd of this machine", alone, "ms", scale=1000, digits=0)
    table.add("the same through a master", shared, "ms", scale=1000, digits=0)
    table.add("`claude-run list`", listed, "ms", scale=1000, digits=0)
    table.add("`scp` of 64 MiB", [SIZE / t for t in scp], "MiB/s", yardstick=True, digits=1)
    table.add("`claude-run cp` of 64 MiB", [SIZE / t for t in cp], "MiB/s", digits=1)
    yield table
    table = Table("Terminals", f"The time until {DRAWN} characters are drawn. Attaching opens a session, starts Python in the guest, "
                  "and makes the agent redraw its screen.")
    table.add("`claude-run attach` of a running agent", attach, "s")
    table.add("`claude-run` of a project that does not run", stopped, "s")
    yield table
