"""The numcodecs side: single codecs, with one thread."""

from importlib.metadata import version

import numcodecs
from codec_worker import CodecWorker

numcodecs.blosc.set_nthreads(1)


class Numcodecs(CodecWorker):
    name = "numcodecs"
    version = version("numcodecs")

    def ways(self, job):
        return ["library"]

    def run(self, job, way, seen):
        return self.codec(job, seen)

    def coder(self, words, typesize):
        if words[0] == "blosc":
            codec = numcodecs.Blosc(words[1], int(words[2]), int(words[3]))
        else:
            parameter = {"lz4": "acceleration", "lzma": "preset"}.get(words[0], "level")
            codec = numcodecs.get_codec({"id": words[0], parameter: int(words[1])})
        return codec.encode, codec.decode


Numcodecs().serve()
