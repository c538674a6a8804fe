"""The generator, and a daemon-reload as a whole, with many projects; Quadlet beside it where it is installed."""

import contextlib
import os
import pathlib
import shutil
import subprocess
import tempfile

from measure import Table, here, home, in_turns, run, say, times

GENERATOR = "/usr/lib/systemd/user-generators/claude-vm-generator"
QUADLET = "/usr/lib/systemd/user-generators/podman-user-generator"
COUNT = 1000


def write_projects(config, work, count, more=""):
    for i in range(count):
        (work / f"work{i}").mkdir(parents=True, exist_ok=True)
        (config / f"p{i}.ini").write_text(
            f"[Project]\nWorkDirectory={work}/work{i}\nAgentArguments=--dangerously-skip-permissions\n[VM]\nMemory=8G\n{more}")


def write_projects_with_key(config, work, count):
    write_projects(config, work, count, "[Credentials]\nANTHROPIC_API_KEY=~/key\n")


def write_containers(config, work, count):
    for i in range(count):
        (config / f"p{i}.container").write_text(
            f"[Unit]\nDescription=p{i}\n[Container]\nImage=localhost/agent\nVolume={work}/work{i}:/work\nPodmanArgs=--memory=8g\n")


class Outputs:
    """A base in memory, and a new directory in it for each run."""

    def __init__(self):
        self.temporary = tempfile.TemporaryDirectory(dir=os.environ["XDG_RUNTIME_DIR"])
        self.base = pathlib.Path(self.temporary.name)
        self.config = self.base / "config"
        self.config.mkdir()
        self.n = 0

    def close(self):
        self.temporary.cleanup()

    def new(self):
        self.n += 1
        output = self.base / f"output{self.n}"
        output.mkdir()
        return output

    def generate(self):
        output = self.new()
        subprocess.run([GENERATOR, output], env={"HOME": str(self.base), "CLAUDE_MICROVM_CONFIG_DIRS": str(self.config)}, check=True)
        return output

    def files_made(self, program, like):
        """As many directories and files as the generator made, and of that size."""
        files = [p.stat().st_size for p in like.glob("*/*")]
        subprocess.run([program, self.new(), str(len(files)), str(sum(files) // len(files))], check=True)


def measure_generator(name, write, table, program):
    """In turns with the floor: a busy moment of the machine is everybody's."""
    with contextlib.closing(Outputs()) as outputs:
        write(outputs.config, outputs.base, COUNT)
        like = outputs.generate()
        n = len(list(like.glob("*/*")))
        floor, whole = in_turns(20, lambda: outputs.files_made(program, like), outputs.generate)
    table.add(f"a C program that makes {n:,} directories and files", floor, "ms", yardstick=True, scale=1000, digits=1)
    table.add(f"the generator, {COUNT:,} {name}", whole, "ms", scale=1000, digits=1)


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
    table = Table("The generator", "`claude-vm-generator` in a file system in memory, 20 runs in turns with what its output costs alone:"
                  " `tests/bench/files.c` writes as many bytes into as many files and reads nothing.")
    with tempfile.TemporaryDirectory() as directory:
        run("gcc", "-O2", "-o", f"{directory}/files", here / "files.c")
        for name, write in ("plain projects", write_projects), ("projects with an API key", write_projects_with_key):
            say(f"generator, {name}")
            measure_generator(name, write, table, f"{directory}/files")
    yield table
    has_quadlet = os.path.exists(QUADLET)
    table = Table("`systemctl --user daemon-reload`", "With all that the manager does about it, in turns, five times each."
                  + ("" if has_quadlet else " Quadlet (podman) is not installed here."))
    kinds = [("projects", home / ".config/claude-microvm", write_projects)]
    if has_quadlet:
        kinds.append(("containers of Quadlet", home / ".config/containers/systemd", write_containers))
    for count in 0, 100, COUNT:
        for name, config, write in kinds:
            say(f"daemon-reload, {count} {name}")
            table.add(f"{count:,} {name}", reload_with(config, write, count), "ms", yardstick=count == 0 and name == "projects", scale=1000, digits=0)
    run("systemctl", "--user", "daemon-reload")
    yield table
