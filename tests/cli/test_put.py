"""put: elements into arrays, read back by zarr-python."""

import numpy as np
import pytest
import zarr


@pytest.fixture
def target(tmp_path):
    return zarr.create_array(tmp_path / "t", shape=(20, 6), chunks=(4, 3), shards=(8, 6), dtype="float32",
                             fill_value=-1, dimension_names=["time", "x"])


def test_npy_into_a_selection(tessera, tmp_path, target):
    values = np.arange(60, dtype="float32").reshape(10, 6)
    np.save(tmp_path / "frames.npy", values)
    tessera.run("put", "frames.npy", "t", "--select", "3:13")
    expected = np.full((20, 6), -1, "float32")
    expected[3:13] = values
    assert np.array_equal(target[:], expected)
    tessera.run("put", "frames.npy[::2]", "t[15:, ::-1]")
    expected[15:, ::-1] = values[::2]
    assert np.array_equal(target[:], expected)
    tessera.run("put", "frames.npy[0]", "t", "--isel", "time=-2")
    expected[-2] = values[0]
    assert np.array_equal(target[:], expected)


@pytest.mark.parametrize("memory", ["1", "50", "1KiB", "1GiB"])
def test_raw_from_standard_input(tessera, target, memory):
    values = np.arange(120, dtype="<f4").reshape(20, 6)
    tessera.run("put", "-", "t", "--memory", memory, input=values.tobytes())
    assert np.array_equal(target[:], values)
    tessera.run("put", "-", "t[1:4, 2]", "--memory", memory, input=np.float32([7, 8, 9]).tobytes())
    values[1:4, 2] = [7, 8, 9]
    assert np.array_equal(target[:], values)


@pytest.mark.parametrize("size, words", [(16, "ends after 16 bytes"), (0, "ends after 0"), (28, "more than the 24")])
def test_raw_of_another_size(tessera, target, size, words):
    assert words in tessera.error("put", "-", "t[0]", input=bytes(size), status=2)


def test_shapes_must_agree(tessera, tmp_path, target):
    np.save(tmp_path / "v.npy", np.zeros((6, 20), "float32"))
    message = tessera.error("put", "v.npy", "t", status=2)
    assert "(6, 20)" in message and "(20, 6)" in message
    assert (target[:] == -1).all()


def test_types_are_converted_unasked_only_without_loss(tessera, tmp_path, target):
    np.save(tmp_path / "v.npy", np.full((20, 6), 2.5))
    assert "--casting" in tessera.error("put", "v.npy", "t", status=2)
    assert (target[:] == -1).all()
    tessera.run("put", "v.npy", "t", "--casting", "same_kind")
    assert (target[:] == 2.5).all()


def test_from_one_array_to_another(tessera, tmp_path, target, counting):
    zarr.create_array(tmp_path / "u", shape=(10, 6), chunks=(10, 1), dtype="int64")
    tessera.run("put", "a.zarr[::-1]", "u[:6, :0:-1]", status=2)
    tessera.run("put", "a.zarr[:, :6]", "u[:6]")
    assert np.array_equal(zarr.open_array(tmp_path / "u")[:6], counting[:, :6])


def test_scalars(tessera, tmp_path, target):
    np.save(tmp_path / "v.npy", np.float32(5))
    tessera.run("put", "v.npy", "t[3, 4]")
    assert target[3, 4] == 5


def test_dry_run(tessera, tmp_path, target):
    np.save(tmp_path / "v.npy", np.zeros((20, 6), "float32"))
    assert "would write (20, 6) float32" in tessera.run("put", "v.npy", "t", "-n").out
    assert (target[:] == -1).all()
    tessera.error("put", "v.npy[0]", "t", "-n", status=2)


@pytest.mark.parametrize("durability", ["none", "flush", "chunk"])
def test_durability(tessera, target, durability):
    values = np.ones((20, 6), "<f4")
    tessera.run("put", "-", "t", "--durability", durability, input=values.tobytes())
    assert np.array_equal(target[:], values)


def test_failures(tessera, tmp_path, target, counting):
    tessera.error("put", "missing.npy", "t", status=3)
    tessera.error("put", "a.zarr", "missing", status=3)
    tessera.error("put", "a.zarr", status=2)
    np.save(tmp_path / "v.npy", np.zeros((6, 10), "int32"))
    assert "isel" in tessera.error("put", "v.npy", "t[0]", "--isel", "x=0", status=2)
    # A file that is no array, and arrays that cannot be written.
    (tmp_path / "text.txt").write_text("hello")
    tessera.error("put", "text.txt", "t", status=8)
    tessera.error("put", "a.zarr", "v.npy", status=6)
