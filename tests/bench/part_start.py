"""From the start job to READY, beside the same QEMU started by hand; and what the network's units add."""

import json
import re
import subprocess
import time

from measure import ByHand, Project, Table, say


def journal(since, pattern):
    """Time and text of the first line since then that has the pattern."""
    follow = subprocess.Popen(["timeout", "60", "journalctl", "--user", "--follow", "--lines=all", "--output=json",
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
    project.stop()
    return {"total": total, "kernel and initrd": kernel,
            "guest, init to READY": userspace - (finished - ready)}


def measure(runs):
    hand, with_network, without = [], [], []
    with Project("bench-start") as project, Project("bench-none", "AgentStart=session", "[Network]", "Mode=none", "ApiProxy=no") as none:
        for i in range(runs):
            say(f"start {i + 1} of {runs}")
            by_hand = ByHand(project, "user,id=net0")
            hand.append(by_hand.ready)
            by_hand.stop()
            with_network.append(start(project))
            without.append(start(none))
    table = Table("Start to READY", "`systemctl --user start`, beside QEMU and virtiofsd with the same kernel, image, memory and CPUs, whose "
                  "shares are served already and whose network is QEMU's own.")
    table.add("QEMU and virtiofsd by hand", hand, "s", yardstick=True)
    table.add("`systemctl --user start`, network and API proxy", [s["total"] for s in with_network], "s")
    table.add("`systemctl --user start`, `Mode=none`, no proxy", [s["total"] for s in without], "s")
    for phase in [p for p in with_network[0] if p != "total"]:
        table.add(f"of the first: {phase}", [s[phase] for s in with_network], "s ", digits=2)
    yield table
