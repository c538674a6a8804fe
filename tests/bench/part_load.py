"""What grows with load, and whether anything is lost: sessions, changed files, floods of a hostile guest, VMs at once.

VMS=16 takes as many VMs (4), SESSIONS=100 as many sessions (50) and FILES=1000 as many files (10,000). VMS=50 TOGETHER=8 starts eight at a
time (16): of more, on two CPUs on which many VMs run already, some reach the limit of a start."""

import contextlib
import os
import subprocess
import time

from measure import Project, Table, run, say, seconds, times, wait_until
from part_network import held, pss

VMS, TOGETHER, SESSIONS, FILES = (int(os.environ.get(name, default))
                                  for name, default in (("VMS", 4), ("TOGETHER", 16), ("SESSIONS", 50), ("FILES", 10000)))

# Everything that a guest can write to, by root in it, as fast as it goes: each for as long as the file is there.
FLOOD = """
touch /tmp/flood
for port in /dev/virtio-ports/* /dev/hvc0 /dev/console; do
        while [ -e /tmp/flood ]; do yes 'STATUS=flood flood flood' | head -c 1M >"$port"; done 2>/dev/null &
done
while [ -e /tmp/flood ]; do for i in 1 2 3 4 5 6 7 8 9; do (echo >/dev/udp/10.$i.0.1/$((RANDOM + 1))); done; done 2>/dev/null &
"""


# A name after `claude-run attach`, in a shell that has the completion already: microseconds of each time, and the candidates.
COMPLETE = """
. /usr/share/bash-completion/completions/claude-run
COMP_WORDS=(claude-run attach bench-load-) COMP_CWORD=2
for i in {1..10}; do begin=$EPOCHREALTIME; _claude_run; end=$EPOCHREALTIME; echo $((${end/./} - ${begin/./})); done
echo ${#COMPREPLY[@]}
"""


def small(name):
    """A VM without an agent."""
    return Project(name, "AgentStart=session", "[VM]\nDisk=no", memory="384M", cpus=1)


def list_units():
    return times(10, lambda: run("systemctl", "--user", "list-units"))


def of_ssh(project):
    return pss(project.main_pid(f"claude-vm-ssh@{project.name}.service"))


def own_memory(project):
    return pss(project.main_pid()) + of_ssh(project) + sum(held(project).values())


@contextlib.contextmanager
def sessions(project, count):
    """Open ones that repeat what they are told."""
    processes = [subprocess.Popen(["claude-run", "exec", project.name, "--", "cat"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
                 for _ in range(count)]
    try:
        yield processes
    finally:
        for p in processes:
            p.stdin.close()
            p.wait()


def echoed(processes, word):
    """All answers; each session has its own."""
    for i, p in enumerate(processes):
        p.stdin.write(f"{word} {i}\n")
        p.stdin.flush()
    return [p.stdout.readline().strip() for p in processes] == [f"{word} {i}" for i in range(len(processes))]


def must(what, holds):
    if not holds:
        raise RuntimeError(what)


def measure_sessions(project, table):
    idle, before = list_units(), of_ssh(project)
    with sessions(project, 1) as one:
        first = seconds(lambda: must("the session answered something else", echoed(one, "first")))
    say(f"load: {SESSIONS} sessions")
    with sessions(project, SESSIONS) as many:
        opened = seconds(lambda: must("an answer of a session was lost", echoed(many, "open")))
        answered = seconds(lambda: must("an answer of a session was lost", echoed(many, "again")))
        grown = of_ssh(project) - before
        busy = list_units()
    table.add("one session, to its first answer", first, "s to open", yardstick=True)
    table.add(f"{SESSIONS} sessions, to their first answers", opened, "s to open")
    table.add(f"one more answer of each of {SESSIONS}", answered, "s to open")
    table.add(f"the ssh master's growth for each of {SESSIONS} sessions", grown * 1024 / SESSIONS, "KiB", digits=0)
    table.add("`systemctl --user list-units`, VM idle", idle, "ms", yardstick=True, scale=1000, digits=0)
    table.add(f"the same with {SESSIONS} sessions", busy, "ms", scale=1000, digits=0)


def measure_files(project, table):
    """They are written on the host as a checkout writes them; the guest must see all of them, and what is in them."""
    directory = project.directory / "work/many"
    directory.mkdir()
    before = pss(project.main_pid())

    def write(more):
        for i in range(FILES):
            (directory / f"file{i}").write_text(f"{i + more}\n")

    def look(more):
        must("the guest sees other files than the host", int(project.guest("ls /work/many | wc -l")) == FILES)
        seen = sorted(int(line) for line in project.guest("cat /work/many/file*99").split())
        must("the guest sees what was in the files before", seen == [i + more for i in range(FILES) if i % 100 == 99])

    say(f"load: {FILES} files changed on the host")
    made = seconds(lambda: write(0))
    look(0)
    changed = seconds(lambda: write(FILES))
    seen = seconds(lambda: look(FILES))
    table.add(f"{FILES:,} files made on the host", made, "s for files", yardstick=True)
    table.add("and changed, Notify= on", changed, "s for files")
    table.add("a list of them and each hundredth read in the guest", seen, "s for files")
    table.add("the helper's growth meanwhile", (pss(project.main_pid()) - before) * 1024, "KiB", digits=0)


def measure_floods(project, table):
    before, idle = own_memory(project), list_units()
    said = len(run("journalctl", "--user", "--output=cat", "--unit", project.unit).splitlines())
    say("load: floods from every channel of the guest")
    flood = subprocess.Popen(["claude-run", "exec", project.name, "--", "sudo", "bash", "-c", FLOOD + "exec yes flood"], stdout=subprocess.PIPE)
    begin, read = time.monotonic(), 0
    while time.monotonic() - begin < 20:
        read += len(flood.stdout.read(1 << 16))
    busy = list_units()
    answer = seconds(lambda: must("a session of a flooding guest did not answer", project.guest("echo here").strip() == "here"))
    lasted = time.monotonic() - begin
    flood.kill()
    flood.wait()
    project.guest("sudo rm -f /tmp/flood; sudo pkill yes; true")
    lines = len(run("journalctl", "--user", "--output=cat", "--unit", project.unit).splitlines()) - said
    table.add("`systemctl --user list-units` before a flood", idle, "ms", yardstick=True, scale=1000, digits=0)
    table.add("and during one from all ports, the console, refused packets and ssh", busy, "ms", scale=1000, digits=0)
    table.add("a session's answer during it", answer, "s to open")
    table.add("the journal's growth during it", lines / lasted, "lines/s", digits=1)
    table.add("growth of our own processes", (own_memory(project) - before) * 1024, "KiB", digits=0)


def measure_vms(table):
    say(f"load: {VMS} VMs at once")
    with contextlib.ExitStack() as stack:
        projects = [stack.enter_context(small(f"bench-load-{i}")) for i in range(VMS)]
        one = seconds(projects[0].start)
        projects[0].stop()
        all_of_them = sum(seconds(lambda: run("systemctl", "--user", "start", *(p.unit for p in projects[i:i + TOGETHER])))
                          for i in range(0, VMS, TOGETHER))
        must("a VM does not answer", all(p.guest("echo here").strip() == "here" for p in projects))
        memory = [own_memory(p) for p in projects]
        listed, units = times(10, lambda: run("claude-run", "list")), list_units()
        *completed, candidates = [int(line) for line in run("bash", "-c", COMPLETE).splitlines()]
        must("a VM is missing in the completion", candidates == VMS)
        stopped = seconds(lambda: run("systemctl", "--user", "stop", *(p.unit for p in projects)))
        wait_until("the end of all units", lambda: not run("systemctl", "--user", "list-units", "--no-legend", "--state=active", "claude-vm*@bench-load-*"), 60)
    table.add("one VM, to READY", one, "s to READY", yardstick=True)
    table.add(f"{VMS} VMs at once, {min(VMS, TOGETHER)} of them started together, for each", all_of_them / VMS, "s to READY")
    table.add(f"{VMS} VMs stopped at once, for each", stopped / VMS, "s to its end")
    table.add("our own processes of each VM", memory, "MiB", digits=1)
    table.add(f"`claude-run list` with {VMS} VMs", listed, "ms", scale=1000, digits=0)
    table.add("a name completed by bash", completed, "ms", scale=0.001, digits=0)
    table.add(f"`systemctl --user list-units` with {VMS} VMs", units, "ms", scale=1000, digits=0)


def measure(_):
    parts = {"Sessions at once": measure_sessions, "Files changed on the host": measure_files, "Floods": measure_floods}
    with small("bench-load") as project:
        project.start()
        project.guest("true")
        for title, part in parts.items():
            table = Table(title, "One VM of 384 MiB. A part that loses anything fails.")
            part(project, table)
            yield table
    table = Table("VMs at once", "Of 384 MiB each. One that does not answer fails the part.")
    measure_vms(table)
    yield table
