"""Every codec that zarr-python knows through numcodecs, in both directions: it reads ours, we read its.

One type per codec and layout runs here, chosen by their numbers; TESSERA_INTEROP_SCALE of 2 or more runs all types."""
import os
import pathlib
import warnings

import numpy as np
import pytest
import zarr

import cases
import codec_cases
import tessera_cli as cli

SCALE = int(os.environ.get("TESSERA_INTEROP_SCALE", "1"))


def chosen(name, layout):
    """Types and variants to try. One of each here, another one in each layout."""
    all_types = codec_cases.ARRAYS.get(name, codec_cases.ANY)
    number = codec_cases.NAMES.index(name) * 5 + codec_cases.LAYOUTS.index(layout) * 2
    made = [(dtype, variant, codec_cases.make(name, layout, dtype, variant))
            for dtype in all_types for variant in range(3)]
    made = [case for case in made if case[2]]
    return made if SCALE > 1 or not made else [made[number * 7 % len(made)]]


def check(case, folder):
    warnings.simplefilter("ignore")
    values = codec_cases.values(case)
    ours, theirs = pathlib.Path(folder) / "ours", pathlib.Path(folder) / "theirs"
    cli.create(ours, case)
    cli.create(theirs, case)  # its chunks are theirs
    cli.put(ours, values)
    zarr.open_array(theirs, mode="r+")[...] = values
    expected = zarr.open_array(theirs, mode="r")[...]
    for place in ours, theirs:
        assert np.array_equal(cli.read(place, case.dtype, case.shape), expected), f"we read {place.name}: {case}"
        assert np.array_equal(zarr.open_array(place, mode="r")[...], expected), f"zarr-python reads {place.name}: {case}"
    # A part that is merged into their chunks.
    cli.put(theirs, np.ascontiguousarray(values[::-1][2:5, 3:8]), "2:5,3:8")
    merged = zarr.open_array(ours, mode="r+")
    merged[2:5, 3:8] = values[::-1][2:5, 3:8]
    assert np.array_equal(zarr.open_array(theirs, mode="r")[...], merged[...]), f"a part of {case}"


@pytest.mark.parametrize("layout", codec_cases.LAYOUTS)
@pytest.mark.parametrize("name", codec_cases.NAMES)
def test_both_directions(name, layout, tmp_path):
    made = chosen(name, layout)
    for dtype, variant, case in made:
        folder = tmp_path / f"{dtype}-{variant}"
        folder.mkdir()
        check(case, folder)
    assert made or not codec_cases.exists(name, layout) or layout == "v2 big-endian"


# BitRound is not among them: numcodecs makes integers of the floats, which zarr-python then stores by value.
IN_FRONT = {
    "astype": ("float64", [{"name": "numcodecs.astype", "configuration": {"encode_dtype": "<f4", "decode_dtype": "<f8"}}]),
    "quantize": ("float32", [{"name": "numcodecs.quantize", "configuration": {"digits": 1, "dtype": "<f4"}}]),
    "two": ("float64", [{"name": "numcodecs.quantize", "configuration": {"digits": 0, "dtype": "<f8"}},
                        {"name": "numcodecs.astype", "configuration": {"encode_dtype": "<f4", "decode_dtype": "<f8"}}]),
}


@pytest.mark.parametrize("name", IN_FRONT)
def test_codecs_that_change_values_in_front_of_shards(name, tmp_path):
    dtype, front = IN_FRONT[name]
    case = cases.Case(0, 3, dtype, (7, 19), (8, 20), np.dtype(dtype).type(0), layout="end")
    inner = [{"name": "bytes", "configuration": {"endian": "little"}}, {"name": "crc32c"}]
    case.codecs = front + [cases.shard((4, 5), inner, "end", 2)]
    check(case, tmp_path)


OURS = {
    "delta": ("int16", (8, 20), [{"name": "numcodecs.delta", "configuration": {"dtype": "<i2"}}], (4, 5)),
    "reshape": ("int16", (8, 20), [{"name": "reshape", "configuration": {"shape": [-1]}}], (32,)),
    "packbits": ("bool", (8, 20), [{"name": "numcodecs.packbits", "configuration": {}}], (7,)),
    "scale": ("float64", (8, 20), [{"name": "scale_offset", "configuration": {"scale": 8.0, "offset": -1.0}},
                                   {"name": "transpose", "configuration": {"order": [1, 0]}},
                                   {"name": "cast_value", "configuration": {"data_type": "int16"}}], (5, 4)),
}


@pytest.mark.parametrize("name", OURS)
def test_parts_of_shards_behind_codecs_that_nobody_else_has_there(name, tmp_path):
    dtype, shard, front, inner_shape = OURS[name]
    case = cases.Case(1, 3, dtype, (17, 23), shard, np.dtype(dtype).type(0), layout="end")
    wide = np.dtype(dtype).itemsize > 1
    inner = [{"name": "bytes", **({"configuration": {"endian": "little"}} if wide else {})}]
    case.codecs = front + [cases.shard(inner_shape, inner, "end", len(inner_shape))]
    values = codec_cases.values(case)
    place = tmp_path / "a"
    cli.create(place, case)
    cli.put(place, values)
    assert np.array_equal(cli.read(place, dtype, case.shape), values)
    part = np.ascontiguousarray(values[::-1][2:9, 3:22])
    cli.put(place, part, "2:9,3:22")
    values[2:9, 3:22] = part
    assert np.array_equal(cli.read(place, dtype, (5, 7), "1:11:2,4:18:2"), values[1:11:2, 4:18:2])
    assert np.array_equal(cli.read(place, dtype, case.shape), values)
    cli.run("check", place, "--data")


def test_a_filter_in_the_wrong_place_is_refused(tmp_path):
    place = tmp_path / "a"
    zarr.create_array(place, shape=(4,), dtype="<i4", zarr_format=2)
    text = (place / ".zarray").read_text()
    delta = '{"id": "delta", "dtype": "<i4"}'
    (place / ".zarray").write_text(text.replace('"filters": null', f'"filters": [{{"id": "shuffle"}}, {delta}]'))
    with pytest.raises(cli.CommandError, match="delta.*stands behind the array-to-bytes codec"):
        cli.read(place, "int32", (4,))
    (place / ".zarray").write_text(text.replace('"filters": null', '"filters": [{"id": "delta", "dtype": ">i4"}]'))
    with pytest.raises(cli.CommandError, match="takes big-endian elements where they are little-endian"):
        cli.read(place, "int32", (4,))
