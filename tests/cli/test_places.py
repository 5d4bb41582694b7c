"""Places: spaces, Unicode, dashes, brackets, URLs."""

import numpy as np
import pytest
import zarr

NAMES = ["with space", "größe", "日本", "-dash", "--double", "a[0]", "a=b,c", "semi;colon", "per%20cent", "quote'\"",
         "*?", "#hash", "~"]


@pytest.mark.parametrize("name", NAMES)
def test_names_of_any_kind(tessera, tmp_path, name):
    values = np.arange(6, dtype="i4").reshape(2, 3)
    zarr.create_group(tmp_path / "g.zarr").create_array(name, data=values)
    place = f"g.zarr/{name}"
    assert tessera.json("info", place, schema="info")["shape"] == [2, 3]
    assert tessera.run("cat", place).out == "0 1 2\n3 4 5\n"
    assert tessera.run("cat", f"{place}[1, ::2]").out == "3 5\n"
    assert [row["name"] for row in tessera.json("ls", "g.zarr", schema="ls")] == [name]
    tessera.run("cp", place, f"h.zarr/{name}")
    tessera.run("diff", "g.zarr", "h.zarr")
    assert name in tessera.run("tree", "g.zarr").out
    tessera.run("rm", "-f", f"h.zarr/{name}")
    assert tessera.run("ls", "h.zarr").out == ""


def test_a_place_that_begins_with_a_dash(tessera, tmp_path):
    zarr.create_array(tmp_path / "-x", data=np.arange(3))
    assert tessera.run("cat", "--", "-x").out == "0 1 2\n"
    assert "no option -x" in tessera.error("cat", "-x", status=2)


def test_urls_and_slashes(tessera, tmp_path, counting):
    expected = tessera.run("cat", "a.zarr").out
    for place in (f"file://{tmp_path}/a.zarr", f"file:{tmp_path}/a.zarr", "a.zarr/", "./a.zarr", "a.zarr//",
                  f"{tmp_path}/../{tmp_path.name}/a.zarr"):
        assert tessera.run("cat", place).out == expected, place


def test_names_that_are_no_utf8(tessera, tmp_path):
    import os
    zarr.create_array(tmp_path / "a", data=np.arange(3))
    os.rename(tmp_path / "a", os.fsencode(tmp_path) + b"/a\xff")
    result = tessera.run("cat", b"a\xff".decode(errors="surrogateescape"), status=None)
    # A store may refuse such a key; it must not crash or print what is no UTF-8.
    assert result.status in (0, 2, 3) and result.err.isprintable() or "\n" in result.err


def test_long_names(tessera, tmp_path):
    tessera.error("cat", "x" * 5000, status=None)
    tessera.error("cat", "x/" * 3000, status=None)
    deep = tmp_path
    for _ in range(20):
        deep = deep / ("d" * 100)
    zarr.create_array(deep, data=np.arange(3))
    assert tessera.run("cat", deep.relative_to(tmp_path)).out == "0 1 2\n"


def test_brackets_belong_to_the_name_when_it_exists(tessera, tmp_path):
    zarr.create_array(tmp_path / "a", data=np.arange(3))
    zarr.create_array(tmp_path / "a[1]", data=np.arange(10, 13))
    assert tessera.run("cat", "a[1]").out == "10 11 12\n"
    assert tessera.run("cat", "a[2]").out == "2\n"
    assert tessera.run("cat", "a[1][1]").out == "11\n"


def test_what_is_not_there_at_all_is_told_so(tessera, tmp_path, counting):
    np.save(tmp_path / "values.npy", counting)
    (tmp_path / "folder").mkdir()
    message = tessera.error("import", "value.npy", "out.zarr", status=3)
    assert "no such file, array or group" in message and "did you mean ./values.npy?" in message
    assert "did you mean" not in tessera.error("cat", "else/where", status=3)
    assert "no Zarr array or group" in tessera.error("cat", "folder", status=3)


def test_files_beyond_the_limit_of_the_user(tessera, tmp_path, counting):
    import resource
    values = np.random.default_rng(1).integers(0, 256, 100000, "uint8")
    np.save(tmp_path / "v.npy", values)
    message = tessera.error("import", "v.npy", "out", status=8,
                            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (20000, 20000)))
    assert "File too large" in message and "ulimit -f" in message
