"""The generator, and a daemon-reload as a whole, with many projects; Quadlet beside it where it is installed."""

import os
import pathlib
import shutil
import subprocess
import tempfile

from measure import Table, home, run, say, times

GENERATOR = "/usr/lib/systemd/user-generators/claude-vm-generator"
QUADLET = "/usr/lib/systemd/user-generators/podman-user-generator"


def write_projects(config, work, count):
    for i in range(count):
        (work / f"work{i}").mkdir(parents=True, exist_ok=True)
        (config / f"p{i}.ini").write_text(
            f"[Project]\nWorkDirectory={work}/work{i}\nAgentArguments=--dangerously-skip-permissions\n"
            "[VM]\nMemory=8G\n[Credentials]\nANTHROPIC_API_KEY=~/key\n")


def write_containers(config, work, count):
    for i in range(count):
        (config / f"p{i}.container").write_text(
            f"[Unit]\nDescription=p{i}\n[Container]\nImage=localhost/agent\nVolume={work}/work{i}:/work\nPodmanArgs=--memory=8g\n")


def generator(count):
    with tempfile.TemporaryDirectory(dir=os.environ["XDG_RUNTIME_DIR"]) as directory:
        base = pathlib.Path(directory)
        config = base / "config"
        config.mkdir()
        write_projects(config, base, count)
        outputs = iter(base / f"output{i}" for i in range(20))

        def once():
            output = next(outputs)
            output.mkdir()
            subprocess.run([GENERATOR, output], env={"HOME": directory, "CLAUDE_MICROVM_CONFIG_DIRS": str(config)}, check=True)

        return times(20, once)


def reload_with(config, write, count):
    """A daemon-reload of this user's manager with so many files there."""
    config.mkdir(parents=True, exist_ok=True)
    work = pathlib.Path(tempfile.mkdtemp(dir=home, prefix="bench."))
    before = set(config.iterdir())
    write(config, work, count)
    result = times(5, lambda: run("systemctl", "--user", "daemon-reload"))
    for path in set(config.iterdir()) - before:
        path.unlink()
    shutil.rmtree(work)
    return result


def measure(_):
    table = Table("The generator", "`claude-vm-generator`, 20 runs each, in a file system in memory.")
    for count in 1, 100, 1000:
        say(f"generator, {count} projects")
        table.add(f"{count} projects", generator(count), "ms", yardstick=count == 1, scale=1000, digits=1)
    yield table
    table = Table("`systemctl --user daemon-reload`", "With all that the manager does about it, five times each."
                  + ("" if os.path.exists(QUADLET) else " Quadlet (podman) is not installed here."))
    kinds = [("projects", home / ".config/claude-microvm", write_projects)]
    if os.path.exists(QUADLET):
        kinds.append(("containers of Quadlet", home / ".config/containers/systemd", write_containers))
    for name, config, write in kinds:
        for count in 0, 100, 1000:
            say(f"daemon-reload, {count} {name}")
            table.add(f"{count} {name}", reload_with(config, write, count), "ms", yardstick=count == 0 and name == "projects", scale=1000, digits=0)
    run("systemctl", "--user", "daemon-reload")
    yield table
