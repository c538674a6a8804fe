"""Terminals, and what is seen in them."""

import fcntl
import os
import pty
import re
import select
import struct
import termios
import time

DRAWN = 200  # printed characters: more than the few lines of a prompt, whatever the agent draws


def printed(data):
    """How much of what a terminal gets is seen: no control sequences, no blanks."""
    data = re.sub(rb"\x1b(\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(\x07|\x1b\\)|[P_^].*?\x1b\\|.)", b"", data, flags=re.S)
    return len(re.sub(rb"\s", b"", data))


def read(fd, limit):
    if not select.select([fd], [], [], max(0, limit))[0]:
        return None
    try:
        return os.read(fd, 65536)
    except OSError:  # the other side of a terminal is closed
        return b""


def first_frame(*command):
    """Seconds until a terminal of 100x30 has been drawn; detaches then."""
    pid, fd = pty.fork()
    if pid == 0:
        fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", 30, 100, 0, 0))
        os.environ["TERM"] = "xterm-256color"
        os.execvp(command[0], command)
    begin, seen = time.monotonic(), b""
    # what claude-run says of the start erases its line each time
    while printed(seen.rsplit(b"\r\x1b[K", 1)[-1]) < DRAWN:
        data = read(fd, begin + 300 - time.monotonic())
        if not data:
            raise RuntimeError(f"{' '.join(command)}: {'ended' if data == b'' else 'nothing drawn after 300 s'}: {seen[-400:]}")
        seen += data
    elapsed = time.monotonic() - begin
    os.write(fd, b"\x1c")  # Ctrl-\, which detaches
    deadline = time.monotonic() + 60
    while read(fd, deadline - time.monotonic()):
        pass
    os.waitpid(pid, 0)
    os.close(fd)
    return elapsed
