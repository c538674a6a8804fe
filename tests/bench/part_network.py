"""The VM's network beside QEMU's own (slirp) and beside plain passt: throughput, connections; what its processes hold; and
the first byte through the API proxy."""

import os
import pathlib
import socket
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from measure import ByHand, Project, Table, end, free_port, say, scripted_api, wait_until

SIZE = 64 << 20
CONNECTIONS = 100


class Source(BaseHTTPRequestHandler):
    """64 MiB at /large, and an empty answer elsewhere."""

    block = os.urandom(1 << 20)

    def do_GET(self):
        n = SIZE if self.path == "/large" else 2
        self.send_response(200)
        self.send_header("Content-Length", str(n))
        self.send_header("Connection", "close")
        self.end_headers()
        while n > 0:
            n -= self.wfile.write(self.block[:n])

    def log_message(self, *_):
        pass


def transfer(port):
    return (f"curl --silent --fail --output /dev/null --write-out '%{{time_total}}\\n' http://10.0.2.2:{port}/large; "
            f"curl --silent --fail --no-keepalive --output /dev/null --write-out '%{{time_total}}\\n' 'http://10.0.2.2:{port}/[1-{CONNECTIONS}]'")


def take(result, output):
    lines = [float(line) for line in output.split()]
    result["MiB/s"].append((SIZE >> 20) / lines[0])
    result["connections/s"].append(CONNECTIONS / sum(lines[1:]))


def pss(pid):
    """MiB, with what is shared divided among those who share it."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as s:
        s.connect("/run/bench-pss")
        s.send(str(pid).encode())
        return int(s.recv(32)) / 1024


def held(project):
    """PSS of all processes of each unit of the network."""
    result = {}
    for part in "net", "pasta", "dns", "proxy":
        unit = f"claude-vm-{part}@{project.name}.service"
        group = subprocess.run(["systemctl", "--user", "show", "--value", "--property=ControlGroup", unit], check=True,
                               stdout=subprocess.PIPE, text=True).stdout.strip()
        pids = next(p for p in (f"/sys/fs/cgroup{group}/cgroup.procs", f"/sys/fs/cgroup/systemd{group}/cgroup.procs",
                                f"/sys/fs/cgroup/unified{group}/cgroup.procs") if os.path.exists(p))
        result[part] = sum(pss(pid) for pid in pathlib.Path(pids).read_text().split())
    return result


def first_bytes(project, url, header):
    """Seconds to the first byte of an answer to a small request, ten times."""
    body = '{"model":"m","max_tokens":9,"messages":[{"role":"user","content":"hello"}]}'
    output = project.guest(f"for i in {{1..10}}; do curl --silent --fail --output /dev/null --write-out '%{{time_starttransfer}}\\n' "
                           f"--header 'content-type: application/json' --header {header} --data '{body}' {url}/v1/messages; done")
    return [float(line) for line in output.split()]


def measure(runs):
    server = ThreadingHTTPServer(("127.0.0.1", 0), Source)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    port = server.server_address[1]
    results = {name: {"MiB/s": [], "connections/s": []} for name in ("slirp", "passt", "ours")}
    with scripted_api() as api, Project("bench-net", "AgentStart=session", "[Network]", f"Allow=host:{port}", "LogAllowed=no", api=api) as project:
        for i in range(runs):
            say(f"network {i + 1} of {runs}")
            ssh = free_port()
            vm = ByHand(project, f"user,id=net0,hostfwd=tcp:127.0.0.1:{ssh}-:22")
            take(results["slirp"], vm.guest(ssh, transfer(port)))
            vm.stop()

            ssh, path = free_port(), f"/tmp/bench-passt.{os.getpid()}"
            passt = subprocess.Popen(["passt", "--foreground", "--quiet", "--socket", path, "--address", "10.0.2.15", "--netmask", "24", "--gateway",
                                      "10.0.2.2", "--map-host-loopback", "10.0.2.2", "--tcp-ports", f"127.0.0.1/{ssh}:22"])
            wait_until("passt", lambda: os.path.exists(path), 10)
            vm = ByHand(project, f"stream,id=net0,server=off,addr.type=unix,addr.path={path}")
            take(results["passt"], vm.guest(ssh, transfer(port)))
            vm.stop()
            end(passt)

            project.start()
            take(results["ours"], project.guest(transfer(port)))
            if i < runs - 1:
                project.stop()
        memory = held(project)
        placeholder = project.guest('printf %s "$ANTHROPIC_API_KEY"')
        proxied = first_bytes(project, '"$ANTHROPIC_BASE_URL"', f"'x-api-key: {placeholder}'")
        subprocess.run(["claude-run", "network", project.name, "allow", f"host:{api.rsplit(':')[-1]}"], check=True, stdout=subprocess.DEVNULL)
        direct = first_bytes(project, api, "'x-api-key: sk-bench-key'")
    server.shutdown()

    names = {"slirp": "QEMU's own network (slirp)", "passt": "plain passt", "ours": "this product: nftables, pasta, dnsmasq"}
    table = Table("The network of a VM", f"From a service of the host's loopback: 64 MiB in one connection, and {CONNECTIONS} connections one after the other.")
    for unit in "MiB/s", "connections/s":
        for name, label in names.items():
            table.add(label, results[name][unit], unit, yardstick=name == "slirp", digits=1)
    yield table
    table = Table("Memory of the network's processes", "Proportional set size of all processes of each unit, after the transfers above.")
    for part, value in memory.items():
        table.add(f"`claude-vm-{part}@`", value, "MiB", digits=1)
    table.add("together", sum(memory.values()), "MiB", digits=1)
    yield table
    table = Table("First byte of the API", "A small request from the guest to a scripted API on the host: ten requests each.")
    table.add("direct, `Allow=host:PORT`", direct, "ms", yardstick=True, scale=1000, digits=1)
    table.add("through the proxy that keeps the key", proxied, "ms", scale=1000, digits=1)
    yield table
