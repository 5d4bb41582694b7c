"""Zarr v3 by hand: sentences of the specification and of the extension registry in NumPy, as a peer for the types, grids
and codecs that no other program has, or not all of them.

Elements are patterns: an array of shape (..., parts) of unsigned integers, one for each part of an element that byte
order swaps (two for a complex number, the bytes of r24). Nothing here is fast, and nothing checks what it reads."""
import gzip
import itertools
import json
import struct

import google_crc32c
import ml_dtypes
import numpy as np


class Kind:
    """A data type: how many bytes a part has, how many parts an element, and how many bits of a part count."""
    def __init__(self, data_type):
        self.name = name = data_type if isinstance(data_type, str) else data_type["name"]
        length = 0 if isinstance(data_type, str) else data_type["configuration"].get("length_bytes", 0)
        self.parts = 1
        if name.startswith("complex"):
            name = {"complex64": "float32", "complex128": "float64"}.get(name, name.removeprefix("complex_"))
            self.parts = 2
        digits = "".join(itertools.takewhile(str.isdigit, name.lstrip("abcdefghijklmnopqrstuvwxyz")))
        if name[0] == "r" and name[1:].isdigit():
            self.part_bytes, self.bits, self.parts = 1, 8, int(name[1:]) // 8
        elif name == "fixed_length_utf32":
            self.part_bytes, self.bits, self.parts = 4, 32, length // 4
        elif name.startswith("numpy."):
            self.part_bytes, self.bits = 8, 64
        else:
            self.bits = 1 if name == "bool" else int(digits)
            self.part_bytes = max(1, self.bits // 8)
        self.number = name
        self.patterns = np.dtype(f"<u{self.part_bytes}")
        self.size = self.part_bytes * self.parts

    def numbers(self, patterns):
        """The same as numbers, of types that NumPy or ml_dtypes knows."""
        return np.ascontiguousarray(patterns[..., 0]).view(np.dtype(getattr(ml_dtypes, self.number, None) or self.number))

    def of_numbers(self, numbers):
        dtype = np.dtype(getattr(ml_dtypes, self.number, None) or self.number)
        return np.ascontiguousarray(numbers.astype(dtype)).view(self.patterns)[..., np.newaxis]

    def masked(self, patterns):
        """Without the bits that do not count."""
        return patterns & self.patterns.type(2**self.bits - 1)

    def from_bytes(self, data, shape, endian="little"):
        order = self.patterns.newbyteorder(">" if endian == "big" else "<")
        return np.frombuffer(data, order).reshape(*shape, self.parts).astype(self.patterns)


# ---- arrays to arrays: (patterns, kind) -> (patterns, kind), and back with what came in ----


def reshaped(shape, wanted):
    """Lengths, -1 once, or lists of axes whose lengths are multiplied."""
    lengths = [int(np.prod([shape[axis] for axis in item])) if isinstance(item, list) else item for item in wanted]
    return np.empty(shape, "b").reshape(lengths).shape


def bit_rounded(patterns, kind, keepbits):
    """Half to even, at the mantissa of floats; of integers from the highest bit that is set."""
    wide = patterns.astype(object)
    mantissa = {"float16": 10, "float32": 23, "float64": 52, "bfloat16": 7}.get(kind.number)

    def one(bits):
        drop = (mantissa if mantissa is not None else int(bits).bit_length()) - keepbits
        if drop <= 0:
            return bits
        bits += ((bits >> drop) & 1) + (1 << (drop - 1)) - 1
        return bits >> drop << drop
    rounded = np.array([one(int(bits)) for bits in wide.ravel()], object).reshape(patterns.shape)
    return rounded.astype(kind.patterns)


def array_encode(codec, patterns, kind):
    name, options = codec["name"], codec.get("configuration", {})
    shape = patterns.shape[:-1]
    if name == "transpose":
        return patterns.transpose(*options["order"], len(shape)), kind
    if name == "reshape":
        return patterns.reshape(*reshaped(shape, options["shape"]), kind.parts), kind
    if name == "bitround":
        return bit_rounded(patterns, kind, options["keepbits"]), kind
    numbers = kind.numbers(patterns)
    if name == "scale_offset":
        dtype = numbers.dtype.type
        return kind.of_numbers((numbers - dtype(options.get("offset", 0))) * dtype(options.get("scale", 1))), kind
    assert name == "cast_value"
    to = Kind(options["data_type"])
    if options.get("out_of_range") == "clamp":
        info = np.iinfo(to.number)
        numbers = numbers.clip(info.min, info.max)
    return to.of_numbers(np.rint(numbers) if numbers.dtype.kind == "f" and to.number[0] in "iu" else numbers), to


def array_decode(codec, patterns, shape, kind, encoded_kind):
    """`shape` and `kind` are those before the codec."""
    name, options = codec["name"], codec.get("configuration", {})
    if name == "transpose":
        return patterns.transpose(*np.argsort(options["order"]), len(shape))
    if name == "reshape":
        return patterns.reshape(*shape, kind.parts)
    if name == "bitround":
        return patterns
    numbers = encoded_kind.numbers(patterns)
    if name == "scale_offset":
        dtype = numbers.dtype.type
        scaled = numbers / dtype(options.get("scale", 1)) if numbers.dtype.kind == "f" else numbers // options.get("scale", 1)
        return kind.of_numbers(scaled + dtype(options.get("offset", 0)))
    return kind.of_numbers(numbers)


ARRAY_CODECS = {"transpose", "reshape", "bitround", "scale_offset", "cast_value"}

# ---- arrays to bytes ----


def bit_range(kind, options):
    first, last = options.get("first_bit"), options.get("last_bit")
    return first or 0, (kind.bits - 1 if last is None else last) + 1


def pack(patterns, kind, options):
    first, end = bit_range(kind, options)
    bits = np.unpackbits(np.ascontiguousarray(patterns).view("u1").reshape(-1, kind.part_bytes), axis=1, bitorder="little")
    packed = np.packbits(bits[:, first:end].ravel(), bitorder="little").tobytes()
    padding = bytes([-bits[:, first:end].size % 8])
    where = options.get("padding_encoding", "none")
    return padding * (where == "first_byte") + packed + padding * (where == "last_byte")


def unpack(data, shape, kind, options):
    first, end = bit_range(kind, options)
    count = int(np.prod(shape)) * kind.parts
    where = options.get("padding_encoding", "none")
    data = data[1:] if where == "first_byte" else data[:-1] if where == "last_byte" else data
    bits = np.zeros((count, 8 * kind.part_bytes), "u1")
    bits[:, first:end] = np.unpackbits(np.frombuffer(data, "u1"), bitorder="little",
                                       count=count * (end - first)).reshape(count, end - first)
    return kind.from_bytes(np.packbits(bits, axis=1, bitorder="little").tobytes(), shape)


def shard_encode(patterns, kind, options, fill):
    inner = options["chunk_shape"]
    counts = [length // step for length, step in zip(patterns.shape, inner)]
    at_start = options.get("index_location") == "start"
    index_bytes = 16 * int(np.prod(counts)) + 4
    index, body = [], b""
    for cell in np.ndindex(*counts):
        part = patterns[tuple(slice(i * step, (i + 1) * step) for i, step in zip(cell, inner))]
        if np.array_equal(part, np.broadcast_to(fill, part.shape)):
            index += [2**64 - 1, 2**64 - 1]
            continue
        encoded = encode(part, kind, options["codecs"], fill)
        index += [len(body) + at_start * index_bytes, len(encoded)]
        body += encoded
    index = np.array(index, "<u8").tobytes()
    index += struct.pack("<I", google_crc32c.value(index))
    return index + body if at_start else body + index


def shard_decode(data, shape, kind, options, fill):
    inner = options["chunk_shape"]
    counts = [length // step for length, step in zip(shape, inner)]
    index_bytes = 16 * int(np.prod(counts)) + 4
    stored = data[:index_bytes] if options.get("index_location") == "start" else data[-index_bytes:]
    assert struct.unpack("<I", stored[-4:])[0] == google_crc32c.value(stored[:-4])
    index = np.frombuffer(stored[:-4], "<u8").reshape(*counts, 2)
    patterns = np.empty((*shape, kind.parts), kind.patterns)
    for cell in np.ndindex(*counts):
        offset, size = (int(number) for number in index[cell])
        box = tuple(slice(i * step, (i + 1) * step) for i, step in zip(cell, inner))
        patterns[box] = fill if offset == 2**64 - 1 else decode(data[offset:offset + size], inner, kind, options["codecs"], fill)
    return patterns


# ---- bytes to bytes ----


def bytes_encode(data, codecs):
    for codec in codecs:
        name, options = codec["name"], codec.get("configuration", {})
        if name == "gzip":
            data = gzip.compress(data, options["level"], mtime=0)
        elif name == "crc32c":
            data += struct.pack("<I", google_crc32c.value(data))
        else:
            assert name == "conditional"
            inner = options["codecs"]
            applied = [number for number in range(len(inner)) if (len(data) + number) % 2]  # any choice is right
            mask = sum(1 << number for number in applied)
            data = mask.to_bytes(options.get("header_bits", 8) // 8, "little") + bytes_encode(data, [inner[i] for i in applied])
    return data


def bytes_decode(data, codecs):
    for codec in reversed(codecs):
        name, options = codec["name"], codec.get("configuration", {})
        if name == "gzip":
            data = gzip.decompress(data)
        elif name == "crc32c":
            assert struct.unpack("<I", data[-4:])[0] == google_crc32c.value(data[:-4])
            data = data[:-4]
        else:
            assert name == "conditional"
            header = options.get("header_bits", 8) // 8
            mask = int.from_bytes(data[:header], "little")
            data = bytes_decode(data[header:], [inner for i, inner in enumerate(options["codecs"]) if mask >> i & 1])
    return data


# ---- chains ----


def split_chain(codecs):
    count = sum(1 for _ in itertools.takewhile(lambda codec: codec["name"] in ARRAY_CODECS, codecs))
    return codecs[:count], codecs[count], codecs[count + 1:]


def encode(patterns, kind, codecs, fill):
    arrays, serializer, rest = split_chain(codecs)
    for codec in arrays:
        fill = array_encode(codec, fill.reshape(1, -1), kind)[0].ravel() if codec["name"] not in ("transpose", "reshape") else fill
        patterns, kind = array_encode(codec, patterns, kind)
    name, options = serializer["name"], serializer.get("configuration", {})
    if name == "bytes":
        order = kind.patterns.newbyteorder(">" if options.get("endian") == "big" else "<")
        data = kind.masked(patterns).astype(order).tobytes()
    elif name == "packbits":
        data = pack(patterns, kind, options)
    elif name == "n5_default":
        shape = patterns.shape[:-1]
        data = struct.pack(f">HH{len(shape)}I", 0, len(shape), *shape) + encode(patterns, kind, options["codecs"], fill)
    else:
        data = shard_encode(patterns, kind, options, fill)
    return bytes_encode(data, rest)


def decode(data, shape, kind, codecs, fill):
    arrays, serializer, rest = split_chain(codecs)
    data = bytes_decode(data, rest)
    stages = []
    for codec in arrays:
        stages.append((codec, tuple(shape), kind))
        if codec["name"] not in ("transpose", "reshape"):
            fill = array_encode(codec, fill.reshape(1, -1), kind)[0].ravel()
        probe, kind = array_encode(codec, np.zeros((*shape, kind.parts), kind.patterns), kind)
        shape = probe.shape[:-1]
    name, options = serializer["name"], serializer.get("configuration", {})
    if name == "bytes":
        patterns = kind.from_bytes(data, shape, options.get("endian"))
    elif name == "packbits":
        patterns = unpack(data, shape, kind, options)
    elif name == "n5_default":
        header = 4 + 4 * len(shape)
        assert struct.unpack(f">HH{len(shape)}I", data[:header]) == (0, len(shape), *shape)
        patterns = decode(data[header:], shape, kind, options["codecs"], fill)
    else:
        patterns = shard_decode(data, shape, kind, options, fill)
    for codec, before, kind_before in reversed(stages):
        patterns = array_decode(codec, patterns, before, kind_before, kind)
        kind = kind_before
    return kind.masked(patterns)


# ---- arrays ----


def edges(axis, length):
    """The lengths of the chunks of an axis: all alike, or as a rectilinear grid lists them, runs included."""
    if isinstance(axis, int):
        return [axis] * -(-length // axis)
    return [size for item in axis for size in ([item[0]] * item[1] if isinstance(item, list) else [item])]


def chunk_key(encoding, index):
    options = encoding.get("configuration", {})
    if encoding["name"] == "v2":
        return options.get("separator", ".").join(map(str, index)) or "0"
    return options.get("separator", "/").join(["c", *map(str, index)])


class Array:
    """An array on disk; `fill` has the patterns of its fill value."""
    def __init__(self, place, fill=None):
        self.place = place
        self.document = document = json.loads((place / "zarr.json").read_text())
        self.kind, self.shape = Kind(document["data_type"]), tuple(document["shape"])
        self.fill = np.zeros(self.kind.parts, self.kind.patterns) if fill is None else fill
        grid = document["chunk_grid"]["configuration"]
        lists = grid["chunk_shape"] if "chunk_shape" in grid else grid["chunk_shapes"]
        self.edges = [edges(axis, length) for axis, length in zip(lists, self.shape)]

    def chunks(self):
        """Of each chunk its file, its shape, and where it lies in the array."""
        for index in itertools.product(*(range(len(axis)) for axis in self.edges)):
            shape = tuple(axis[i] for axis, i in zip(self.edges, index))
            box = tuple(slice(sum(axis[:i]), sum(axis[:i + 1])) for axis, i in zip(self.edges, index))
            if all(part.start < length for part, length in zip(box, self.shape)):
                yield self.place / chunk_key(self.document["chunk_key_encoding"], index), shape, box

    def read(self):
        patterns = np.empty((*self.shape, self.kind.parts), self.kind.patterns)
        for file, shape, box in self.chunks():
            if not file.exists():
                patterns[box] = self.fill
                continue
            chunk = decode(file.read_bytes(), shape, self.kind, self.document["codecs"], self.fill)
            target = patterns[box]
            target[...] = chunk[tuple(slice(0, length) for length in target.shape)]
        return patterns

    def write(self, patterns):
        for file, shape, box in self.chunks():
            chunk = np.broadcast_to(self.fill, (*shape, self.kind.parts)).copy()
            source = patterns[box]
            chunk[tuple(slice(0, length) for length in source.shape)] = source
            file.unlink(missing_ok=True)
            if not np.array_equal(chunk, np.broadcast_to(self.fill, chunk.shape)):
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_bytes(encode(chunk, self.kind, self.document["codecs"], self.fill))
