"""npy and npz files of structures, texts and times, both ways, against NumPy."""

import io

import numpy as np
import pytest

INNER = np.dtype([("small", "i1"), ("large", ">f8"), ("vec", "<i2", (2, 3))])
MIXED = np.dtype([("x", "<i2"), ("in", INNER), ("name", "S5"), ("text", ">U3"), ("flag", "?"), ("c", ">c8"), ("raw", "V3"),
                  ("names", "S4", (2,)), ("t", ">M8[10us]"), ("d", "<m8[D]")])


def elements(dtype, shape):
    """Elements of a structured type: small numbers, short texts, any raw bytes."""
    values, generator = np.zeros(shape, dtype), np.random.default_rng(3)

    def fill(part):
        if part.dtype.names:
            for name in part.dtype.names:
                fill(part[name])
        elif part.dtype.kind in "SU":
            part[...] = generator.choice(["", "a", "bcd"], part.shape)
        elif part.dtype.kind == "V":
            part[...] = np.frombuffer(generator.bytes(part.nbytes), part.dtype).reshape(part.shape)
        else:
            part[...] = generator.integers(0, 2 if part.dtype.kind == "b" else 100, part.shape).astype(
                "i8" if part.dtype.kind in "mM" else part.dtype).astype(part.dtype)
    fill(values)
    return values


def same(got, wanted):
    """Whether two arrays of one structured type hold the same bytes in little-endian order."""
    order = wanted.dtype.newbyteorder("<")
    return got.dtype == order and got.tobytes() == wanted.astype(order).tobytes()


@pytest.mark.parametrize("order", "CF")
@pytest.mark.parametrize("dtype", [MIXED, MIXED.newbyteorder(">"), MIXED.newbyteorder("<")], ids=["mixed", "big", "little"])
def test_structs_in_npy_and_npz(tessera, tmp_path, dtype, order):
    values = np.asarray(elements(dtype, (7, 6)), order=order)
    np.save(tmp_path / "a.npy", values)
    np.savez(tmp_path / "s.npz", a=values)
    np.savez_compressed(tmp_path / "d.npz", a=values)
    for source in ("a.npy", "s.npz/a", "d.npz/a"):
        tessera.run("export", source, "out.npy", "--overwrite", "--memory", "500")
        assert same(np.load(tmp_path / "out.npy"), values)
        part = tessera.run("cat", source + "[1:5:2, ::-3]", "--format", "npy").stdout
        assert same(np.load(io.BytesIO(part)), values[1:5:2, ::-3])
    tessera.run("import", "a.npy", "a.zarr", "--zarr-format", "2", "--chunks", "3,4")
    tessera.run("export", "a.zarr", "back.npy")
    assert same(np.load(tmp_path / "back.npy"), values)


@pytest.mark.parametrize("dtype", [[("é", "i1"), ("b\\c'\"", "<f8")], [("ü中", "<f4")], [(("title", "n"), "i1"), ("s", "f8", (1,))],
                                   [(f"field{i:04}", "<f4", (2,)) for i in range(3000)]],
                         ids=["latin", "unicode", "title", "long"])
@pytest.mark.filterwarnings("ignore:Stored array in format")
def test_names_of_fields(tessera, tmp_path, dtype):
    values = elements(np.dtype(dtype), (3,))
    np.save(tmp_path / "a.npy", values)
    tessera.run("export", "a.npy", "b.npy")
    got = np.load(tmp_path / "b.npy", max_header_size=1 << 20)
    assert got.dtype.names == values.dtype.names and got.tobytes() == values.tobytes()


@pytest.mark.parametrize("dtype", ["S7", "<U5", ">U5", "<M8[ns]", ">M8[D]", "<m8[3h]", "<M8", "V5"])
def test_texts_times_and_raw_bytes(tessera, tmp_path, dtype):
    values = elements(np.dtype([("a", dtype)]), (4,))["a"].copy()
    np.save(tmp_path / "a.npy", values)
    tessera.run("import", "a.npy", "a.zarr")
    tessera.run("export", "a.zarr", "b.npy")
    got = np.load(tmp_path / "b.npy")
    assert got.dtype == values.dtype.newbyteorder("<") and got.tolist() == values.tolist()


def test_structs_that_are_refused(tessera, tmp_path):
    np.save(tmp_path / "gap.npy", np.zeros(3, np.dtype([("a", "i1"), ("b", "f8")], align=True)))
    assert "repack_fields" in tessera.error("info", "gap.npy", status=8)
    np.save(tmp_path / "o.npy", np.zeros(3, np.dtype([("a", "O")])))
    assert '"|O" is not supported' in tessera.error("info", "o.npy", status=8)
    values = elements(MIXED, (50,))
    np.save(tmp_path / "cut.npy", values)
    (tmp_path / "cut.npy").write_bytes((tmp_path / "cut.npy").read_bytes()[:-1])
    tessera.error("export", "cut.npy", "out.npy", status=4)
    tessera.run("create", "h.zarr", "--shape", "3", "--dtype", "struct{a:int8,b:bfloat16}")
    assert 'field "b": an .npy file has no type for bfloat16' in tessera.error("export", "h.zarr", "h.npy", status=8)
