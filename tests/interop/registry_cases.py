"""Types, grids and codecs of the extension registry, which few programs have: against the specification by hand
(hand.py), against zarrs itself through a small program of its own (zarrs_peer) where that is built, and against
tensorstore for the types that it has.

Values are compared as patterns, bit for bit."""
import json
import os
import pathlib
import subprocess

import numpy as np

import hand
import peers
import tessera_cli as cli

SMALL = ["int2", "int4", "uint2", "uint4", "bfloat16", "float4_e2m1fn", "float6_e2m3fn", "float6_e3m2fn", "float8_e3m4",
         "float8_e4m3", "float8_e4m3fn", "float8_e4m3b11fnuz", "float8_e4m3fnuz", "float8_e5m2", "float8_e5m2fnuz",
         "float8_e8m0fnu"]
OBJECTS = {
    "datetime64[10us]": {"name": "numpy.datetime64", "configuration": {"unit": "us", "scale_factor": 10}},
    "timedelta64[h]": {"name": "numpy.timedelta64", "configuration": {"unit": "h", "scale_factor": 1}},
    "U3": {"name": "fixed_length_utf32", "configuration": {"length_bytes": 12}},
}
TYPES = (["bool", "int16", "float64", "complex64"] + SMALL +
         ["complex_bfloat16", "complex_float16"] + [f"complex_{name}" for name in SMALL if name.startswith("float") and name != "float8_e4m3fn"] +
         ["r8", "r24", *OBJECTS])
LAYOUTS = ["plain", "shard", "nested", "transposed", "rectilinear", "rectilinear shard", "v2 keys"]

# ---- zarrs ----

ZARRS = pathlib.Path(os.environ.get("TESSERA_ZARRS_PEER", "build/zarrs_peer/release/zarrs-peer")).resolve()


def in_zarrs(name):
    """Without its feature microfloat zarrs takes no number as the fill value of a small float."""
    return not any(small in name for small in ("float4_", "float6_", "float8_"))



class Zarrs:
    """The library itself: its Python package parses metadata through zarr-python."""
    name = "zarrs"

    def read(self, place, kind, shape):
        done = subprocess.run([ZARRS, "read", place], capture_output=True, timeout=120)
        assert done.returncode == 0, done.stderr.decode()
        return kind.from_bytes(done.stdout, shape)

    def write(self, place, patterns):
        done = subprocess.run([ZARRS, "write", place], input=patterns.tobytes(), capture_output=True, timeout=120)
        assert done.returncode == 0, done.stderr.decode()


class ByHand:
    name = "by hand"

    def __init__(self, fill):
        self.fill = fill

    def read(self, place, kind, shape):
        return hand.Array(place, self.fill).read()

    def write(self, place, patterns):
        hand.Array(place, self.fill).write(patterns)


class TensorStore(peers.TensorStore):
    def read(self, place, kind, shape):
        return kind.from_bytes(np.ascontiguousarray(super().read(place)).tobytes(), shape)

    def write(self, place, patterns):
        array = self.open(place)
        array.write(np.ascontiguousarray(patterns).view(array.dtype.numpy_dtype).reshape(array.shape)).result()


# tensorstore has neither the others nor, of the name float8_e4m3, the registered format.
IN_TENSORSTORE = ["bool", "int16", "float64", "complex64", "int2", "int4", "bfloat16", "float8_e3m4", "float8_e4m3fn",
                  "float8_e4m3b11fnuz", "float8_e4m3fnuz", "float8_e5m2", "float8_e5m2fnuz"]

# ---- values ----


def patterns_of(kind, shape, seed):
    """Anything at all, but of text what Unicode has, and of truth 0 and 1."""
    generator = np.random.default_rng(seed)
    if kind.number == "fixed_length_utf32":
        return generator.integers(0x20, 0x250, (*shape, kind.parts)).astype(kind.patterns)
    bits = generator.integers(0, 256, int(np.prod(shape)) * kind.size, "u1").view(kind.patterns)
    return kind.masked(bits.reshape(*shape, kind.parts))


def fill_of(name, kind):
    """What is asked of the command line, and its pattern."""
    if name.endswith("float8_e8m0fnu"):  # which has no zero
        return ("[1, 1]" if kind.parts == 2 else "1"), np.full(kind.parts, 127, kind.patterns)
    text = {"bool": "false", "U3": '""', "r8": "[0]", "r24": "[0, 0, 0]"}.get(name, "[0, 0]" if kind.parts == 2 else "0")
    return text, np.zeros(kind.parts, kind.patterns)


# ---- cases ----


def codec(name, **configuration):
    return {"name": name, "configuration": configuration} if configuration else {"name": name}


def shard(inner, chain, at_start=False):
    return codec("sharding_indexed", chunk_shape=inner, codecs=chain,
                 index_codecs=[codec("bytes", endian="little"), codec("crc32c")],
                 index_location="start" if at_start else "end")


def bytes_of(kind, seed):
    return codec("bytes", endian="big" if seed % 2 else "little") if kind.part_bytes > 1 else codec("bytes")


def laid_out(layout, chain):
    """The grid as --chunks has it, and the codecs."""
    if layout == "shard":
        return "8,6", [shard([4, 3], chain)]
    if layout == "nested":
        return "8,12", [shard([8, 6], [shard([4, 3], chain, at_start=True)])]
    if layout == "transposed":
        return "4,3", [codec("transpose", order=[1, 0]), *chain]
    if layout == "rectilinear":
        return "[[2, [4, 2], 3], [5, 1, 5]]", chain
    if layout == "rectilinear shard":
        return "[[4, [8, 1], 4], 6]", [shard([4, 3], chain)]
    return "4,3", chain


SHAPE = (11, 10)


def create(place, data_type, fill, layout, chain):
    chunks, codecs = laid_out(layout, chain)
    extra = ["--chunk-keys=v2", "--separator=."] if layout == "v2 keys" else []
    cli.run("create", place, f"--shape={cli.join(SHAPE)}", f"--chunks={chunks}", f"--codecs={json.dumps(codecs)}",
            f"--dtype={data_type if isinstance(data_type, str) else json.dumps(data_type)}", f"--fill-value={fill}", *extra)


def put(place, patterns):
    cli.run("put", "-", place, data=np.ascontiguousarray(patterns).tobytes())


def cat(place, kind):
    return kind.masked(kind.from_bytes(cli.run("cat", place, "--format", "raw"), SHAPE))


def exchange(place, peer, kind, values, expected_of):
    """Whether a peer reads what is there, and we what it writes."""
    reads = np.array_equal(kind.masked(peer.read(place, kind, SHAPE)), expected_of(values))
    turned = np.ascontiguousarray(values[::-1])
    peer.write(place, turned)
    writes = np.array_equal(cat(place, kind), expected_of(turned))
    put(place, values)
    return reads, writes


def type_case(name, layout, seed):
    def run(folder):
        data_type = OBJECTS.get(name, name)
        kind = hand.Kind(data_type)
        fill, pattern = fill_of(name, kind)
        values = patterns_of(kind, SHAPE, seed)
        values[4:8, 3:6] = pattern  # a chunk that is not stored
        place = folder / "a"
        create(place, data_type, fill, layout, [bytes_of(kind, seed), codec("crc32c")])
        put(place, values)
        found = {"tessera": (np.array_equal(cat(place, kind), values), None)}
        some = [ByHand(pattern)]
        if ZARRS.exists() and in_zarrs(name):
            some.append(Zarrs())
        if name in IN_TENSORSTORE and not layout.startswith("rectilinear"):
            some.append(TensorStore())
        for peer in some:
            found[peer.name] = exchange(place, peer, kind, values, lambda patterns: patterns)
        return found
    return run


# Of each the type, and the codecs with the serializer among them.
little = codec("bytes", endian="little")
CODECS = {
    "packbits of bool": ("bool", [codec("packbits", padding_encoding="first_byte")]),
    "packbits of int4": ("int4", [codec("packbits", padding_encoding="last_byte")]),
    "packbits of float6": ("float6_e3m2fn", [codec("packbits")]),
    "packbits, bits 3 to 12": ("uint16", [codec("packbits", first_bit=3, last_bit=12)]),
    "packbits, of complex64": ("complex64", [codec("packbits")]),
    "bitround of float32": ("float32", [codec("bitround", keepbits=5), little]),
    "bitround of bfloat16": ("bfloat16", [codec("bitround", keepbits=3), little]),
    "bitround of uint16": ("uint16", [codec("bitround", keepbits=3), little]),
    "cast_value, narrower": ("int32", [codec("cast_value", data_type="int16"), little]),
    "cast_value, clamp": ("int32", [codec("cast_value", data_type="uint8", out_of_range="clamp"), codec("bytes")]),
    "cast_value to float16": ("float64", [codec("cast_value", data_type="float16"), little]),
    "cast_value to float8": ("float32", [codec("cast_value", data_type="float8_e5m2"), codec("bytes")]),
    "scale_offset of int32": ("int32", [codec("scale_offset", offset=5, scale=3), little]),
    "scale_offset of float64": ("float64", [codec("scale_offset", offset=0.5, scale=8), little]),
    "scale_offset, cast_value": ("float64", [codec("scale_offset", offset=-4, scale=8),
                                             codec("cast_value", data_type="int16"), little]),
    "reshape": ("uint16", [codec("reshape", shape=[[0, 1]]), little]),
    "reshape, transpose": ("uint16", [codec("reshape", shape=[-1, 1, [1]]), codec("transpose", order=[2, 0, 1]), little]),
    "reshape, packbits": ("bool", [codec("reshape", shape=[-1]), codec("packbits")]),
    "transpose, bitround": ("float32", [codec("transpose", order=[1, 0]), codec("bitround", keepbits=7), little]),
    "n5_default": ("int32", [codec("n5_default", codecs=[codec("transpose", order=[1, 0]), codec("bytes", endian="big"),
                                                         codec("gzip", level=1)])]),
    "conditional": ("uint16", [little, codec("conditional", codecs=[codec("gzip", level=5)])]),
    "conditional, two": ("uint16", [little, codec("conditional", codecs=[codec("gzip", level=1), codec("crc32c")],
                                                  header_bits=16), codec("crc32c")]),
}
CODEC_LAYOUTS = ["plain", "shard", "nested", "rectilinear", "rectilinear shard"]
# zarrs has none of the first four. With a first bit of packbits it does not shift what it decodes of a part of a chunk;
# and its reshape counts a length that is told as a number for an axis of the input.
NOT_IN_ZARRS_CODECS = ("cast_value", "scale_offset", "n5_default", "conditional", "packbits, bits 3 to 12",
                       "reshape, transpose")


def codec_values(name, dtype, kind, seed):
    """Numbers that all these codecs can hold: multiples of 1/8 and of 3."""
    generator = np.random.default_rng(seed)
    if dtype in ("complex64", "float6_e3m2fn", "int4", "bool"):
        return patterns_of(kind, SHAPE, seed)
    if dtype in ("float32", "bfloat16"):
        return kind.of_numbers(generator.integers(-8, 8, SHAPE) * (0.25 if name.startswith("cast_value") else 0.3))
    if dtype == "uint16":
        return kind.of_numbers(generator.integers(0, 512, SHAPE) * 8)
    return kind.of_numbers(generator.integers(-40, 60, SHAPE) * 1.0 / (8 if dtype == "float64" else 1))


def codec_case(name, layout, seed):
    def run(folder):
        dtype, chain = CODECS[name]
        kind = hand.Kind(dtype)
        fill, pattern = fill_of(dtype, kind)
        values = codec_values(name, dtype, kind, seed)
        values[4:8, 3:6] = pattern
        place = folder / "a"
        create(place, dtype, fill, layout, chain)
        put(place, values)

        def expected_of(patterns):
            """What comes back of it: some codecs round. They do so to each element alone."""
            flat = patterns.reshape(1, -1, kind.parts)
            some = [codec for codec in chain if codec["name"] in ("bitround", "cast_value", "scale_offset")]
            serializer = codec("bytes", endian="little")
            return hand.decode(hand.encode(flat, kind, [*some, serializer], pattern), flat.shape[:-1], kind,
                               [*some, serializer], pattern).reshape(patterns.shape)

        found = {"tessera": (np.array_equal(cat(place, kind), expected_of(values)), None)}
        some = [ByHand(pattern)]
        if ZARRS.exists() and in_zarrs(dtype) and not any(part in name for part in NOT_IN_ZARRS_CODECS):
            some.append(Zarrs())
        for peer in some:
            found[peer.name] = exchange(place, peer, kind, values, expected_of)
        return found
    return run
