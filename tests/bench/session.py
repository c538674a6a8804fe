#!/usr/bin/env python3
"""The benchmarks, in a session of the test host. A part that fails is said, and the others go on."""

import argparse
import datetime
import importlib
import json
import os
import pathlib
import platform
import re
import sys
import traceback

from measure import image, run, say

PARTS = ["start", "network", "files", "sessions", "memory", "manager", "load"]


def first_line(*command):
    return (run(*command).splitlines() or ["?"])[0]


def agents():
    return ", ".join(f"{name} {version}" for name, version in json.loads(pathlib.Path(image, "guest.json").read_text())["agents"].items())


def head(runs):
    model = re.search(r"model name\s*: (.*)", pathlib.Path("/proc/cpuinfo").read_text())
    memory = int(re.search(r"MemTotal:\s*(\d+)", pathlib.Path("/proc/meminfo").read_text())[1]) >> 20
    kvm = "KVM" if os.access("/dev/kvm", os.R_OK | os.W_OK) else "no KVM: all VMs are emulated (TCG)"
    return f"""# Benchmarks

`make figures` writes this file. Ratios are of one run, on one machine, in turns; absolute times are beside them for scale only.

| | |
|---|---|
| date | {datetime.date.today()} |
| machine | {os.cpu_count()} CPUs ({model[1] if model else platform.machine()}), {memory} GiB, Linux {platform.release()}, {kvm} |
| load when it began | {os.getloadavg()[0]:.1f} |
| versions | {first_line("systemctl", "--version")}; {first_line("qemu-system-x86_64", "--version")}; {first_line("/usr/libexec/virtiofsd", "--version")}; passt {run("dpkg-query", "--show", "--showformat=${Version}", "passt")} |
| guest | {agents()} |
| runs | {runs} of each start, as the lists say of the rest |
"""


GOALS = """## Goals that are missed

| goal | why, and what was tried |
|---|---|
| READY at most 1.02 of QEMU by hand | This product starts a network's units, makes keys and builds a sandbox, which takes 0.2 s before QEMU runs. QEMU by hand does without, and its guest has no entropy source, no balloon and no disk. We removed from the guest: generators, udev, logind, D-Bus, libkmod, BPF, bash in the initrd, the unpacking of the kernel, its self-tests and keys of modules, and the sandbox of the guest's journal. The guest that is started by hand gains as much. Fewer CPU flags, no mitigations, a larger read-ahead and other huge pages gained nothing. We built no template (a state that is saved before the guest reads its parameters): a start from one cannot take less than that of a suspended VM, and each number of CPUs, memory and set of devices needs its own. |
| first frame at most half of the best peer | The agent's own start is two thirds of it and the same for all. Tried without a gain: no JIT, one tier of it, no threads of its compiler. A suspended VM is at a quarter. |
| the generator, 1,000 projects in 10 ms | To make the files and directories that systemd reads takes more than that alone, see the yardstick. |
| `claude-run list` with 50 VMs in 50 ms, completion in 30 ms | The 50 emulated guests keep both processors busy. It was seven times as long. Since that run the questions to the manager go out together, the manifest of an image is read once, and completion asks one question. |
| attach to the first redraw in 100 ms | A session, Python in the guest and the agent's redraw, all emulated. |
"""


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("parts", nargs="*", metavar="PART", help=" ".join(PARTS))
    arguments = parser.parse_args()
    failed = []
    print(head(arguments.runs))
    for part in arguments.parts or PARTS:
        say(part)
        try:
            for table in importlib.import_module(f"part_{part}").measure(arguments.runs):
                print(table.markdown(), flush=True)
        except Exception:
            traceback.print_exc()
            failed.append(part)
            print(f"## {part}\n\nThis part failed.\n", flush=True)
    if not arguments.parts:
        print(GOALS, end="")
    if failed:
        sys.exit(f"bench: failed: {', '.join(failed)}")


main()
