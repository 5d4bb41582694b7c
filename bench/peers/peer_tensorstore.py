"""The tensorstore side. Settings: no fsync, no lock files, as many copying threads as processors."""

from importlib.metadata import version
from time import perf_counter

import numpy as np
import tensorstore as ts
from python_worker import (
    CHUNK,
    INNER,
    OPENS,
    ROWS,
    SIDE,
    SMALL,
    SMALL_CHUNK,
    THREADS,
    Worker,
    chunks_of,
    cube,
    huge_pages,
    load_boxes,
    load_points,
    model_of,
    plane,
    planes_of,
    reference_of,
)


class TensorStore(Worker):
    name = "tensorstore"
    version = version("tensorstore")

    def context(self, cache_bytes=0, threads=THREADS, synced=False):
        return ts.Context(
            {
                "file_io_sync": synced,
                "file_io_locking": {"mode": "none"},
                "data_copy_concurrency": {"limit": threads},
                "cache_pool": {"total_bytes_limit": cache_bytes},
            }
        )

    def __init__(self):
        super().__init__()
        self.plain = self.context()
        self.small_array, self.small_grid = None, None

    def open(self, path, context=None, **options):
        spec = {"driver": "zarr3", "kvstore": {"driver": "file", "path": path}}
        return ts.open(spec, context=context or self.plain, open=True, **options).result()

    def fill(self, memory, store, threads=THREADS):
        array = self.open(store, self.context(threads=threads), read=True)
        ts.array(memory, copy=False).write(array[: memory.shape[0]]).result()

    def ways(self, job):
        if job.work == "read":
            return ["read"] if job.mode == "own" else ["array.write"]
        if job.work == "chunks":
            return ["read", "array.write"]
        if job.work in ("boxes", "inner"):
            # What boxes of a batch share is decoded once in any case.
            return ["no cache"] if job.mode == "batch" else ["no cache", "cache of 64 MiB"]
        return [job.work]

    def run(self, job, way, seen):
        if job.work == "open":
            return self.opens(job, seen)
        return getattr(self, "boxes" if job.work == "inner" else job.work)(job, way, seen)

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
            values = self.open(job.store, self.context(threads=job.threads), read=True)[: job.planes].read().result()
        else:
            values = planes_of(self.held, job) if job.mode == "reused" else huge_pages(job.planes)
            self.fill(values, job.store, job.threads)
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
        for number, start in enumerate(chunks_of(job)):
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
                futures = [array[cube(box, job.edge)].read(batch=batch) for box in boxes]
            results = [future.result() for future in futures]
            seconds = perf_counter() - started
        else:
            results = []
            for box in boxes:
                values = array[cube(box, job.edge)].read().result()
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

    def rows(self, job, way, seen):
        """With a cache of the same size as that of the other sides."""
        kept = np.zeros((ROWS, SIDE, SIDE), np.uint16) if seen else None
        started = perf_counter()
        array = self.open(job.store, self.context(1 << 20), read=True)
        for z in range(ROWS):
            for y in range(SIDE):
                values = array[z, y].read().result()
                if seen:
                    kept[z, y] = values
        seconds = perf_counter() - started
        if seen:
            seen.block(kept, (0, 0, 0))
        return seconds

    def small(self, job, way, seen):
        """Chunks in memory are written there once, outside of the time, into a context that stays."""
        in_memory = job.mode == "memory"
        shape = tuple(SMALL_CHUNK * int(count) for count in job.settings["grid"].split("x")) if in_memory else SMALL
        values = np.zeros(shape, np.uint16)
        if in_memory and self.small_grid != job.settings["grid"]:
            self.small_array, self.small_grid = self.make_small(values), job.settings["grid"]
        started = perf_counter()
        for _ in range(job.repeat):
            array = self.small_array if in_memory else self.open(job.store, read=True)
            ts.array(values, copy=False).write(array).result()
        seconds = perf_counter() - started
        if seen:
            seen.block(values, (0, 0, 0))
        return seconds

    def make_small(self, values):
        z, y, x = (np.arange(length, dtype=np.uint32) for length in values.shape)
        values[:] = x + (y * y // 32)[:, None] + (z**3)[:, None, None]
        chunk = {"name": "regular", "configuration": {"chunk_shape": [SMALL_CHUNK] * 3}}
        codecs = [{"name": "bytes", "configuration": {"endian": "little"}}]
        metadata = {"shape": list(values.shape), "data_type": "uint16", "chunk_grid": chunk, "codecs": codecs, "fill_value": 0}
        spec = {"driver": "zarr3", "kvstore": {"driver": "memory", "path": "small/"}, "metadata": metadata}
        array = ts.open(spec, context=self.plain, create=True, delete_existing=True).result()
        array.write(values).result()
        values[:] = 0
        return array

    def create(self, job, model):
        spec = {"driver": "zarr3", "kvstore": {"driver": "file", "path": job.extra}, "metadata": model}
        return ts.open(spec, context=self.context(synced=job.synced), create=True).result()

    def write(self, job, way, seen):
        model = model_of(job.store, job)
        started = perf_counter()
        self.create(job, model).write(planes_of(self.held, job)).result()
        return perf_counter() - started

    def rewrite(self, job, way, seen):
        started = perf_counter()
        self.open(job.extra, read=True, write=True).write(self.held).result()
        return perf_counter() - started

    def reshard(self, job, way, seen):
        """Shard by shard, as many at once as there are processors: a single write of all would hold all in memory."""
        model = model_of(reference_of(job), job)
        started = perf_counter()
        source, target = self.open(job.store, read=True), self.create(job, model)
        queue = []
        for start in chunks_of(job):
            if len(queue) == THREADS:
                queue.pop(0).result()
            part = cube(start, CHUNK)
            queue.append(target[part].write(source[part]))
        for future in queue:
            future.result()
        return perf_counter() - started


TensorStore().serve()
