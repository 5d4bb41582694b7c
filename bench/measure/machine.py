"""What the figures were measured on: machine, versions, load."""

import mmap
import os
import platform
import subprocess
from pathlib import Path

YARDSTICKS = (
    "memcpy, 1 thread",
    "memcpy, all threads",
    "streaming copy, all threads",
    "first touch on huge pages",
)
MADV_POPULATE_WRITE = 23
SETTLED, SETTLING_ROUNDS = 0.03, 20


def read_text(path):
    try:
        return Path(path).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def field(text, name):
    for line in text.splitlines():
        key, _, value = line.partition(":")
        if key.strip() == name:
            return value.strip()
    return ""


def chosen(text):
    """The word in brackets of a kernel setting."""
    return text.partition("[")[2].partition("]")[0] or "unknown"


def output_of(*command, cwd=None):
    try:
        return subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return ""


def describe(root):
    cpu, memory = read_text("/proc/cpuinfo"), read_text("/proc/meminfo")
    return {
        "processor": field(cpu, "model name") or platform.machine(),
        "processors": len(os.sched_getaffinity(0)),
        "memory_bytes": int(field(memory, "MemTotal").split()[0]) * 1024,
        "kernel": platform.release(),
        "system": field(read_text("/etc/os-release").replace("=", ":"), "PRETTY_NAME").strip('"'),
        "huge_pages": chosen(read_text("/sys/kernel/mm/transparent_hugepage/enabled")),
        "compiler": output_of("cc", "--version").partition("\n")[0],
        "libzstd": output_of("pkg-config", "--modversion", "libzstd"),
        "revision": output_of("git", "describe", "--always", "--dirty", cwd=root),
        "load": os.getloadavg()[0],
    }


def available_bytes():
    return int(field(read_text("/proc/meminfo"), "MemAvailable").split()[0]) * 1024


def file_system(path):
    """The type of the file system that holds a path."""
    best, kind = "", "unknown"
    real = os.path.realpath(path)
    for line in read_text("/proc/self/mounts").splitlines():
        point, name = line.split()[1:3]
        inside = real == point or real.startswith(point.rstrip("/") + "/")
        if inside and len(point) >= len(best):
            best, kind = point, name
    return kind


def touch_memory(size_bytes):
    """A virtual machine gets its memory from the host at the first touch, which is far dearer than any later
    one, and may give it back when it has been free for seconds; after this the guest owns what a job will use."""
    size_bytes = min(size_bytes, available_bytes() // 2)
    with mmap.mmap(-1, size_bytes, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS) as memory:
        try:
            memory.madvise(mmap.MADV_HUGEPAGE)
            memory.madvise(MADV_POPULATE_WRITE)
        except OSError:
            pass  # an older kernel: the unmeasured first run of each job touches what it needs


def yardsticks(limit):
    return {name: float(limit.ask("yardstick", name)[1]) for name in YARDSTICKS}


def settled_yardsticks(limit):
    """The figures of a machine that has woken up: memory that a guest has only just been given is slow to copy for
    some seconds, and would make the run look unquiet by getting faster."""
    found = yardsticks(limit)
    for _ in range(SETTLING_ROUNDS):
        before, found = found, yardsticks(limit)
        if all(abs(found[name] / before[name] - 1) < SETTLED for name in YARDSTICKS):
            break
    return found
