"""Other ways to the same guest. Each function starts one, waits for READY and for the agent's first frame, ends it, and returns the
seconds to both. A peer that cannot run raises, and its words are what the table says of it."""

import contextlib
import os
import pathlib
import pty
import select
import shlex
import shutil
import signal
import subprocess
import tempfile
import time

from measure import ByHand, home, image, run
from terminal import printed

# what tests/bench/first has left
PACKED_KERNEL = "/build/packed-kernel/kernel"
BUILT_VMSPAWN = "/build/vmspawn/out/systemd-vmspawn"
READY = b"bench-ready"
LIMIT = 300


def to_first_frame(project, **environment):
    vm = ByHand(project, "user,id=net0", **project.environment, **environment)
    drawn = vm.wait("DRAWN")
    vm.stop()
    return vm.ready, drawn


def by_hand(project):
    return to_first_frame(project)


def original(project):
    return to_first_frame(project, WAY="original")


def vmspawn(project):
    program = shutil.which("systemd-vmspawn") or BUILT_VMSPAWN
    if not os.path.exists(program):
        raise RuntimeError("not installed, and not built by tests/bench/first")
    if not os.path.exists(PACKED_KERNEL):
        raise RuntimeError("its kernel was not fetched by tests/bench/first")
    # its virtiofsd translates no owners, so the guest's user is another one than the host's there
    (project.directory / "work").chmod(0o777)
    return to_first_frame(project, WAY="vmspawn", VMSPAWN=program, KERNEL=PACKED_KERNEL)


class Virtme:
    """virtme-ng boots the image's kernel over this machine's own root file system, so it gets modules and agent from a copy of the image
    in the user's home: it hides /tmp."""

    def __init__(self):
        self.directory = self.kernel = None

    def close(self):
        if self.directory:
            shutil.rmtree(self.directory)

    def unpack(self):
        self.directory = pathlib.Path(tempfile.mkdtemp(dir=home, prefix="bench-virtme."))
        # without a device node of the image that a user cannot make, of which it complains
        subprocess.run(["fsck.erofs", f"--extract={self.directory}/root", "--no-preserve", f"{image}/root.erofs"], check=True,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        # beside lib/modules, where it looks for the kernel's modules; it takes the version from the name
        version = next((self.directory / "root/lib/modules").iterdir()).name
        self.kernel = self.directory / f"root/boot/vmlinuz-{version}"
        self.kernel.symlink_to(f"{image}/kernel")

    def command(self, project):
        root = self.directory / "root"
        variables = " ".join(f"{name}={value}" for name, value in project.environment.items())
        agent = f"stty rows 25 cols 80; exec {root}/usr/lib/claude-vm/packages/claude/claude"
        script = (f"echo {READY.decode()}; mkdir /run/home; cp {project.directory}/home/.claude.json /run/home/; cd /run/home; "
                  f"export HOME=/run/home TERM=xterm-256color {variables}; exec script -qec {shlex.quote(agent)} /dev/null")
        return ["vng", "--run", str(self.kernel), "--disable-kvm", "--memory", "2048M", "--cpus", "2", "--network", "user",
                # as by hand; the agent ends on QEMU's own default, which has no SSE 4
                "--qemu-opts=-cpu max", "--exec", script]

    def measure(self, project):
        if not shutil.which("vng"):
            raise RuntimeError("not installed")
        if not self.directory:
            self.unpack()
        terminal, its_side = pty.openpty()
        begin = time.monotonic()
        process = subprocess.Popen(self.command(project), stdin=its_side, stdout=its_side, stderr=its_side, start_new_session=True)
        os.close(its_side)
        try:
            return watch(terminal, begin)
        finally:
            # a group of its own: vng, QEMU and virtiofsd
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGTERM)
            process.wait()
            os.close(terminal)


def watch(terminal, begin):
    """The seconds to the script's first word, and to the first that the agent has drawn after it."""
    seen, ready = b"", None
    while not ready or not printed(seen.split(READY, 1)[1]):
        if not select.select([terminal], [], [], max(0, begin + LIMIT - time.monotonic()))[0]:
            raise RuntimeError(f"no {'first frame' if ready else 'READY'} within {LIMIT} s")
        try:
            seen += os.read(terminal, 65536)
        except OSError:  # all who had the other side open have closed it
            raise RuntimeError(f"ended: {seen[-1000:].decode(errors='replace').strip()}") from None
        if not ready and READY in seen:
            ready = time.monotonic() - begin
    return ready, time.monotonic() - begin
