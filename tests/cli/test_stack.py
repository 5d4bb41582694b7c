"""stack: many arrays become one; compared with NumPy."""

import numpy as np
import pytest
import zarr


@pytest.fixture
def months(tmp_path):
    """Three arrays of different lengths along `time`."""
    random = np.random.default_rng(3)
    values = [random.integers(-99, 99, (length, 7, 9), dtype="i4") for length in (31, 28, 30)]
    for number, part in enumerate(values):
        zarr.create_array(tmp_path / f"m{number}", data=part, chunks=(10, 7, 4), shards=(20, 7, 8),
                          dimension_names=["time", "y", "x"], attributes={"unit": "K"}, fill_value=-1)
    return values


def test_along_an_axis(tessera, tmp_path, months):
    result = tessera.run("stack", "m0", "m1", "m2", "-o", "year.zarr/t", "--axis", "time")
    assert result.err.startswith("put together 1 array")
    array = zarr.open_array(tmp_path / "year.zarr/t", mode="r")
    assert np.array_equal(array[:], np.concatenate(months))
    assert array.chunks == (10, 7, 4) and array.shards == (20, 7, 8) and array.fill_value == -1
    assert array.metadata.dimension_names == ("time", "y", "x") and dict(array.attrs) == {"unit": "K"}
    tessera.run("stack", "m0", "m0", "-o", "wide", "--axis", "-1", "--chunks", "5,5,5", "--shards", "none")
    array = zarr.open_array(tmp_path / "wide", mode="r")
    assert np.array_equal(array[:], np.concatenate([months[0], months[0]], axis=2)) and array.chunks == (5, 5, 5)


@pytest.mark.parametrize("place", [0, 1, 3])
def test_along_a_new_axis(tessera, tmp_path, months, place):
    tessera.run("stack", "m1", "m1", "m1", "-o", "s", "--new-axis", f"member={place}" if place else "member")
    array = zarr.open_array(tmp_path / "s", mode="r")
    assert np.array_equal(array[:], np.stack([months[1]] * 3, axis=place))
    names = ["time", "y", "x"]
    names.insert(place, "member")
    assert array.metadata.dimension_names == tuple(names)


def test_types(tessera, tmp_path, months):
    np.save(tmp_path / "f.npy", np.full((2, 7, 9), 0.5))
    assert "--dtype" in tessera.error("stack", "m0", "f.npy", "-o", "s", status=2)
    assert not (tmp_path / "s").exists()
    tessera.run("stack", "m0", "f.npy", "-o", "s", "--dtype", "f8", "--casting", "safe")
    array = zarr.open_array(tmp_path / "s", mode="r")
    assert np.array_equal(array[:], np.concatenate([months[0], np.full((2, 7, 9), 0.5)]))


def test_files_of_other_formats(tessera, tmp_path):
    parts = [np.arange(6 * n, dtype="u2").reshape(n, 6) for n in (1, 4, 2)]
    for number, part in enumerate(parts):
        np.save(tmp_path / f"{number}.npy", part)
    document = tessera.json("stack", "0.npy", "1.npy", "2.npy", "-o", "s", schema="transfer")
    assert document["action"] == "put together" and document["source_bytes"] == 2 * 42
    assert np.array_equal(zarr.open_array(tmp_path / "s", mode="r")[:], np.concatenate(parts))


def test_chunks_of_several_lengths(tessera, tmp_path):
    """Lengths that are listed suit the array that lists them alone."""
    tessera.run("create", "a", "--shape", "6,4", "--dtype", "i2", "--chunks", "[[1,2,3],4]")
    np.save(tmp_path / "v.npy", np.arange(24, dtype="i2").reshape(6, 4))
    tessera.run("put", "v.npy", "a")
    tessera.run("stack", "a", "v.npy", "a", "-o", "s")
    values = np.load(tmp_path / "v.npy")
    assert np.array_equal(zarr.open_array(tmp_path / "s", mode="r")[:], np.concatenate([values] * 3))


def test_refusals(tessera, tmp_path, months):
    np.save(tmp_path / "plane.npy", np.zeros((3, 3), "i4"))
    for arguments in (["m0"], ["m0", "-o", "s", "--axis", "lat"], ["m0", "-o", "s", "--axis", "3"],
                      ["m0", "-o", "s", "--new-axis", "n=5"], ["m0", "-o", "s", "--new-axis", "=1"],
                      ["m0", "-o", "s", "--axis", "0", "--new-axis", "n"], ["m0", "-o", "m0"],
                      ["m0", "plane.npy", "-o", "s"], ["m0", "m1", "-o", "s", "--axis", "y"],
                      ["m0", "m1", "-o", "s", "--new-axis", "n"]):
        tessera.error("stack", *arguments, status=2)
    tessera.error("stack", "m0", "nowhere", "-o", "s", status=3)
    assert "-o DESTINATION" in tessera.error("stack", "m0", "m1", "s", status=2)
    assert not (tmp_path / "s").exists()
    out = tessera.run("stack", "m0", "m1", "-o", "s", "--dry-run").out
    assert "(59, 7, 9)" in out and not (tmp_path / "s").exists()
    assert "limit is" in tessera.error("stack", "m0", "m1", "-o", "s", "--memory", "1KiB", status=8)


def test_verify_reads_back(tessera, tmp_path, months):
    document = tessera.json("stack", "m0", "m1", "-o", "s", "--verify", schema="transfer")
    assert document["verified"] == 1 and document["different"] == []
    # What a codec rounds is not what the sources have.
    for number in range(2):
        zarr.create_array(tmp_path / f"f{number}", data=np.linspace(0.1, 0.9, 40, dtype="f4"), chunks=(10,))
    rounded = ["--filters", '[{"name": "bitround", "configuration": {"keepbits": 3}}]']
    document = tessera.json("stack", "f0", "f1", "-o", "r", "--verify", *rounded, schema="transfer", status=4)
    assert document["verified"] == 1 and len(document["different"]) == 8
