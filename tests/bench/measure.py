"""What the parts of the benchmark share: commands, times, a project, and tables with their raw data."""

import contextlib
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time

here = pathlib.Path(__file__).resolve().parent
home = pathlib.Path.home()
image = "/var/lib/claude-microvm/guests/debian"
runtime = os.environ["XDG_RUNTIME_DIR"]


def say(text):
    print(f"bench: {text}", file=sys.stderr, flush=True)


def run(*command, **options):
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, **options).stdout


def seconds(action):
    begin = time.monotonic()
    action()
    return time.monotonic() - begin


def times(count, action):
    return [seconds(action) for _ in range(count)]


def in_turns(count, *actions):
    """Times of each, measured in turns, so that a busy moment of the machine is everybody's."""
    results = [[] for _ in actions]
    for _ in range(count):
        for result, action in zip(results, actions):
            result.append(seconds(action))
    return results


class Table:
    """Rows of a name, a value and its ratio to the first row of the same unit that is marked as the yardstick."""

    def __init__(self, title, about):
        self.title, self.about, self.rows, self.raw, self.yardsticks = title, about, [], {}, {}

    def add(self, name, values, unit, yardstick=False, scale=1.0, digits=2):
        """Adds the median of `values`; the unit's yardstick is the row that others of it are compared with."""
        values = [v * scale for v in (values if isinstance(values, list) else [values])]
        median = statistics.median(values)
        if yardstick:
            self.yardsticks[unit] = median
        base = self.yardsticks.get(unit)
        ratio = "1" if yardstick else f"{median / base:.2f}" if base else ""
        self.rows.append((name, f"{median:.{digits}f} {unit}", ratio))
        self.raw[name] = [round(v, 4) for v in values]

    def note(self, name, text):
        self.rows.append((name, text, ""))

    def markdown(self):
        lines = [f"## {self.title}", "", self.about, "", "| what | median | ratio |", "|---|---:|---:|"]
        lines += [f"| {name} | {value} | {ratio} |" for name, value, ratio in self.rows]
        runs = ",\n".join(f"  {json.dumps(name)}: {json.dumps(values)}" for name, values in self.raw.items())
        lines += ["", f"<details><summary>Each run</summary>\n\n```json\n{{\n{runs}\n}}\n```\n</details>", ""]
        return "\n".join(lines)


class Matrix:
    """Operations down, places across; each cell is the median's ratio to that of the yardstick's column."""

    def __init__(self, title, about, yardstick):
        self.title, self.about, self.yardstick, self.raw = title, about, yardstick, {}

    def add(self, place, seconds):
        """Seconds of each operation of one run."""
        for operation, value in seconds.items():
            self.raw.setdefault(place, {}).setdefault(operation, []).append(round(value, 4))

    def markdown(self):
        median = {place: {o: statistics.median(v) for o, v in rows.items()} for place, rows in self.raw.items()}
        base = median[self.yardstick]
        lines = [f"## {self.title}", "", self.about, "", f"| what | {self.yardstick} | " + " | ".join(p for p in median if p != self.yardstick) + " |",
                 "|---|" + "---:|" * len(median)]
        for operation, yardstick in base.items():
            cells = [f"{rows[operation] / yardstick:.2f}" if operation in rows else ""
                     for place, rows in median.items() if place != self.yardstick]
            lines.append(f"| {operation} | {yardstick:.2f} s | " + " | ".join(cells) + " |")
        runs = ",\n".join(f"  {json.dumps(place)}: {json.dumps(rows)}" for place, rows in self.raw.items())
        return "\n".join([*lines, "", f"<details><summary>Each run</summary>\n\n```json\n{{\n{runs}\n}}\n```\n</details>", ""])


class Project:
    """A project of this user for the benchmark, whose agent is past its first questions and gets its answers from `api`."""

    def __init__(self, name, *lines, memory="2G", cpus=2, api=None):
        self.name, self.unit = name, f"claude-vm@{name}.service"
        self.variables = {"CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1", **({"ANTHROPIC_BASE_URL": api} if api else {})}
        # for a way to start the agent that has no credentials
        self.environment = {"ANTHROPIC_API_KEY": "sk-bench-key", **self.variables}
        self.directory = pathlib.Path(tempfile.mkdtemp(dir=home, prefix="bench."))
        for sub in "work", "home":
            (self.directory / sub).mkdir()
        (self.directory / "home/.claude.json").write_text(json.dumps({
            "hasCompletedOnboarding": True, "theme": "dark", "bypassPermissionsModeAccepted": True,
            "customApiKeyResponses": {"approved": ["sk-bench-key", "e-key-is-on-the-host"]},
            "projects": {str(d): {"hasTrustDialogAccepted": True, "hasCompletedProjectOnboarding": True}
                         for d in ("/work", self.directory / "work")}}))
        (self.directory / "key").write_text("sk-bench-key\n")
        self.ini = home / f".config/claude-microvm/{name}.ini"
        self.ini.parent.mkdir(parents=True, exist_ok=True)
        self.ini.write_text("\n".join([
            f"[Project]\nWorkDirectory={self.directory}/work\nHome={self.directory}/home",
            f"[VM]\nMemory={memory}\nCPUs={cpus}\nAccelerator=tcg", "[Environment]", *(f"{k}={v}" for k, v in self.variables.items()),
            f"[Credentials]\nANTHROPIC_API_KEY={self.directory}/key", "[Project]", *lines]) + "\n")
        run("systemctl", "--user", "daemon-reload")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        subprocess.run(["systemctl", "--user", "stop", self.unit], check=False)
        self.ini.unlink()
        shutil.rmtree(self.directory)
        subprocess.run(["systemctl", "--user", "daemon-reload"], check=False)

    def start(self):
        run("systemctl", "--user", "start", self.unit)

    def stop(self):
        run("systemctl", "--user", "stop", self.unit)

    def guest(self, script):
        return run("claude-run", "exec", self.name, "--", "bash", "-c", script)

    def main_pid(self, unit=None):
        return int(run("systemctl", "--user", "show", "--value", "--property=MainPID", unit or self.unit))

    def qemu(self):
        """The helper's child may be QEMU, or the init of its PID namespace with QEMU below."""
        pids = [self.main_pid()]
        while pids:
            pid = pids.pop()
            if "qemu-system" in os.readlink(f"/proc/{pid}/exe"):
                return pid
            pids += [int(p) for p in pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
        raise RuntimeError("the VM has no QEMU")


class ByHand:
    """QEMU and virtiofsd without units and without a helper: tests/guest/by-hand, until READY. WAY= is another's way to do it."""

    def __init__(self, project, netdev="none", **environment):
        environment = {k: str(v) for k, v in environment.items()}
        self.directory = self.qemu = None
        self.process = subprocess.Popen(
            [here / "../guest/by-hand", image, project.directory / "work", project.directory / "home"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, start_new_session=True,
            env={**os.environ, **environment, "NETDEV": netdev})
        self.ready = self.wait("READY")

    def wait(self, word):
        """Its own seconds until the guest says that word. One that does not within five minutes is ended."""
        last = ""
        limit = threading.Timer(300, lambda: os.killpg(self.process.pid, signal.SIGKILL))
        limit.start()
        try:
            for line in self.process.stdout:
                last = line
                if found := re.search(r"qemu (\d+) in (\S+)", line):
                    self.qemu, self.directory = int(found[1]), pathlib.Path(found[2])
                if f"notify {word}=1" in line:
                    return float(line.split()[0])
        finally:
            limit.cancel()
        self.process.wait()
        shutil.rmtree(self.directory or "", ignore_errors=True)
        raise RuntimeError(f"{self.process.args[0]} ended before {word}: {last.strip()}")

    def stop(self):
        self.process.stdin.write("poweroff\n")
        self.process.stdin.close()
        self.process.stdout.read()
        self.process.wait()
        shutil.rmtree(self.directory)

    def guest(self, port, script):
        return run("ssh", "-F", "none", "-i", self.directory / "ssh.key", "-p", str(port), "-o", "StrictHostKeyChecking=no", "-o",
                   "UserKnownHostsFile=/dev/null", "-o", "LogLevel=ERROR", "-o", "ConnectTimeout=60", "claude@127.0.0.1", script)


@contextlib.contextmanager
def scripted_api():
    """The API of the end-to-end tests on this machine; its URL in a guest, to QEMU's network as to the product's."""
    api = subprocess.Popen([here / "../e2e/fake-api"], stdout=subprocess.PIPE, text=True)
    try:
        yield f"http://10.0.2.2:{int(api.stdout.readline())}"
    finally:
        end(api)


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def wait_until(what, check, limit):
    """Polls twenty times a second."""
    deadline = time.monotonic() + limit
    while not (value := check()):
        if time.monotonic() > deadline:
            raise RuntimeError(f"waited {limit} s for {what}")
        time.sleep(0.05)
    return value


def end(process):
    process.send_signal(signal.SIGTERM)
    process.wait()
