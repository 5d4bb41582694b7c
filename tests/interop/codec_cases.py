"""Codecs that zarr-python knows through numcodecs: each in v2, in v3, and inside shards, over the types that it takes.

A case is a cases.Case with a label; what zarr-python reads back of its own writing is what everybody must read, since
some codecs round."""
import numpy as np

import cases

FLOATS = ["float16", "float32", "float64"]
INTEGERS = ["int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"]
NUMBERS = INTEGERS + FLOATS
ANY = ["bool"] + NUMBERS + ["complex64", "complex128"]
LAYOUTS = ["v2", "v2 F", "v2 big-endian", "v3", "v3 shard", "v3 nested"]
WIDER = {"int8": "int16", "uint8": "int16", "int16": "int32", "uint16": "int64", "int32": "int64", "uint32": "int64",
         "float16": "float32", "float32": "float64"}


def typestr(dtype, big_endian=False):
    return np.dtype(dtype).newbyteorder(">" if big_endian else "<").str


def filters(name, dtype, big):
    """The lists of filters to try, in the words of v2."""
    own = typestr(dtype, big)
    wider = typestr(WIDER.get(dtype, dtype), big)
    if name == "delta":
        return [[{"id": "delta", "dtype": own, "astype": own}], [{"id": "delta", "dtype": own, "astype": wider}]]
    if name == "fixedscaleoffset":
        return [[{"id": name, "scale": 10, "offset": 1, "dtype": own, "astype": wider}],
                [{"id": name, "scale": 2.5, "offset": -0.5, "dtype": own, "astype": typestr("int32", big)}]]
    if name == "quantize":
        return [[{"id": name, "digits": 1, "dtype": own, "astype": own}],
                [{"id": name, "digits": 0, "dtype": own, "astype": typestr("float64", big)}]]
    if name == "astype":
        return [[{"id": name, "encode_dtype": wider, "decode_dtype": own}]]
    if name == "bitround":
        return [[{"id": name, "keepbits": 5}]]
    return [[{"id": name}]]


BYTES = {
    "zlib": [{"level": 1}], "gzip": [{"level": 1}], "bz2": [{"level": 1}], "zstd": [{"level": 1}], "lz4": [{}],
    "blosc": [{"cname": "lz4", "clevel": 5, "shuffle": 1, "blocksize": 0}],
    "lzma": [{"preset": 0}, {"format": 2, "preset": 0},
             {"format": 3, "filters": [{"id": 3, "dist": 4}, {"id": 33, "preset": 1}]}],
    "shuffle": [{"elementsize": None}], "fletcher32": [{}], "jenkins_lookup3": [{}, {"initval": 7}],
    "adler32": [{}, {"location": "end"}], "crc32": [{}, {"location": "end"}], "crc32c": [{}, {"location": "start"}], "base64": [{}],
}
ARRAYS = {"delta": NUMBERS, "fixedscaleoffset": NUMBERS, "quantize": FLOATS, "bitround": FLOATS, "packbits": ["bool"],
          "astype": NUMBERS}
NAMES = list(ARRAYS) + list(BYTES)


def variants(name, dtype, big):
    if name in ARRAYS:
        return filters(name, dtype, big)
    made = []
    for options in BYTES[name]:
        codec = {"id": name, **options}
        if name == "shuffle":
            codec["elementsize"] = np.dtype(dtype).itemsize
        made.append([codec])
    return made


def exists(name, layout):
    """base64 has no name in v3; numcodecs copies what BitRound is given into C order, and knows no big-endian floats."""
    return not (layout.startswith("v3") and name == "base64" or layout in ("v2 F", "v2 big-endian") and name == "bitround")


def zarr_python_fails(name, codecs, dtype):
    """In v3: it takes the elements behind Quantize to be what they were, and those of one byte to have no byte order."""
    stored = np.dtype(codecs[-1].get("astype") or codecs[-1].get("encode_dtype") or dtype)
    narrow = np.dtype(dtype).itemsize == 1 and stored.itemsize > 1
    return name in ARRAYS and (narrow or name == "quantize" and stored != np.dtype(dtype))


def v3_chain(name, codecs, dtype, big):
    as_v3 = [{"name": f"numcodecs.{codec['id']}", "configuration": {k: v for k, v in codec.items() if k != "id"}}
             for codec in codecs]
    last = np.dtype(codecs[-1].get("astype") or codecs[-1].get("encode_dtype") or dtype)
    endian = {"name": "bytes", "configuration": {"endian": "big" if big else "little"}}
    serializer = {"name": "bytes"} if last.itemsize == 1 or name == "packbits" else endian
    return as_v3 + [serializer] if name in ARRAYS else [serializer] + as_v3


def make(name, layout, dtype, variant):
    """None where there is no such case."""
    big = layout == "v2 big-endian"
    choices = variants(name, dtype, big)
    if variant >= len(choices) or not exists(name, layout) or (big and np.dtype(dtype).itemsize == 1):
        return None
    if layout.startswith("v3") and zarr_python_fails(name, choices[variant], dtype):
        return None
    case = cases.Case(variant, 2 if layout.startswith("v2") else 3, dtype, (7, 10), (4, 5), np.dtype(dtype).type(0))
    case.layout = "plain"
    if layout.startswith("v2"):
        case.order = "F" if layout == "v2 F" else "C"
        case.big_endian = big
        case.filters = choices[variant]
        case.compressors = []
        return case
    chain = v3_chain(name, choices[variant], dtype, False)
    if layout == "v3":
        case.codecs = chain
        return case
    case.layout = "end"
    case.codecs = [cases.shard((4, 5), chain, "end", 2)]
    case.chunks = (8, 10)
    if layout == "v3 nested":
        case.codecs = [cases.shard((8, 10), case.codecs, "end", 2)]
        case.chunks = (8, 20)
    return case


def values(case):
    """Small enough for everything that widens or scales, and not all alike."""
    generator = np.random.default_rng(case.number + 17)
    dtype = np.dtype(case.dtype)
    if dtype.kind == "b":
        return generator.integers(0, 2, case.shape).astype(bool)
    numbers = generator.integers(0, 50, case.shape)
    if dtype.kind == "c":
        return (numbers + 1j * numbers[::-1]).astype(dtype)
    return (numbers / 8).astype(dtype) if dtype.kind == "f" else numbers.astype(dtype)
