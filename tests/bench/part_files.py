"""Files in the guest: what a developer's tools do in /work, the home, a private directory and memory, beside the same on
the host; and flags of virtiofsd beside the ones that we use."""

import io
import os
import re
import tarfile

from measure import ByHand, Matrix, Project, free_port, run, say

FILES = 500

# Prints a name and seconds for each. Run with a directory and the archive.
WORK = r"""
set -e
export GIT_CONFIG_GLOBAL=/dev/null npm_config_update_notifier=false npm_config_audit=false npm_config_fund=false LC_ALL=C
mkdir -p "$1" && cd "$1"
take() {
        local name=$1 begin=$EPOCHREALTIME end
        shift
        "$@" >/dev/null
        end=$EPOCHREALTIME
        echo "$name: $(((${end/./} - ${begin/./}))) us"
}
# as a compiler does: objects under a temporary name that are renamed, and a library out of all of them
build() {
        local i
        mkdir -p target/objects
        for ((i = 0; i < 60; i++)); do
                head -c 20000 /dev/zero >target/objects/.o$i
                mv target/objects/.o$i target/objects/o$i
        done
        cat target/objects/* >target/library
}
take "untar, FILES files" tar xf "$2"
cd tree
git init --quiet
take "git add" git add .
git -c user.name=b -c user.email=b@localhost commit --quiet --message=b
take "git status" git status
take "git status again" git status
take "grep -r" grep -r 'no such words' . || true
take "60 objects and a library" build
mkdir ../npm && cd ../npm
if [ -d "$3" ]; then
        take "npm install express, from its cache" npm install --silent --offline --cache "$3" express
fi
cd /
take "rm -r" rm -rf "$1"
""".replace("FILES", str(FILES))


def archive():
    """A source tree: directories of 10 files of 1 to 16 KiB."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for i in range(FILES):
            text = f"line of file {i} that a search reads\n".encode() * (30 + i % 400)
            info = tarfile.TarInfo(f"tree/d{i // 100}/e{i // 10}/f{i}.txt")
            info.size = len(text)
            tar.addfile(info, io.BytesIO(text))
    return buffer.getvalue()


def times(output):
    return {name: int(us) / 1e6 for name, us in re.findall(r"^(.*): (\d+) us$", output, re.M)}


def in_guest(guest, place):
    """guest runs a script; the archive and npm's cache are read from the guest's memory."""
    return times(guest("set -e; [ -e /dev/shm/tree.tar ] || cp -r /work/tree.tar /work/npm-cache /dev/shm; "
                       f"bash /work/files.sh {place}/bench-files /dev/shm/tree.tar /dev/shm/npm-cache"))


def prepare(project):
    work = project.directory / "work"
    (work / "tree.tar").write_bytes(archive())
    (work / "files.sh").write_text(WORK)
    # what a guest installs comes from here, since the registry's own speed is nobody's business; by an npm of the guest's
    # version, because an earlier one keeps a cache that a later one does not find
    programs = project.directory / "programs"
    run("npm", "install", "--silent", "--cache", project.directory / "cache", "--prefix", programs, "npm@11")
    host = {**os.environ, "PATH": f"{programs}/node_modules/.bin:{os.environ['PATH']}"}
    run("npm", "install", "--silent", "--cache", work / "npm-cache", "--prefix", project.directory / "npm", "express", env=host)
    return host


def on_host(project, environment):
    place = project.directory / "host"
    place.mkdir()
    work = project.directory / "work"
    return times(run("bash", work / "files.sh", place / "bench-files", work / "tree.tar", work / "npm-cache", env=environment))


PLACES = {"memory": "/dev/shm", "/work": "/work", "home": "/home/claude", "Private=": "/work/private"}


def places(runs):
    matrix = Matrix("Files in the guest", "Ratios are to the guest's own memory, because an emulated processor is what the host's files do not "
                    "have; the host is beside it. `Private=` is on the project's disk.", yardstick="memory")
    with Project("bench-files", "AgentStart=session", "Private=private", "[VM]", "Disk=4G") as project:
        host = prepare(project)
        project.start()
        for i in range(runs):
            say(f"files {i + 1} of {runs}")
            matrix.add("host", on_host(project, host))
            run("rm", "-rf", project.directory / "host")
            for name, place in PLACES.items():
                matrix.add(name, in_guest(project.guest, place))
    return matrix


FLAGS = {
    "as we run it": "--cache=auto",
    "writeback": "--cache=auto --writeback",
    "4 threads": "--cache=auto --thread-pool-size=4",
    "no readdirplus": "--cache=auto --no-readdirplus",
    "cache=metadata": "--cache=metadata",
    "cache=always": "--cache=always",
}


def flags(runs):
    matrix = Matrix("virtiofsd's flags on /work", "By hand, with the other flags as the product has them. `writeback` and `cache=always` are for "
                    "comparison only: with them a guest does not see what the host changes.", yardstick="as we run it")
    with Project("bench-flags", "AgentStart=session") as project:
        prepare(project)
        for i in range(runs):
            for name, words in FLAGS.items():
                say(f"virtiofsd {words}, {i + 1} of {runs}")
                ssh = free_port()
                vm = ByHand(project, f"user,id=net0,hostfwd=tcp:127.0.0.1:{ssh}-:22", VIRTIOFSD=f"--xattr --killpriv-v2 {words}")
                matrix.add(name, in_guest(lambda script: vm.guest(ssh, script), "/work"))
                vm.stop()
    return matrix


def measure(runs):
    yield places(runs)
    yield flags(runs)
