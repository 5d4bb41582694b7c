"""Elements of variable length become Arrow's without a copy: pyarrow takes them through its C data interface."""
import ctypes
import gc
import json
import os
import pathlib
import struct

import numpy as np
import pyarrow
import pytest
import zarr

import tessera_cli as cli

BRIDGE = pathlib.Path(os.environ.get("TESSERA", "build/release/tessera")).resolve().parent / "tests/interop" / (
    "libarrow_bridge.so")
# A library with a sanitizer cannot be loaded into a process that was started without it.
SANITIZED = BRIDGE.exists() and any(word in BRIDGE.read_bytes() for word in (b"__asan_init", b"__tsan_init"))
pytestmark = pytest.mark.skipif(SANITIZED, reason="the library has a sanitizer, Python has none")


class Schema(ctypes.Structure):
    _fields_ = [("format", ctypes.c_char_p), ("name", ctypes.c_char_p), ("metadata", ctypes.c_char_p),
                ("flags", ctypes.c_int64), ("n_children", ctypes.c_int64), ("children", ctypes.c_void_p),
                ("dictionary", ctypes.c_void_p), ("release", ctypes.c_void_p), ("private_data", ctypes.c_void_p)]


class Array(ctypes.Structure):
    _fields_ = [("length", ctypes.c_int64), ("null_count", ctypes.c_int64), ("offset", ctypes.c_int64),
                ("n_buffers", ctypes.c_int64), ("n_children", ctypes.c_int64),
                ("buffers", ctypes.POINTER(ctypes.c_void_p)), ("children", ctypes.c_void_p),
                ("dictionary", ctypes.c_void_p), ("release", ctypes.c_void_p), ("private_data", ctypes.c_void_p)]


def read(place, count):
    """pyarrow's array; where the library had the bytes of each element; where it had its slots; a
    flag that is set when Arrow has let go."""
    bridge = ctypes.CDLL(BRIDGE)
    schema, array, ended = Schema(), Array(), ctypes.c_int(0)
    addresses = np.zeros(count, np.uint64)
    message = ctypes.create_string_buffer(400)
    status = bridge.arrow_bridge_read(
        bytes(place), ctypes.byref(schema), ctypes.byref(array), addresses.ctypes.data_as(ctypes.c_void_p),
        ctypes.c_int64(count), ctypes.byref(ended), message, ctypes.c_size_t(len(message)))
    if status < 0:
        raise ValueError(message.value.decode())
    slots = array.buffers[1]
    taken = pyarrow.Array._import_from_c(ctypes.addressof(array), ctypes.addressof(schema))
    return taken, addresses, slots, ended


def elements(kind, count):
    """Of every length around that of a slot, most of them short, and one larger than any block of a heap."""
    random = np.random.default_rng(3)
    alphabet = list("abcxyzäß€𝄞")
    lengths = np.where(random.random(count) < 0.6, random.integers(0, 16, count), random.integers(0, 400, count))
    lengths[count // 2] = 300_000
    words = ["".join(random.choice(alphabet, length)) for length in lengths]
    return words if kind == "string" else [word.encode("utf-16-le") for word in words]


@pytest.mark.parametrize("shards", [None, (1000,)], ids=["chunks", "shards"])
@pytest.mark.parametrize("kind", ["string", "variable_length_bytes"])
def test_arrow_sees_our_memory(tmp_path, kind, shards):
    count = 5000
    values = elements(kind, count)
    array = zarr.create_array(tmp_path / "a", shape=(count,), chunks=(100,), shards=shards, dtype=kind)
    array[:] = np.array(values, dtype=object)
    taken, addresses, slots, ended = read(tmp_path / "a", count)

    assert taken.type == (pyarrow.string_view() if kind == "string" else pyarrow.binary_view())
    taken.validate(full=True)
    assert taken.null_count == 0
    assert taken.to_pylist() == values

    validity, views, *heap = taken.buffers()
    assert validity is None and views.address == slots and len(heap) > 1
    long = 0
    for i, value in enumerate(values):
        encoded = value.encode() if kind == "string" else value
        length, prefix, number, offset = struct.unpack_from("<i4sii", views, 16 * i)
        assert length == len(encoded)
        assert (addresses[i] != 0) == (length > 12)
        if length > 12:
            assert prefix == encoded[:4] and heap[number].address + offset == addresses[i]
            long += 1
    assert long > 1000

    # A slice keeps it all, and the last one that goes frees it.
    part = taken[count // 2:count // 2 + 1]
    del taken, validity, views, heap
    gc.collect()
    assert not ended.value
    assert part.to_pylist() == values[count // 2:count // 2 + 1]
    del part
    gc.collect()
    assert ended.value


def test_short_and_no_elements(tmp_path):
    """Slots alone, without a heap behind them; an array that has never been written."""
    fill = "a word that is longer than a slot"
    cli.run("create", tmp_path / "s", "--dtype", "string", "--shape", "30", "--chunks", "7")
    cli.run("put", "-", f"{tmp_path / 's'}[3:5]", data=json.dumps(["twelve chars", "ä"]).encode())
    taken, addresses, _, ended = read(tmp_path / "s", 30)
    taken.validate(full=True)
    assert taken.to_pylist() == [""] * 3 + ["twelve chars", "ä"] + [""] * 25 and not addresses.any()
    del taken
    assert ended.value
    cli.run("create", tmp_path / "f", "--dtype", "string", "--shape", "30", "--chunks", "7", "--fill-value",
            json.dumps(fill))
    taken = read(tmp_path / "f", 30)[0]
    taken.validate(full=True)
    assert taken.to_pylist() == [fill] * 30
    cli.run("create", tmp_path / "e", "--dtype", "bytes", "--shape", "0", "--chunks", "7")
    taken = read(tmp_path / "e", 0)[0]
    taken.validate(full=True)
    assert taken.to_pylist() == []


def test_what_has_no_slots_is_refused(tmp_path):
    cli.run("create", tmp_path / "n", "--dtype", "int32", "--shape", "3", "--chunks", "3")
    with pytest.raises(ValueError, match="strings or bytes"):
        read(tmp_path / "n", 3)
