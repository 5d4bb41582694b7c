"""The blosc2 side: boxes and planes of C as a b2nd file, and its codecs with their filters."""

import os
import sys
from time import perf_counter

from codec_worker import CodecWorker
from python_worker import THREADS, cube, load_boxes, plane

sys.path.append(os.environ["BENCH_PACKAGES"])

import blosc2  # noqa: E402

SHUFFLES = (blosc2.Filter.NOFILTER, blosc2.Filter.SHUFFLE, blosc2.Filter.BITSHUFFLE)
CODECS = {
    "lz4": blosc2.Codec.LZ4, "lz4hc": blosc2.Codec.LZ4HC, "blosclz": blosc2.Codec.BLOSCLZ, "zstd": blosc2.Codec.ZSTD,
    "zlib": blosc2.Codec.ZLIB,
}


class Blosc2(CodecWorker):
    name = "blosc2"
    version = f"{blosc2.__version__}+{blosc2.blosclib_version.split()[0]}"

    def ways(self, job):
        # For parts of some blocks two threads may cost more than they bring.
        return ["one thread"] if job.work == "codec" else ["one thread", "all threads"]

    def run(self, job, way, seen):
        blosc2.set_nthreads(1 if way == "one thread" else THREADS)
        if job.work == "codec":
            return self.codec(job, seen)
        if job.work == "plane":
            return self.plane(job, way, seen)
        return self.boxes(job, way, seen)

    def open(self, store, way):
        threads = 1 if way == "one thread" else THREADS
        return blosc2.open(store + ".b2nd", mode="r", dparams=blosc2.DParams(nthreads=threads))

    def boxes(self, job, way, seen):
        boxes = load_boxes(job.extra)
        results = []
        started = perf_counter()
        array = self.open(job.store, way)
        for box in boxes:
            values = array[cube(box, job.edge)]
            if seen:
                results.append(values)
        seconds = perf_counter() - started
        for box, values in zip(boxes, results):
            seen.block(values, box)
        return seconds

    def plane(self, job, way, seen):
        start, selection = plane(job.mode)
        started = perf_counter()
        values = self.open(job.store, way)[selection]
        seconds = perf_counter() - started
        if seen:
            seen.block(values, start)
        return seconds

    def coder(self, words, typesize):
        """The super-chunk's own compressor, which keeps its contexts; its container is that of blosc2."""
        _, compressor, level, shuffle = words
        settings = {"codec": CODECS[compressor], "clevel": int(level), "filters": [SHUFFLES[int(shuffle)]], "typesize": typesize, "nthreads": 1}

        def encode(piece):
            return blosc2.compress2(piece, **settings)

        def decode(encoded, out):
            blosc2.decompress2(encoded, dst=memoryview(out), nthreads=1)
            return out

        return encode, decode


Blosc2().serve()
