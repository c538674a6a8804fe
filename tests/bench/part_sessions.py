"""Sessions beside plain ssh through the same master, and terminals until they have drawn."""

import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import termios
import time

from measure import Project, Table, free_port, in_turns, run, runtime, say, times

SIZE = 64  # MiB
DRAWN = 200  # printed characters: more than the few lines of a prompt, whatever the agent draws


def printed(data):
    """How much of what a terminal gets is seen: no control sequences, no blanks."""
    data = re.sub(rb"\x1b(\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(\x07|\x1b\\)|[P_^].*?\x1b\\|.)", b"", data, flags=re.S)
    return len(re.sub(rb"\s", b"", data))


def read(fd, limit):
    if not select.select([fd], [], [], max(0, limit))[0]:
        return None
    try:
        return os.read(fd, 65536)
    except OSError:  # the other side of a terminal is closed
        return b""


def first_frame(*command):
    """Seconds until a terminal of 100x30 has been drawn; detaches then."""
    pid, fd = pty.fork()
    if pid == 0:
        fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", 30, 100, 0, 0))
        os.environ["TERM"] = "xterm-256color"
        os.execvp(command[0], command)
    begin, seen = time.monotonic(), b""
    # what claude-run says of the start erases its line each time
    while printed(seen.rsplit(b"\r\x1b[K", 1)[-1]) < DRAWN:
        data = read(fd, begin + 300 - time.monotonic())
        if not data:
            raise RuntimeError(f"{' '.join(command)}: {'ended' if data == b'' else 'nothing drawn after 300 s'}: {seen[-400:]}")
        seen += data
    elapsed = time.monotonic() - begin
    os.write(fd, b"\x1c")  # Ctrl-\, which detaches
    deadline = time.monotonic() + 60
    while read(fd, deadline - time.monotonic()):
        pass
    os.waitpid(pid, 0)
    os.close(fd)
    return elapsed


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
    table = Table("Terminals", f"Until {DRAWN} characters are drawn.")
    table.add("`claude-run attach` of a running agent", attach, "s")
    table.add("`claude-run` of a project that does not run", stopped, "s")
    yield table
