"""npz archives: as NumPy writes them, as others write them, and as nobody should."""

import io
import zipfile

import numpy as np
import pytest
import zarr


def npy(values):
    stream = io.BytesIO()
    np.save(stream, values)
    return stream.getvalue()


@pytest.fixture
def arrays():
    random = np.random.default_rng(1)
    table = random.integers(0, 1000, (700, 900))
    return {
        "table": table.astype("<i4"),
        "fortran": np.asfortranarray(table.astype("u2")),
        "big": table.astype(">f8"),
        "both": np.asfortranarray(random.random((30, 40, 50)).astype(">f4")),
        "complex": (table + 1j).astype("c16")[:5],
        "flags": table[0] > 500,
        "one": np.float32(3.5),
        "none": np.zeros((0, 5)),
        "group/inner/deep": np.arange(10, dtype="u8"),
    }


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_what_numpy_writes(tessera, tmp_path, arrays, save):
    save(tmp_path / "a.npz", **arrays)
    assert paths(tessera.json("tree", "a.npz", schema="tree")) == {"/" + name for name in arrays}
    tessera.run("import", "a.npz", "a.zarr", "--chunks", "100")
    root = zarr.open_group(tmp_path / "a.zarr", mode="r")
    for name, values in arrays.items():
        assert root[name].dtype == values.dtype.newbyteorder("="), name
        assert np.array_equal(root[name][...], values), name
        assert tessera.json("info", f"a.npz/{name}", schema="info")["driver"] == "npz"
    tessera.run("diff", "a.npz", "a.zarr")
    part = tessera.run("cat", "a.npz/both[3:5, 7, ::10]").out
    assert np.array_equal(np.loadtxt(io.StringIO(part), dtype="f4"), arrays["both"][3:5, 7, ::10])


def paths(node, above=""):
    """Of all arrays in what `tree` shows."""
    if node["kind"] == "array":
        return {above}
    return {path for child in node["children"] for path in paths(child, f"{above}/{child['name']}")}


def test_zip64_and_streams_of_unknown_size(tessera, tmp_path, monkeypatch):
    class Pipe(io.RawIOBase):
        """Cannot seek: zipfile writes sizes behind the bytes."""

        def __init__(self, file):
            self.file = file

        def writable(self):
            return True

        def write(self, data):
            return self.file.write(data)

    values = np.arange(5000, dtype="i2")
    with open(tmp_path / "p.npz", "wb") as file, zipfile.ZipFile(Pipe(file), "w", zipfile.ZIP_DEFLATED) as archive:
        for name in "ab":
            with archive.open(f"{name}.npy", "w", force_zip64=True) as member:
                member.write(npy(values))
    for name in "ab":
        assert tessera.run("cat", f"p.npz/{name}[-3:]").out == "4997 4998 4999\n"
    # Every size and the directory in the wide form, as beyond 4 GiB and 65,535 members.
    monkeypatch.setattr(zipfile, "ZIP64_LIMIT", 1)
    monkeypatch.setattr(zipfile, "ZIP_FILECOUNT_LIMIT", 0)
    np.savez(tmp_path / "wide.npz", a=values, b=values[::-1])
    assert b"PK\6\6" in (tmp_path / "wide.npz").read_bytes()
    assert tessera.run("cat", "wide.npz/b[0:2]").out == "4999 4998\n"


def test_bad_members_hide_no_others(tessera, tmp_path):
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive, pytest.warns(UserWarning):
        archive.writestr("good.npy", npy(np.arange(3)))
        archive.writestr("../escape.npy", npy(np.arange(3)))
        archive.writestr("/absolute.npy", npy(np.arange(3)))
        archive.writestr("twice.npy", npy(np.arange(3)))
        archive.writestr("twice.npy", npy(np.arange(4)))
        archive.writestr("lzma.npy", npy(np.arange(3)), zipfile.ZIP_LZMA)
        archive.writestr("objects.npy", npy(np.array([{}], dtype=object)))
        archive.writestr("not.npy", b"not an array")
        archive.writestr("cut.npy", npy(np.arange(30))[:-1], zipfile.ZIP_DEFLATED)
        archive.writestr("notes.txt", b"no array, and not named like one")
    result = tessera.run("import", "a.npz", "a.zarr", status=5)
    for name, problem in (("../escape", "is no name of an array"), ("/absolute", "is no name of an array"),
                          ("twice", "several members"), ("lzma", "method 14"), ("objects", "Python objects"),
                          ("not", "not of the .npy format"), ("cut", "the header tells of")):
        lines = [line for line in result.err.splitlines() if f"left out {name}:" in line]
        assert len(lines) == 1 and problem in lines[0], (name, result.err)
    assert sorted(path.name for path in (tmp_path / "a.zarr").iterdir()) == ["good", "zarr.json"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.npz", "a.zarr"]
    assert np.array_equal(zarr.open_array(tmp_path / "a.zarr/good", mode="r")[:], [0, 1, 2])
    assert "notes" not in tessera.run("tree", "a.npz", status=None).out
    assert tessera.error("cat", "a.npz/twice", status=4).startswith("tessera: a.npz/twice: several members")


def test_encrypted(tessera, tmp_path):
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        archive.writestr("a.npy", npy(np.arange(3)))
    data = bytearray((tmp_path / "a.npz").read_bytes())
    for signature, flags in ((b"PK\3\4", 6), (b"PK\1\2", 8)):
        data[data.index(signature) + flags] |= 1
    (tmp_path / "a.npz").write_bytes(data)
    assert "a.npz/a: encrypted" in tessera.error("cat", "a.npz/a", status=8)


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_cut_off_and_changed(tessera, tmp_path, method):
    with zipfile.ZipFile(tmp_path / "a.npz", "w", method) as archive:
        archive.writestr("a.npy", npy(np.arange(20000) * 7919 % 65536))
    whole = (tmp_path / "a.npz").read_bytes()
    (tmp_path / "cut.npz").write_bytes(whole[: len(whole) // 2])
    assert "no zip archive that can be read" in tessera.error("ls", "cut.npz", status=4)
    if method == zipfile.ZIP_DEFLATED:
        changed = bytearray(whole)
        changed[len(whole) // 2] ^= 0x10
        (tmp_path / "changed.npz").write_bytes(changed)
        assert "changed.npz/a: " in tessera.error("stats", "changed.npz/a", status=4)


