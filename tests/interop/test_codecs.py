"""Every codec that zarr-python knows through numcodecs, in both directions: it reads ours, we read its.

One type per codec and layout runs here, chosen by their numbers; TESSERA_INTEROP_SCALE of 2 or more runs all types."""
import os
import pathlib
import warnings

import numpy as np
import pytest
import zarr

import codec_cases
import tessera_cli as cli

SCALE = int(os.environ.get("TESSERA_INTEROP_SCALE", "1"))


def chosen(name, layout):
    """Types and variants to try. One of each here, another one in each layout."""
    all_types = codec_cases.ARRAYS.get(name, codec_cases.ANY)
    number = codec_cases.NAMES.index(name) * 5 + codec_cases.LAYOUTS.index(layout) * 2
    cases = [(dtype, variant, codec_cases.make(name, layout, dtype, variant))
             for dtype in all_types for variant in range(3)]
    cases = [case for case in cases if case[2]]
    return cases if SCALE > 1 or not cases else [cases[number * 7 % len(cases)]]


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
    cases = chosen(name, layout)
    for dtype, variant, case in cases:
        folder = tmp_path / f"{dtype}-{variant}"
        folder.mkdir()
        check(case, folder)
    assert cases or not codec_cases.exists(name, layout) or layout == "v2 big-endian"


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
