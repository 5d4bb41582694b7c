"""The zarr-python side with the codec pipeline of zarrs: what most users of Python have at best.

It stands in for native zarrs where no Rust compiler is new enough, and can be asked for beside it.
"""

from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import version
from time import perf_counter

import numpy as np
import zarr
from python_worker import CHUNK, THREADS, Worker, chunks_of, cube, huge_pages, load_boxes, model_of, planes_of
from zarr.core.buffer import default_buffer_prototype

zarr.config.set({"codec_pipeline.path": "zarrs.ZarrsCodecPipeline", "threading.max_workers": THREADS})


class ZarrPython(Worker):
    name = "zarr-python+zarrs"
    version = f"{version('zarr')}+{version('zarrs')}"

    def fill(self, memory, store, threads=THREADS):
        out = default_buffer_prototype().nd_buffer.from_numpy_array(memory)
        zarr.open_array(store, mode="r").get_basic_selection(slice(0, memory.shape[0]), out=out)

    def ways(self, job):
        return ["slicing"]

    def run(self, job, way, seen):
        return getattr(self, "boxes" if job.work == "inner" else job.work)(job, seen)

    def read(self, job, seen):
        started = perf_counter()
        if job.mode == "own":
            values = zarr.open_array(job.store, mode="r")[: job.planes]
        else:
            values = planes_of(self.held, job) if job.mode == "reused" else huge_pages(job.planes)
            self.fill(values, job.store)
        seconds = perf_counter() - started
        if seen:
            seen.block(values, (0, 0, 0))
        return seconds

    def parts(self, job, starts, side, threads, seen):
        started = perf_counter()
        array = zarr.open_array(job.store, mode="r")

        def one(start):
            values = array[cube(start, side)]
            return (start, values) if seen else None

        if threads == 1:
            results = [one(start) for start in starts]
        else:
            with ThreadPoolExecutor(threads) as pool:
                results = list(pool.map(one, starts))
        seconds = perf_counter() - started
        if seen:
            for start, values in results:
                seen.block(values, start)
        return seconds

    def chunks(self, job, seen):
        return self.parts(job, chunks_of(job), CHUNK, int(job.mode), seen)

    def boxes(self, job, seen):
        return self.parts(job, load_boxes(job.extra), job.edge, THREADS if job.mode == "batch" else 1, seen)

    def write(self, job, seen):
        model = model_of(job.store, job)
        codecs = model["codecs"]
        shards = None
        chunks = model["chunk_grid"]["configuration"]["chunk_shape"]
        if codecs[0]["name"] == "sharding_indexed":
            inner = codecs[0]["configuration"]
            shards, chunks, codecs = chunks, inner["chunk_shape"], inner["codecs"]
        started = perf_counter()
        array = zarr.create_array(
            job.extra,
            shape=model["shape"],
            dtype=np.dtype(model["data_type"]),
            chunks=tuple(chunks),
            shards=shards and tuple(shards),
            filters=None,
            serializer=codecs[0],
            compressors=codecs[1:] or None,
            fill_value=model["fill_value"],
        )
        array[:] = planes_of(self.held, job)
        return perf_counter() - started

    def rewrite(self, job, seen):
        started = perf_counter()
        zarr.open_array(job.extra, mode="r+")[:] = self.held
        return perf_counter() - started


ZarrPython().serve()
