"""The guest's memory on the host, and what our own processes hold."""

import os
import pathlib
import time

from measure import ByHand, Project, Table, say, scripted_api, wait_until
from part_network import held, pss


def guest_memory(qemu):
    """MiB that the host keeps for the guest: the file in memory that QEMU and the virtiofsds have mapped."""
    for fd in pathlib.Path(f"/proc/{qemu}/fd").iterdir():
        if "memory-backend-memfd" in os.readlink(fd):
            return fd.stat().st_blocks // 2048
    raise RuntimeError("QEMU has no file for the guest's memory")


def settled(qemu):
    """When it has not changed for 10 s: the guest reports free pages some at a time. And the seconds it took."""
    begin = since = time.monotonic()
    last = guest_memory(qemu)
    while time.monotonic() - since < 10:
        time.sleep(0.5)
        now = guest_memory(qemu)
        if abs(now - last) > 4:
            last, since = now, time.monotonic()
    return last, since - begin


def idle_by_hand(project):
    vm = ByHand(project, "user,id=net0", **project.environment)
    vm.wait("DRAWN")
    idle, _ = settled(vm.qemu)
    vm.stop()
    return idle


def measure(runs):
    with scripted_api() as api, Project("bench-memory", api=api) as project:
        by_hand = idle_by_hand(project)
        project.start()
        qemu = project.qemu()
        wait_until("the agent's first frame", lambda: "drawn" in project.guest("ls /run/claude-vm/agent").split(), 300)
        idle, _ = settled(qemu)
        say("memory: 1 GiB in the guest")
        project.guest("sudo mount -o remount,size=80% /dev/shm 2>/dev/null; head -c 1G /dev/zero >/dev/shm/fill")
        used = guest_memory(qemu)
        project.guest("rm /dev/shm/fill")
        freed, took = settled(qemu)
        own = {"helper": pss(project.main_pid()), **held(project), "ssh": pss(project.main_pid(f"claude-vm-ssh@{project.name}.service"))}
    table = Table("Memory of the guest on the host", "The guest has 2 GiB, and Claude Code waits at its prompt. QEMU by hand has no balloon and gives back no free pages.")
    table.add("idle, QEMU and virtiofsd by hand", by_hand, "MiB", yardstick=True, digits=0)
    table.add("idle", idle, "MiB", digits=0)
    table.add("while it uses 1 GiB more", used, "MiB", digits=0)
    table.add("after it has freed that", freed, "MiB", digits=0)
    table.note("of that GiB, given back", f"{(used - freed) / 1024:.0%} in {took:.0f} s")
    yield table
    table = Table("Memory of our own processes", "Proportional set size; virtiofsd's is not in it, for the guest's memory is mapped there.")
    for name, value in own.items():
        table.add(name, value, "MiB", digits=1)
    table.add("together", sum(own.values()), "MiB", digits=1)
    yield table
