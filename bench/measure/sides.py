"""The sides: ours, the peers and the limit, each a long-lived process that is spoken to over pipes."""

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path


class SideError(Exception):
    """A side answered that it failed, or is gone."""


@dataclass
class Prepared:
    way: str
    sums: tuple


@dataclass
class Timed:
    seconds: float
    cpu_seconds: float  # of all its threads, user and system
    peak_bytes: int  # resident memory above what the side had before the job


class Side:
    def __init__(self, command, env=None):
        self.process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            bufsize=1,
            env={**os.environ, **(env or {})},
        )
        words = self._answer()
        if words[0] != "hello" or len(words) != 3:
            raise SideError(f"{command[0]} greeted with {words}")
        self.name, self.version = words[1:]

    def _answer(self):
        line = self.process.stdout.readline()
        if not line:
            raise SideError(f"the process is gone (status {self.process.wait()})")
        words = line.rstrip("\n").split("\t")
        if words[0] == "error":
            raise SideError(words[1])
        return words

    def ask(self, *words):
        if any("\t" in word or "\n" in word for word in words):
            raise SideError("a tab or a line end in a path cannot be said over the pipe")
        try:
            self.process.stdin.write("\t".join(words) + "\n")
        except OSError as error:
            raise SideError(f"the process is gone ({error})") from error
        return self._answer()

    def prepare(self, row, store, extra):
        words = self.ask("prepare", row.work, row.mode, store, extra, row.settings_text)
        return Prepared(words[2], (int(words[3]), int(words[4])))

    def run(self, row, store, extra):
        before = self._memory("VmRSS")
        # The kernel starts the peak anew.
        Path(f"/proc/{self.process.pid}/clear_refs").write_text("5", encoding="ascii")
        cpu_before = self._cpu_seconds()
        words = self.ask("run", row.work, row.mode, store, extra, row.settings_text)
        return Timed(float(words[1]), self._cpu_seconds() - cpu_before, self._memory("VmHWM") - before)

    def _cpu_seconds(self):
        with open(f"/proc/{self.process.pid}/stat", encoding="ascii", errors="replace") as file:
            after_name = file.read().rpartition(")")[2].split()
        return (int(after_name[11]) + int(after_name[12])) / os.sysconf("SC_CLK_TCK")

    def _memory(self, field):
        with open(f"/proc/{self.process.pid}/status", encoding="ascii", errors="replace") as file:
            for line in file:
                if line.startswith(field + ":"):
                    return int(line.split()[1]) * 1024
        return 0

    def close(self):
        try:
            self.process.stdin.write("quit\n")
            self.process.stdin.close()
        except OSError:
            pass
        try:
            self.process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()


PYTHON_SIDES = ("tensorstore", "zarr-python", "blosc2", "h5py", "numcodecs")


def programs(root):
    return root / "build" / "release" / "bench"


def library(root, name):
    """A loadable module of the build, whatever suffix the platform gives it."""
    return next(programs(root).glob(f"lib{name}.*"))


def python_side(root, script):
    command = [sys.executable, str(root / "bench" / "peers" / script)]
    paths = {"BENCH_HEADLINE": str(library(root, "bench_headline")), "BENCH_PACKAGES": str(root / "build" / "bench" / "python")}
    return Side(command, {**paths, **without_fsync(root)})


def without_fsync(root):
    return {"LD_PRELOAD": str(library(root, "bench_nosync"))}


def start(root, name):
    if name == "tessera":
        return Side([str(programs(root) / "bench_tessera")])
    if name == "limit":
        return Side([str(programs(root) / "bench_limit")])
    if name == "zarrs":
        return Side([str(native_zarrs(root))], without_fsync(root))
    if name in PYTHON_SIDES:
        return python_side(root, f"peer_{name.replace('-', '_')}.py")
    raise SystemExit(f"bench: there is no side called {name}; known: zarrs {' '.join(PYTHON_SIDES)}")


def native_zarrs(root):
    return root / "build" / "bench" / "zarrs" / "release" / "bench-zarrs"
