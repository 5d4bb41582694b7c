"""The frame of a side written in Python: the same commands as bench_worker.h, one a line on stdin.

Start-up and imports happen before the greeting, so no time of a job contains them.
"""

import ctypes
import json
import mmap
import os
import sys
from abc import ABC, abstractmethod
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import numpy as np

SIDE, CHUNK, INNER, BOX = 1024, 256, 64, 32
SMALL, SMALL_CHUNK, OPENS, ROWS = (400, 400, 320), 8, 20, 16
THREADS = len(os.sched_getaffinity(0))
CHUNKS = [(z, y, x) for z in range(0, SIDE, CHUNK) for y in range(0, SIDE, CHUNK) for x in range(0, SIDE, CHUNK)]


class Sum(ctypes.Structure):
    _fields_ = [("plain", ctypes.c_uint64), ("weighted", ctypes.c_uint64)]

    def add(self, other):
        self.plain += other.plain
        self.weighted += other.weighted


class Block(ctypes.Structure):
    _fields_ = [("start", ctypes.c_int64 * 3), ("shape", ctypes.c_int64 * 3)]


headline = ctypes.CDLL(os.environ["BENCH_HEADLINE"])
headline.bench_sum_add.argtypes = [ctypes.POINTER(Sum), ctypes.c_void_p, ctypes.POINTER(Block)]
headline.bench_sum_add.restype = None


@dataclass
class Job:
    work: str
    mode: str
    store: str
    extra: str
    settings: dict  # as bench_worker.h has them

    def key(self):
        return self.work, self.mode, os.path.basename(self.store), os.path.basename(self.extra), str(self.settings)

    @property
    def planes(self):
        return int(self.settings.get("planes", SIDE))

    @property
    def threads(self):
        return int(self.settings.get("threads", THREADS))

    @property
    def synced(self):
        return "synced" in self.settings

    @property
    def repeat(self):
        return int(self.settings.get("repeat", 1))

    @property
    def edge(self):
        """Of the boxes of this job."""
        return INNER if self.work == "inner" else BOX


def chunks_of(job):
    """Where the chunks of the planes start."""
    return [start for start in CHUNKS if start[0] < job.planes]


def planes_of(memory, job):
    """The first planes of the big buffer."""
    return memory[: job.planes]


def model_of(path, job=None):
    """The metadata of a store, with as many planes as a job writes."""
    with open(f"{path}/zarr.json", encoding="utf-8") as file:
        model = json.load(file)
    kept = ("shape", "data_type", "chunk_grid", "chunk_key_encoding", "codecs", "fill_value")
    model = {key: model[key] for key in kept}
    if job:
        model["shape"][0] = job.planes
    return model


def reference_of(job):
    """The store whose chunks and codecs a re-sharded one gets: it lies beside the source."""
    return os.path.join(os.path.dirname(job.store), os.path.basename(job.extra))


def want_sync(yes):
    """Switches fsync, which bench/nosync.c has made a call that does nothing."""
    ctypes.CDLL(None).bench_sync_want(int(yes))


@dataclass
class Seen:
    """What a job read: the sum of its values. Given to the job in a run that is checked, else None."""

    total: Sum = field(default_factory=Sum)

    def block(self, values, start):
        """Adds a block of the array, given as any NumPy array of uint16."""
        values = np.asarray(values)
        if values.dtype != np.uint16:
            raise TypeError(f"the values are {values.dtype}, not uint16")
        values = np.ascontiguousarray(values)
        with ThreadPoolExecutor(THREADS) as pool:
            for part in pool.map(lambda z: self._plane(values[z], z, start), range(values.shape[0])):
                self.total.add(part)

    def points(self, values, points):
        values = np.asarray(values).astype(np.uint64)
        weights = ((points[:, 0] * SIDE + points[:, 1]) * SIDE + points[:, 2] + 1).astype(np.uint64)
        self.total.add(Sum(int(values.sum()) % 2**64, int((values * weights).sum()) % 2**64))

    @staticmethod
    def _plane(plane, z, start):
        part = Sum()
        block = Block((start[0] + z, start[1], start[2]), (1, *plane.shape))
        headline.bench_sum_add(part, plane.ctypes.data, block)
        return part


def huge_pages(planes=SIDE):
    """Fresh memory of so many planes on huge pages, not touched yet."""
    memory = mmap.mmap(-1, planes * SIDE**2 * 2, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    try:
        memory.madvise(mmap.MADV_HUGEPAGE)
    except OSError:
        pass  # a kernel without huge pages; the figures show it
    return np.frombuffer(memory, np.uint16).reshape(planes, SIDE, SIDE)


def cube(start, side):
    return tuple(slice(first, first + side) for first in start)


def load_points(path):
    return np.fromfile(path, np.int64).reshape(-1, 3)


def plane(axis):
    """The plane in the middle of an axis: its start and its selection."""
    number = "zyx".index(axis)
    start = tuple(SIDE // 2 if i == number else 0 for i in range(3))
    return start, tuple(slice(SIDE // 2, SIDE // 2 + 1) if i == number else slice(None) for i in range(3))


def load_boxes(path):
    with open(path, encoding="ascii") as file:
        return [tuple(map(int, line.split())) for line in file]


class Worker(ABC):
    """One side of the benchmark; each library that is measured fills in how it does a job. Those with jobs that
    hold the whole array have `fill(memory, store, threads)` too: it fills the big buffer, or its first planes, with
    the values of a store."""

    name = version = ""

    def __init__(self):
        self.held = None
        self.chosen = {}

    @abstractmethod
    def ways(self, job):
        """The names of the ways in which it can do a job."""

    @abstractmethod
    def run(self, job, way, seen):
        """Does a job in one of its ways and returns seconds; what it read goes to `seen`, unless that is None."""

    def prepare(self, job):
        ways = self.ways(job)
        best = None
        for way in ways:
            seen = Seen()
            seconds = self.run(job, way, seen)
            if len(ways) > 1:
                seconds = self.run(job, way, None)
            total = seen.total.plain, seen.total.weighted
            if best and best[2] != total:
                raise ValueError(f"the ways '{best[1]}' and '{way}' disagree about the values")
            if not best or seconds < best[0]:
                best = seconds, way, total
        self.chosen[job.key()] = best[1]
        return f"ok\t{best[0]:.9f}\t{best[1]}\t{best[2][0]}\t{best[2][1]}"

    def obey(self, words):
        command, words = words[0], [*words[1:], "", "", "", "", ""]
        if command == "hold":
            self.held = huge_pages()
            self.fill(self.held, words[0])  # only sides that have it are asked to hold the whole array
            return "ok"
        if command == "drop":
            self.held = None
            return "ok"
        job = Job(*words[:4], dict(word.split("=") for word in words[4].split()))
        if job.work in ("write", "rewrite", "reshard"):
            want_sync(job.synced)
        if command == "prepare":
            return self.prepare(job)
        if command == "run":
            return f"ok\t{self.run(job, self.chosen[job.key()], None):.9f}"
        raise ValueError(f"unknown command {command}")

    def serve(self):
        print(f"hello\t{self.name}\t{self.version}", flush=True)
        for line in sys.stdin:
            words = line.rstrip("\n").split("\t")
            if words[0] == "quit":
                break
            try:
                reply = self.obey(words)
            except Exception as error:  # whatever a peer raises is its answer
                reply = "error\t" + f"{type(error).__name__}: {error}".replace("\n", " ").replace("\t", " ")
            print(reply, flush=True)
