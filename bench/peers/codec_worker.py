"""Jobs of single codecs for the sides written in Python: as bench_codec.c does them."""

from abc import abstractmethod
from time import perf_counter

import numpy as np
from python_worker import INNER, SIDE, Worker


class CodecWorker(Worker):
    @abstractmethod
    def coder(self, words, typesize):
        """Two functions: bytes of a piece to their code, and the code and an array to that array filled."""

    def codec(self, job, seen):
        typesize = int(job.settings["typesize"])
        encode, decode = self.coder(job.store.split(":"), typesize)
        data = np.fromfile(job.extra, f"u{typesize}").reshape(-1, INNER**3)
        codes = [encode(piece) for piece in data]
        out = np.zeros_like(data)
        started = perf_counter()
        for _ in range(job.repeat):
            if job.mode == "encode":
                codes = [encode(piece) for piece in data]
            else:
                for code, piece in zip(codes, out):
                    decode(code, piece)
        seconds = perf_counter() - started
        if seen:
            for code, piece in zip(codes, out):
                decode(code, piece)
            seen.block(out.view(np.uint16).reshape(-1, SIDE, SIDE), (0, 0, 0))
        return seconds
