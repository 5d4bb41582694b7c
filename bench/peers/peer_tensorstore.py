"""The tensorstore side. Settings: no fsync, no lock files, as many copying threads as processors."""

import json
from importlib.metadata import version
from time import perf_counter

import numpy as np
import tensorstore as ts
from python_worker import BOX, CHUNK, CHUNKS, INNER, OPENS, SMALL, THREADS, Worker, cube, huge_pages, load_boxes, load_points, plane


class TensorStore(Worker):
    name = "tensorstore"
    version = version("tensorstore")

    def context(self, cache_bytes=0):
        return ts.Context(
            {
                "file_io_sync": False,
                "file_io_locking": {"mode": "none"},
                "data_copy_concurrency": {"limit": THREADS},
                "cache_pool": {"total_bytes_limit": cache_bytes},
            }
        )

    def __init__(self):
        super().__init__()
        self.plain = self.context()
        self.small_array = None

    def open(self, path, context=None, **options):
        spec = {"driver": "zarr3", "kvstore": {"driver": "file", "path": path}}
        return ts.open(spec, context=context or self.plain, open=True, **options).result()

    def fill(self, memory, store):
        ts.array(memory, copy=False).write(self.open(store, read=True)).result()

    def ways(self, job):
        if job.work == "read":
            return ["read"] if job.mode == "own" else ["array.write"]
        if job.work == "chunks":
            return ["read", "array.write"]
        if job.work == "boxes":
            return ["no cache", "cache of 64 MiB"]
        if job.work in ("points", "plane", "open", "small"):
            return [job.work]
        return ["write"]

    def run(self, job, way, seen):
        if job.work == "open":
            return self.opens(job, seen)
        return getattr(self, job.work)(job, way, seen)

    def opens(self, job, seen):
        """A context of its own each time: a handle that nobody has used before."""
        started = perf_counter()
        for _ in range(OPENS):
            values = self.open_first(job.store)
        seconds = perf_counter() - started
        if seen:
            seen.block(values, (0, 0, 0))
        return seconds

    def read(self, job, way, seen):
        started = perf_counter()
        if job.mode == "own":
            values = self.open(job.store, read=True).read().result()
        else:
            values = self.held if job.mode == "reused" else huge_pages()
            self.fill(values, job.store)
        seconds = perf_counter() - started
        if seen:
            seen.block(values, (0, 0, 0))
        return seconds

    def chunks(self, job, way, seen):
        in_flight = int(job.mode)
        buffers = [np.empty((CHUNK,) * 3, np.uint16) for _ in range(in_flight)]
        targets = [ts.array(buffer, copy=False) for buffer in buffers]
        queue = []

        def finish():
            start, future, buffer = queue.pop(0)
            values = future.result()
            if seen:
                seen.block(values if buffer is None else buffer, start)

        started = perf_counter()
        array = self.open(job.store, read=True)
        for number, start in enumerate(CHUNKS):
            if len(queue) == in_flight:
                finish()
            part = array[cube(start, CHUNK)]
            if way == "read":
                queue.append((start, part.read(), None))
            else:
                slot = number % in_flight
                moved = part[ts.d[:].translate_to[0]]
                queue.append((start, targets[slot].write(moved), buffers[slot]))
        while queue:
            finish()
        return perf_counter() - started

    def boxes(self, job, way, seen):
        boxes = load_boxes(job.extra)
        cache_bytes = 64 << 20 if way != "no cache" else 0
        started = perf_counter()
        # A context of its own, so that no run finds what an earlier one left in the cache.
        array = self.open(job.store, self.context(cache_bytes), read=True)
        if job.mode == "batch":
            with ts.Batch() as batch:
                futures = [array[cube(box, BOX)].read(batch=batch) for box in boxes]
            results = [future.result() for future in futures]
            seconds = perf_counter() - started
        else:
            results = []
            for box in boxes:
                values = array[cube(box, BOX)].read().result()
                if seen:
                    results.append(values)
            seconds = perf_counter() - started
        if seen:
            for box, values in zip(boxes, results):
                seen.block(values, box)
        return seconds

    def points(self, job, way, seen):
        points = load_points(job.extra)
        started = perf_counter()
        array = self.open(job.store, read=True)
        values = array.vindex[points[:, 0], points[:, 1], points[:, 2]].read().result()
        seconds = perf_counter() - started
        if seen:
            seen.points(values, points)
        return seconds

    def plane(self, job, way, seen):
        start, selection = plane(job.mode)
        started = perf_counter()
        values = self.open(job.store, read=True)[selection].read().result()
        seconds = perf_counter() - started
        if seen:
            seen.block(values, start)
        return seconds

    def open_first(self, store):
        return self.open(store, self.context(), read=True)[cube((0, 0, 0), INNER)].read().result()

    def small(self, job, way, seen):
        """Chunks in memory are written there once, outside of the time, into a context that stays."""
        values = np.zeros(SMALL, np.uint16)
        if job.mode == "memory" and self.small_array is None:
            self.small_array = self.copy_to_memory(job.store)
        started = perf_counter()
        array = self.small_array if job.mode == "memory" else self.open(job.store, read=True)
        ts.array(values, copy=False).write(array).result()
        seconds = perf_counter() - started
        if seen:
            seen.block(values, (0, 0, 0))
        return seconds

    def copy_to_memory(self, store):
        with open(f"{store}/zarr.json", encoding="utf-8") as file:
            model = json.load(file)
        kept = ("shape", "data_type", "chunk_grid", "chunk_key_encoding", "codecs", "fill_value")
        spec = {"driver": "zarr3", "kvstore": {"driver": "memory", "path": "small/"}, "metadata": {key: model[key] for key in kept}}
        array = ts.open(spec, context=self.plain, create=True).result()
        array.write(self.open(store, read=True).read().result()).result()
        return array

    def write(self, job, way, seen):
        with open(f"{job.store}/zarr.json", encoding="utf-8") as file:
            model = json.load(file)
        kept = ("shape", "data_type", "chunk_grid", "chunk_key_encoding", "codecs", "fill_value")
        spec = {
            "driver": "zarr3",
            "kvstore": {"driver": "file", "path": job.extra},
            "metadata": {key: model[key] for key in kept},
        }
        started = perf_counter()
        array = ts.open(spec, context=self.plain, create=True).result()
        array.write(self.held).result()
        return perf_counter() - started

    def rewrite(self, job, way, seen):
        started = perf_counter()
        self.open(job.extra, read=True, write=True).write(self.held).result()
        return perf_counter() - started


TensorStore().serve()
