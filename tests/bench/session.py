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
        # what takes hours, and what was tried: written by hand
        print((pathlib.Path(__file__).parent / "closing.md").read_text(), end="")
    if failed:
        sys.exit(f"bench: failed: {', '.join(failed)}")


main()
