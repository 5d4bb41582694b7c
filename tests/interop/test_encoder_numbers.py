"""Numbers that only an encoder goes by (levels, block sizes) and that it does not take: what zarr-python, tensorstore or
zarrs open, we open; a write takes the nearest number that there is; new arrays are refused such a number."""
import json
import pathlib

import numpy as np
import pytest
import zarr

import tessera_cli as cli

SHAPE = (6, 50)
VALUES = (np.arange(300, dtype="<i4") ** 2 % 1000).reshape(SHAPE)
OTHERS = VALUES[::-1].copy()

NUMCODECS = [
    ("zstd", {"level": 1}, "level", [100, -2**40]),
    ("gzip", {"level": 1}, "level", [10, 2**70]),
    ("zlib", {"level": 1}, "level", [-2]),
    ("bz2", {"level": 1}, "level", [0, 10]),
    ("lz4", {"acceleration": 1}, "acceleration", [2**31, -2**31 - 1]),
    ("lzma", {"format": 1, "check": -1, "preset": None, "filters": None}, "preset", [10, -1]),
    ("lzma", {"format": 1, "check": -1, "preset": None, "filters": None}, "check", [16]),
    ("blosc", {"cname": "lz4", "clevel": 5, "shuffle": 1, "blocksize": 0}, "clevel", [-1, 300]),
    ("blosc", {"cname": "lz4", "clevel": 5, "shuffle": 1, "blocksize": 0}, "shuffle", [3]),
    ("blosc", {"cname": "lz4", "clevel": 5, "shuffle": 1, "blocksize": 0}, "blocksize", [-1, 2**31]),
]
BLOSC = {"cname": "lz4", "clevel": 5, "shuffle": "shuffle", "typesize": 4, "blocksize": 0}
REGISTERED = [
    # Who opens it: zarr-python levels without a lower limit, tensorstore 3.0, zarrs "3"; the others, nobody.
    ("zstd", {"level": 3, "checksum": False}, "level", [-131073, 3.0, "3", 23, None]),
    ("gzip", {"level": 5}, "level", [5.0, 10]),
    ("blosc", BLOSC, "clevel", [10, 5.0]),
    ("blosc", BLOSC, "typesize", [2**31, 0]),
    ("blosc", BLOSC, "blocksize", [-1, 2**31 - 1, 2**40]),
]


def document(zarr_format, name, configuration):
    if zarr_format == 2:
        return {"zarr_format": 2, "shape": SHAPE, "chunks": [4, 30], "dtype": "<i4", "fill_value": 0, "order": "C",
                "filters": None, "compressor": {"id": name, **configuration}}
    return {"zarr_format": 3, "node_type": "array", "shape": SHAPE, "data_type": "int32", "attributes": {},
            "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": [4, 30]}},
            "chunk_key_encoding": {"name": "default", "configuration": {"separator": "/"}}, "fill_value": 0,
            "codecs": [{"name": "bytes", "configuration": {"endian": "little"}},
                       {"name": name, "configuration": configuration}]}


def opened_by_zarr_python(place):
    try:
        return zarr.open_array(place, mode="r")[...]
    except Exception:
        return None


ROWS = [(2, *row) for row in NUMCODECS] + [(3, f"numcodecs.{row[0]}", *row[1:]) for row in NUMCODECS] + \
       [(3, *row) for row in REGISTERED]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("zarr_format, name, usual, field, numbers", ROWS, ids=lambda value: str(value)[:12])
def test_numbers_out_of_range(zarr_format, name, usual, field, numbers, tmp_path):
    for index, number in enumerate(numbers):
        place = pathlib.Path(tmp_path) / str(index)
        place.mkdir()
        metadata = place / ("zarr.json" if zarr_format == 3 else ".zarray")
        good = json.dumps(document(zarr_format, name, usual))
        bad = json.dumps(document(zarr_format, name, {**usual, field: number}))
        metadata.write_text(good)
        zarr.open_array(place, mode="r+")[...] = VALUES

        metadata.write_text(bad)
        assert np.array_equal(cli.read(place, "int32", SHAPE), VALUES), number
        theirs = opened_by_zarr_python(place)
        assert theirs is None or np.array_equal(theirs, VALUES)

        # A write of two whole chunks and a part of the others, which are read by the number that is as it should be.
        cli.put(place, OTHERS[:, :40].copy(), "0:6,0:40")
        assert metadata.read_text() == bad
        metadata.write_text(good)
        expected = np.hstack([OTHERS[:, :40], VALUES[:, 40:]])
        assert np.array_equal(zarr.open_array(place, mode="r")[...], expected), number

        # A copy has a number that everybody takes; a new array is not made with the other.
        metadata.write_text(bad)
        copy = place.with_name(f"{index}-copy")
        cli.run("cp", place, copy)
        assert np.array_equal(zarr.open_array(copy, mode="r")[...], expected), number
        made = json.dumps([json.loads(bad)["codecs"][1]] if zarr_format == 3 else [json.loads(bad)["compressor"]])
        with pytest.raises(cli.CommandError, match=f"exit 2(?s:.*)/configuration/{field}"):
            cli.run("create", place.with_name(f"{index}-new"), f"--zarr-format={zarr_format}", "--shape=4", "--dtype=int32",
                    f"--compressors={made}")
