"""From the start job to READY and to the agent's first frame, beside other ways to the same guest; what a suspended VM takes; and what
the network's units add."""

import contextlib
import json
import re
import statistics
import subprocess
import time

import peers
from measure import Project, Table, run, say, scripted_api
from terminal import DRAWN, first_frame

HAND = "QEMU and virtiofsd by hand"
PRODUCT = "this product: `systemctl --user start`, network and API proxy"
NONE = "this product: `Mode=none`, no proxy, no agent at boot"
RESUMED = "this product: a suspended VM"


def journal(since, pattern):
    """Time and text of the first line since then that has the pattern."""
    follow = subprocess.Popen(["timeout", "300", "journalctl", "--user", "--follow", "--lines=all", "--output=json",
                               f"--since=@{int(since)}"], stdout=subprocess.PIPE, text=True)
    for line in follow.stdout:
        entry = json.loads(line)
        stamp, message = int(entry["__REALTIME_TIMESTAMP"]) / 1e6, entry.get("MESSAGE") or ""
        if stamp >= since and isinstance(message, str) and re.search(pattern, message):
            follow.terminate()
            follow.wait()
            return stamp, message
    raise RuntimeError(f"nothing in the journal matches {pattern}")


def start(project):
    """Start job to active, and the phases in between."""
    begin, wall = time.monotonic(), time.time()
    project.start()
    total = time.monotonic() - begin
    finished, message = journal(wall, r"Startup finished in")
    ready, _ = journal(wall, r"^The guest is ready")
    kernel, userspace = (float(x) for x in re.search(r"in ([\d.]+)s \(kernel\) \+ ([\d.]+)s", message).groups())
    return wall, total, {"kernel and initrd": kernel, "guest, init to READY": userspace - (finished - ready)}


class Product:
    """The phases of each start are beside the two times that all have."""

    def __init__(self):
        self.phases = {}

    def measure(self, project):
        wall, ready, phases = start(project)
        drawn, _ = journal(wall, r"^The agent has drawn its first frame")
        project.stop()
        for phase, value in phases.items():
            self.phases.setdefault(phase, []).append(value)
        return ready, drawn - wall


def suspended(project):
    """To READY by its unit; then from claude-run's start to a terminal that is drawn, which is later than the agent's first frame."""
    project.start()
    wait_for_prompt = first_frame("claude-run", "attach", project.name)
    say(f"the terminal was drawn {wait_for_prompt:.1f} s after READY")
    time.sleep(5)  # the rest of the agent's own start
    run("claude-run", "suspend", project.name)
    begin = time.monotonic()
    project.start()
    ready = time.monotonic() - begin
    run("claude-run", "suspend", project.name)
    drawn = first_frame("claude-run", "run", project.name)
    project.stop()
    return ready, drawn


def without_network(project):
    _, ready, _ = start(project)
    project.stop()
    return ready, None


class Times:
    """The two times of each way, or why it has none. A way that has failed once is not tried again."""

    def __init__(self):
        self.ready, self.drawn, self.failed = {}, {}, {}

    def add(self, name, measure, project):
        if name in self.failed:
            return
        say(name)
        try:
            ready, drawn = measure(project)
        except (OSError, RuntimeError, subprocess.SubprocessError) as e:
            self.failed[name] = str(e).replace("\n", " ").replace("|", "/")[-200:]
            say(f"{name}: {self.failed[name]}")
            project.stop()
            return
        self.ready.setdefault(name, []).append(ready)
        if drawn is not None:
            self.drawn.setdefault(name, []).append(drawn)

    def note_failed(self, table):
        for name, why in self.failed.items():
            table.note(name, f"did not run: {why}")


def ready_table(times, product, failed_too):
    table = Table("Start to READY", "`systemctl --user start`, beside other ways, in turns; kernel, memory (2 GiB) and CPUs (2) are the same, and "
                  "so are initrd and root file system but for virtme-ng. By hand, shares are served already when the clock begins, and the "
                  "network is QEMU's own; so it is for all but this product. This product also spends 0.2 s on the network's units, "
                  "keys and sandboxes before QEMU runs, and its VM has an entropy source, a balloon and a disk, which the initrd mounts in 0.1 to 0.5 s. "
                  "The first version: its steps with this guest, for its own is a NixOS: for each share a transient unit, polled for every 100 ms, then QEMU. "
                  "systemd-vmspawn: built from Debian 13's source, whose packages leave it out; its machine is a q35 whose firmware is OVMF, "
                  "its kernel is the same as Debian packs it, because that firmware starts no ELF file, one share is its own, and root file system, ports and the other share come to it in `$SYSTEMD_VMSPAWN_QEMU_EXTRA`, because it "
                  "would offer a disk by SCSI and name shares at random. virtme-ng: a q35 with an initrd of its own over this host's root file system, and "
                  "READY is the first command of its shell.")
    for name, values in times.ready.items():
        table.add(name, values, "s", yardstick=name == HAND)
    failed_too(table)
    for phase, values in product.phases.items():
        table.add(f"of this product with its network: {phase}", values, "s ", digits=2)
    return table


def frame_table(times, failed_too):
    """The best peer, which the others are compared with, comes first."""
    table = Table("Start to the agent's first frame", "Claude Code, started by the same guest as soon as it is READY, has drawn something in its terminal; on "
                  "virtme-ng in one that `script` makes. A scripted API on the host answers all of them. Nearly all of the time "
                  "is the agent's own start, which keeps both processors busy for 9 s. The suspended VM: from `claude-run` to "
                  f"{DRAWN} characters in the user's terminal, which is later. The ratio is to the best peer.")
    others = [name for name in times.drawn if not name.startswith("this product")]
    others.sort(key=lambda name: statistics.median(times.drawn[name]))
    for name in others + [name for name in times.drawn if name not in others]:
        table.add(name, times.drawn[name], "s", yardstick=name in others[:1])
    failed_too(table)
    return table


def measure(runs):
    times, product = Times(), Product()
    with scripted_api() as api, Project("bench-start", api=api) as project, Project("bench-none", "AgentStart=session", "[Network]", "Mode=none", "ApiProxy=no") as none, \
            contextlib.closing(peers.Virtme()) as virtme:
        ways = [(HAND, peers.by_hand, project), (PRODUCT, product.measure, project), (NONE, without_network, none),
                (RESUMED, suspended, project),
                ("the steps of this product's first version", peers.original, project),
                ("systemd-vmspawn", peers.vmspawn, project), ("virtme-ng", virtme.measure, project)]
        for i in range(runs):
            say(f"start {i + 1} of {runs}")
            # another one comes first each time: what the one before has left in the host's caches is nobody's alone
            for way in ways[i % len(ways):] + ways[:i % len(ways)]:
                times.add(*way)
    yield ready_table(times, product, times.note_failed)
    yield frame_table(times, times.note_failed)
