"""Generated cases: every type, codec and shard layout, in every combination often enough.

A case is made from its number alone, so that a failure is repeated by its number."""
import dataclasses
import random

import numpy as np

TYPES = ["bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "float16", "float32",
         "float64", "complex64", "complex128"]
LAYOUTS = ["plain", "end", "start", "big-endian index", "bare index", "transposed index", "nested", "nested start",
           "transpose in front", "codecs behind"]
V2_COMPRESSORS = [[], [{"id": "zlib", "level": 3}], [{"id": "gzip", "level": 5}], [{"id": "bz2", "level": 1}],
                  [{"id": "lz4", "acceleration": 1}], [{"id": "zstd", "level": 1}],
                  *[[{"id": "blosc", "cname": cname, "clevel": 5, "shuffle": shuffle, "blocksize": 0}]
                    for cname, shuffle in (("lz4", 1), ("lz4hc", 0), ("zstd", 2), ("zlib", 1), ("blosclz", 2))]]


@dataclasses.dataclass
class Case:
    number: int
    zarr_format: int
    dtype: str
    shape: tuple
    chunks: tuple
    fill: np.generic
    codecs: list = None
    compressors: list = None
    filters: list = None
    order: str = "C"
    big_endian: bool = False
    separator: str = None
    layout: str = "plain"
    data: str = "random"

    def __str__(self):
        return (f"case {self.number}: v{self.zarr_format} {self.dtype} {self.shape} chunks {self.chunks} {self.layout} "
                f"{self.data} {self.codecs or (self.compressors, self.order)}")


def codec(name, **configuration):
    return {"name": name, "configuration": configuration} if configuration else {"name": name}


def compressors(random, item_bytes):
    def blosc(cname, shuffle):
        return codec("blosc", cname=cname, clevel=5, shuffle=shuffle, typesize=item_bytes, blocksize=0)
    return random.choice([[], [codec("zstd", level=1, checksum=False)], [codec("zstd", level=3, checksum=True)],
                          [codec("gzip", level=5)], [codec("crc32c")],
                          [codec("zstd", level=0, checksum=False), codec("crc32c")],
                          [blosc("lz4", "shuffle")], [blosc("zstd", "bitshuffle")], [blosc("zlib", "noshuffle")],
                          [blosc("blosclz", "bitshuffle"), codec("crc32c")], [blosc("lz4hc", "shuffle")]])


def permutation(random, rank):
    order = list(range(rank))
    random.shuffle(order)
    return order[1:] + order[:1] if rank == 3 and random.random() < 0.5 else order  # many 3-cycles


def inner_chain(random, rank, dtype):
    chain = []
    if rank > 1 and random.random() < 0.4:
        chain.append(codec("transpose", order=permutation(random, rank)))
    item = np.dtype(dtype)
    endian = {} if item.itemsize == 1 else {"endian": random.choice(["little", "big"])}
    chain.append(codec("bytes", **endian))
    return chain + compressors(random, item.itemsize)


def index_chain(layout, rank):
    little = codec("bytes", endian="little")
    return {"big-endian index": [codec("bytes", endian="big"), codec("crc32c")], "bare index": [little],
            "transposed index": [codec("transpose", order=list(range(rank, -1, -1))), little, codec("crc32c")],
            }.get(layout, [little, codec("crc32c")])


def shard(chunk_shape, inner, layout, rank):
    return codec("sharding_indexed", chunk_shape=list(chunk_shape), codecs=inner, index_codecs=index_chain(layout, rank),
                 index_location="start" if layout.endswith("start") else "end")


def multiple(random, shape, most=3):
    return [length * random.randint(1, most) for length in shape]


def v3_chain(random, layout, rank, dtype, inner_shape):
    """The codecs, and the shape of the chunks that the store holds."""
    inner = inner_chain(random, rank, dtype)
    if layout == "plain":
        return inner, inner_shape
    outer = multiple(random, inner_shape)
    if layout.startswith("nested"):
        middle = outer
        outer = multiple(random, middle, 2)
        return [shard(middle, [shard(inner_shape, inner, layout, rank)], layout, rank)], outer
    if layout == "transpose in front":
        order = permutation(random, rank)
        decoded = [0] * rank
        for i, axis in enumerate(order):
            decoded[axis] = outer[i]
        return [codec("transpose", order=order), shard(inner_shape, inner, layout, rank)], decoded
    chain = [shard(inner_shape, inner, layout, rank)]
    if layout == "codecs behind":
        chain += random.choice([[codec("zstd", level=1, checksum=False)], [codec("gzip", level=1), codec("crc32c")]])
    return chain, outer


def some_value(random, dtype):
    kind = np.dtype(dtype).kind
    if kind == "b":
        return np.bool_(random.random() < 0.5)
    if kind in "iu":
        info = np.iinfo(dtype)
        return np.dtype(dtype).type(random.choice([0, 1, 7, info.min, info.max]))
    number = random.choice([0.0, 1.5, -0.0, float("nan"), float("inf"), -float("inf"), 0.1])
    if kind == "c":
        return np.dtype(dtype).type(complex(number, random.choice([0.0, -2.5, float("nan")])))
    return np.dtype(dtype).type(number)


def make(number, zarr_format):
    chance = random.Random(number * 2 + zarr_format)
    dtype = TYPES[number % len(TYPES)]
    layout = LAYOUTS[number // len(TYPES) % len(LAYOUTS)] if zarr_format == 3 else "plain"
    rank = chance.choice([1, 1, 2, 2, 3, 3, 4])
    if layout == "plain" and chance.random() < 0.15:
        rank = 0
    shape = tuple(chance.randint(1, 13) for _ in range(rank))
    if rank and chance.random() < 0.05:
        shape = (0,) + shape[1:]
    inner = [chance.randint(1, 5) for _ in range(rank)]
    case = Case(number, zarr_format, dtype, shape, tuple(inner), some_value(chance, dtype), layout=layout)
    case.data = chance.choice(["random", "random", "filled", "sparse"])
    if zarr_format == 3:
        case.codecs, chunks = v3_chain(chance, layout, rank, dtype, inner)
        case.chunks = tuple(chunks)
    else:
        case.compressors = V2_COMPRESSORS[number // len(TYPES) % len(V2_COMPRESSORS)]
        case.order = chance.choice("CF")
        case.big_endian = np.dtype(dtype).itemsize > 1 and dtype != "bool" and chance.random() < 0.3
    case.separator = chance.choice([None, "/", "."])
    return case


def make_fixed(number, dtype, layout, shape, inner):
    """A v3 case of which only the codecs are drawn."""
    case = Case(number, 3, dtype, shape, tuple(inner), np.dtype(dtype).type(0), layout=layout)
    case.codecs, chunks = v3_chain(random.Random(number), layout, len(shape), dtype, list(inner))
    case.chunks = tuple(chunks)
    return case


def values(case):
    generator = np.random.default_rng(case.number)
    dtype = np.dtype(case.dtype)
    count = int(np.prod(case.shape, dtype=np.int64))
    bits = generator.integers(0, 256, count * dtype.itemsize, dtype=np.uint8)
    if dtype.kind == "b":
        bits &= 1
    result = bits.view(dtype).reshape(case.shape).copy() if count else np.empty(case.shape, dtype)
    if case.data == "filled":
        result[...] = case.fill
    if case.data == "sparse" and case.shape:
        result[generator.random(case.shape[0]) < 0.7] = case.fill
    if dtype.kind in "fc" and np.isnan(case.fill):
        # zarr-python takes a chunk of any NaN for one of the fill value, and does not store it.
        result[np.isnan(result)] = case.fill
    return result
