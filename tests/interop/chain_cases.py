"""Pairs of codecs, one behind the other: each codec sees what another one made of the elements, whatever both are.

A case is a cases.Case; as with single codecs, what zarr-python reads back of its own writing is what everybody must
read, since some codecs round."""
import numpy as np

import cases

DTYPE = "float32"


def numcodecs(name, **configuration):
    return {"name": f"numcodecs.{name}", "configuration": configuration}


ARRAYS = {
    "transpose": {"name": "transpose", "configuration": {"order": [1, 2, 0]}},
    "delta": numcodecs("delta", dtype="<f4", astype="<f4"),
    "fixedscaleoffset": numcodecs("fixedscaleoffset", scale=4, offset=1, dtype="<f4", astype="<f4"),
    "quantize": numcodecs("quantize", digits=2, dtype="<f4", astype="<f4"),
    "bitround": numcodecs("bitround", keepbits=9),
    "astype": numcodecs("astype", encode_dtype="<f4", decode_dtype="<f4"),
}
BYTES = {
    "zstd": {"name": "zstd", "configuration": {"level": 3, "checksum": True}},
    "gzip": {"name": "gzip", "configuration": {"level": 5}},
    "blosc": {"name": "blosc", "configuration": {"cname": "lz4", "clevel": 5, "shuffle": "bitshuffle", "typesize": 4,
                                                 "blocksize": 0}},
    "crc32c": {"name": "crc32c"},
    "zlib": numcodecs("zlib", level=1),
    "bz2": numcodecs("bz2", level=1),
    "lz4": numcodecs("lz4", acceleration=1),
    "lzma": numcodecs("lzma", preset=1),
    "shuffle": numcodecs("shuffle", elementsize=4),
    "fletcher32": numcodecs("fletcher32"),
    "jenkins_lookup3": numcodecs("jenkins_lookup3", initval=7),
    "adler32": numcodecs("adler32"),
    "crc32": numcodecs("crc32"),
}
NAMES = list(ARRAYS) + list(BYTES)
SIZED = {"crc32c", "shuffle", "fletcher32", "jenkins_lookup3", "adler32", "crc32"}  # by which 4 stays a divisor of the size


# Where zarr-python fails on what it has written itself: numcodecs makes the elements one line, or integers of them.
ZARR_PYTHON_FAILS = {("delta", "transpose"), ("fixedscaleoffset", "transpose"), ("bitround", "bitround")}


def make(first, second):
    """None where there is no such chain: what turns bytes into bytes stands behind all that takes arrays, and shuffle
    wants whole elements."""
    if first in BYTES and (second in ARRAYS or second == "shuffle" and first not in SIZED):
        return None
    if (first, second) in ZARR_PYTHON_FAILS:
        return None
    case = cases.Case(NAMES.index(first) * len(NAMES) + NAMES.index(second), 3, DTYPE, (5, 7, 6), (2, 4, 3),
                      np.float32(0))
    pair = [first, second]
    case.codecs = ([ARRAYS[name] for name in pair if name in ARRAYS] +
                   [{"name": "bytes", "configuration": {"endian": "little"}}] +
                   [BYTES[name] for name in pair if name in BYTES])
    return case


def values(case):
    """Multiples of 1/8, and not all alike."""
    generator = np.random.default_rng(case.number + 29)
    return (generator.integers(-400, 400, case.shape) / 8).astype(DTYPE)
