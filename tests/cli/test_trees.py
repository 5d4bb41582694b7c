"""consolidate, ls with patterns, mv: trees as zarr-python sees them, and as it makes them."""

import json
import os

import numpy as np
import pytest
import zarr


@pytest.fixture(params=[2, 3])
def forest(request, tmp_path):
    """A tree of two levels, in either Zarr format."""
    root = zarr.create_group(tmp_path / "f.zarr", zarr_format=request.param, attributes={"title": "forest"})
    for place in ("a", "b"):
        group = root.create_group(place, attributes={"place": place})
        for name in ("temp", "temperature", "wind"):
            group.create_array(name, shape=(4,), chunks=(2,), dtype="int16", attributes={"name": name})[:] = np.arange(4)
        group.create_group("deep").create_array("temp2", shape=(), dtype="int8", fill_value=5)
    root.create_array("top", shape=(3,), dtype="float32")
    return request.param


def names(tessera, *arguments):
    return tessera.run("ls", *arguments).out.split()


def test_consolidated_by_us_is_read_by_zarr_python(tessera, tmp_path, forest):
    assert "copies of 13 nodes" in tessera.run("consolidate", "f.zarr").out
    root = zarr.open_consolidated(tmp_path / "f.zarr", zarr_format=forest)
    assert sorted(name for name, _ in root.members(max_depth=None)) == sorted(
        ["top", *(f"{p}{n}" for p in "ab" for n in ("", "/temp", "/temperature", "/wind", "/deep", "/deep/temp2"))])
    assert np.array_equal(root["a/temp"][:], np.arange(4)) and dict(root["b"].attrs) == {"place": "b"}
    assert root["a/deep/temp2"].fill_value == 5


def test_the_same_copies_as_zarr_python_makes(tessera, tmp_path, forest):
    zarr.consolidate_metadata(tmp_path / "f.zarr", zarr_format=forest)
    name = "zarr.json" if forest == 3 else ".zmetadata"
    theirs = json.loads((tmp_path / "f.zarr" / name).read_text())
    theirs = theirs["consolidated_metadata"] if forest == 3 else theirs
    assert "which were up to date" in tessera.run("consolidate", "f.zarr").out  # and are left alone
    tessera.run("consolidate", "--drop", "f.zarr")
    tessera.run("consolidate", "f.zarr")
    ours = json.loads((tmp_path / "f.zarr" / name).read_text())
    ours = ours["consolidated_metadata"] if forest == 3 else ours
    assert ours.keys() == theirs.keys()
    assert list(ours["metadata"]) == list(theirs["metadata"]) or forest == 2
    for key, document in theirs["metadata"].items():
        document.pop("consolidated_metadata", None)  # empty in the groups inside
        if key.endswith(".zattrs") and document == {}:
            continue
        got = ours["metadata"][key]
        assert {k: v for k, v in got.items() if k != "storage_transformers"} == {
            k: v for k, v in document.items() if k != "storage_transformers"}, key


def test_copies_are_used_for_reading_and_dropped(tessera, tmp_path, forest):
    """The documents of the nodes below are gone, which only the copies can make up for."""
    zarr.consolidate_metadata(tmp_path / "f.zarr", zarr_format=forest)
    for path in list((tmp_path / "f.zarr").rglob("*")):
        if path.name in ("zarr.json", ".zarray", ".zgroup") and path.parent.name != "f.zarr":
            path.unlink()
    assert names(tessera, "f.zarr") == ["a/", "b/", "top"]
    listing = tessera.json("ls", "f.zarr/*/t*", schema="ls")
    assert [row["name"] for row in listing] == ["a/temp", "a/temperature", "b/temp", "b/temperature"]
    assert all(row["shape"] == [4] for row in listing)
    assert "temp2" in tessera.run("tree", "f.zarr").out
    tessera.run("consolidate", "--drop", "f.zarr")
    assert "has no copies" in tessera.run("consolidate", "--drop", "f.zarr").out
    assert names(tessera, "f.zarr") == []


@pytest.fixture
def mirror(tmp_path):
    """A tree of v2 as a mirror has it that takes the copies of metadata alone."""
    root = zarr.create_group(tmp_path / "m", zarr_format=2, attributes={"title": "mirror"})
    root.create_array("a", shape=(5, 6), chunks=(2, 3), dtype="int32", fill_value=-1)[:3] = np.arange(18).reshape(3, 6)
    root.create_group("g").create_array("deep/b", shape=(4,), dtype="float64", fill_value=7.5)
    zarr.consolidate_metadata(tmp_path / "m", zarr_format=2)
    for path in list((tmp_path / "m").rglob(".z*")):
        if path.name != ".zmetadata":
            path.unlink()
    return np.vstack([np.arange(18).reshape(3, 6), np.full((2, 6), -1)])


def test_copies_without_documents_are_a_tree(tessera, tmp_path, mirror):
    assert names(tessera, "m") == ["a", "g/"]
    assert "deep" in tessera.run("tree", "m").out
    assert json.loads(tessera.run("cat", "m/a", "--format", "json").out) == mirror.tolist()
    assert json.loads(tessera.run("cat", "m/g/deep/b", "--format", "json").out) == [7.5] * 4
    assert tessera.json("info", "m", schema="info")["attributes"] == {"title": "mirror"}
    tessera.run("check", "m", "--data")
    assert "up to date" in tessera.run("consolidate", "-n", "m").out
    for command in (["put", "-", "m/a"], ["resize", "m/a", "9,6"], ["attr", "m/a", "x=1"], ["attr", "m", "x=1"],
                    ["consolidate", "m"], ["compact", "m/a"]):
        assert "`tessera cp` makes a tree" in tessera.error(*command, status=6)
    assert sorted(path.name for path in (tmp_path / "m").iterdir()) == [".zmetadata", "a", "g"]

    tessera.run("cp", "-r", "m", "whole")
    whole = zarr.open_group(tmp_path / "whole", mode="r", use_consolidated=False)
    assert np.array_equal(whole["a"][:], mirror) and dict(whole.attrs) == {"title": "mirror"}
    assert np.array_equal(whole["g/deep/b"][:], [7.5] * 4)
    tessera.run("diff", "m", "whole")
    tessera.run("cp", "m/a", "alone")
    assert np.array_equal(zarr.open_array(tmp_path / "alone", mode="r")[:], mirror)


def test_a_reference_file_of_copies_is_a_tree(tessera, tmp_path, mirror):
    refs = {".zmetadata": (tmp_path / "m" / ".zmetadata").read_text()}
    refs |= {f"a/{path.name}": [str(path)] for path in (tmp_path / "m" / "a").iterdir()}
    (tmp_path / "refs.json").write_text(json.dumps({"version": 1, "refs": refs}))
    assert names(tessera, "refs.json") == ["a", "g/"]
    assert json.loads(tessera.run("cat", "refs.json/a", "--format", "json").out) == mirror.tolist()
    assert json.loads(tessera.run("cat", "refs.json/g/deep/b", "--format", "json").out) == [7.5] * 4


SURROGATES = {"s": "\ud800", "k\udfff": ["a\udc00b", {"x": "\ud83d"}], "pair": "\U0001f600", "two": "\udc00\ud800",
              "escape": "\\ud800"}


@pytest.mark.parametrize("zarr_format", [2, 3])
def test_lone_surrogates_in_attributes_are_kept(tessera, tmp_path, zarr_format):
    """Python has them in texts and writes them into JSON as escapes."""
    root = zarr.create_group(tmp_path / "f", zarr_format=zarr_format, attributes=SURROGATES)
    root.create_array("a", shape=(4,), dtype="int32", attributes=SURROGATES)[:] = 7
    zarr.consolidate_metadata(tmp_path / "f", zarr_format=zarr_format)
    assert "up to date" in tessera.run("consolidate", "-n", "f").out
    tessera.run("attr", "f/a", "new=1", 'other="\\udabc"')
    tessera.run("resize", "f/a", "5")
    tessera.run("consolidate", "f")
    tessera.run("check", "f", "--data")
    assert json.loads(tessera.run("attr", "f").out) == SURROGATES
    assert tessera.json("info", "f/a", schema="info")["attributes"] == SURROGATES | {"new": 1, "other": "\udabc"}
    assert 's = "\\ud800"' in tessera.run("info", "f").out
    tessera.run("cp", "-r", "f", "same")
    tessera.run("cp", "-r", "--zarr-format", str(5 - zarr_format), "f", "other")
    tessera.run("diff", "f", "same")
    tessera.run("diff", "f", "other")
    assert tessera.run("hash", "f").out == tessera.run("hash", "same").out
    for copy in "same", "other":
        found = zarr.open_group(tmp_path / copy, mode="r")
        assert dict(found.attrs) == SURROGATES
        assert dict(found["a"].attrs) == SURROGATES | {"new": 1, "other": "\udabc"}


def test_copies_grow_stale_and_are_refreshed(tessera, tmp_path, forest):
    assert "none yet" in tessera.run("consolidate", "-n", "f.zarr", status=1).out
    tessera.run("consolidate", "f.zarr")
    assert "up to date" in tessera.run("consolidate", "-n", "f.zarr").out
    tessera.run("resize", "f.zarr/a/temp", "9")
    # Copies tell of the tree; a node's own place, of the node.
    assert tessera.json("ls", "f.zarr/a/temp*", schema="ls")[0]["shape"] == [9]
    assert tessera.json("ls", "f.zarr/*/temp", schema="ls")[0]["shape"] == [4]
    assert tessera.json("info", "f.zarr/a/temp", schema="info")["shape"] == [9]
    assert "stale" in tessera.run("consolidate", "-n", "f.zarr", status=1).out
    assert json.loads((tmp_path / "f.zarr" / ("zarr.json" if forest == 3 else ".zmetadata")).read_text())
    tessera.run("consolidate", "f.zarr")
    assert tessera.json("ls", "f.zarr/*/temp", schema="ls")[0]["shape"] == [9]
    assert "which were up to date" in tessera.run("consolidate", "f.zarr").out


def test_attributes_of_the_root_stay(tessera, tmp_path, forest):
    tessera.run("consolidate", "f.zarr")
    tessera.run("attr", "f.zarr", "more=1")
    assert dict(zarr.open_consolidated(tmp_path / "f.zarr", zarr_format=forest)["a"].attrs) == {"place": "a"}
    assert dict(zarr.open_group(tmp_path / "f.zarr", mode="r", use_consolidated=False).attrs) == {
        "title": "forest", "more": 1}


def test_formats_are_not_mixed(tessera, tmp_path, forest):
    zarr.create_group(tmp_path / "f.zarr" / "other", zarr_format=5 - forest)
    assert "cannot be consolidated" in tessera.error("consolidate", "f.zarr", status=8)
    tessera.error("consolidate", "f.zarr/top", status=2)
    tessera.error("consolidate", "nowhere.zarr", status=3)


@pytest.mark.parametrize("pattern, expected", [
    ("f.zarr/*", ["a/", "b/", "top"]),
    ("f.zarr/?", ["a/", "b/"]),
    ("f.zarr/[b-z]*", ["b/", "top"]),
    ("f.zarr/*/temp", ["a/temp", "b/temp"]),
    ("f.zarr/**/temp*", ["a/deep/temp2", "a/temp", "a/temperature", "b/deep/temp2", "b/temp", "b/temperature"]),
    ("f.zarr/a/**", ["deep/", "deep/temp2", "temp", "temperature", "wind"]),
    ("f.zarr/**/deep/**", ["a/deep/", "a/deep/temp2", "b/deep/", "b/deep/temp2"]),
    ("f.zarr/**/deep/*", ["a/deep/temp2", "b/deep/temp2"]),
    ("f.zarr/a/*2", None), ("f.zarr/x*", None),
])
def test_patterns(tessera, forest, pattern, expected):
    if expected is None:
        assert "matches" in tessera.error("ls", pattern, status=3)
    else:
        assert names(tessera, pattern) == expected


def test_names_that_look_like_patterns(tessera, tmp_path):
    tessera.run("create", "g.zarr/a[1]", "--shape", "2", "--dtype", "i1")
    tessera.run("create", "g.zarr/a1", "--shape", "2", "--dtype", "i1")
    assert names(tessera, "g.zarr/a[1]") == ["a[1]"]
    assert names(tessera, "g.zarr/a[12]") == ["a1"]


def test_moving(tessera, tmp_path, forest):
    tessera.run("mv", "f.zarr/a/temp", "f.zarr/new/place/t")
    assert np.array_equal(zarr.open_array(tmp_path / "f.zarr" / "new" / "place" / "t", mode="r")[:], np.arange(4))
    assert isinstance(zarr.open_group(tmp_path / "f.zarr" / "new", mode="r", zarr_format=forest), zarr.Group)
    assert "temp" not in names(tessera, "f.zarr/a")
    tessera.run("mv", "f.zarr/b", "other.zarr")
    assert dict(zarr.open_group(tmp_path / "other.zarr", mode="r").attrs) == {"place": "b"}
    tessera.run("mv", "other.zarr/", "f.zarr/b")
    assert names(tessera, "f.zarr") == ["a/", "b/", "new/", "top"]
    assert "would move the group" in tessera.run("mv", "-n", "f.zarr/a", "f.zarr/c").out


@pytest.mark.parametrize("source, destination, status, says", [
    ("f.zarr/a", "f.zarr/b", 8, "exists"), ("f.zarr/a", "f.zarr/a/x", 2, "inside"), ("f.zarr/x", "f.zarr/y", 3, "no Zarr"),
    ("f.zarr/a", "f.zarr/__x", 2, "reserved"), ("f.zarr/a", "f.zarr/top/x", 8, "array"),
    ("f.zarr/a", "memory:", 8, "copy it"), ("f.zarr", "f.zarr", 8, "exists"), ("folder", "f.zarr/z", 3, "no Zarr"),
])
def test_what_is_not_moved(tessera, tmp_path, forest, source, destination, status, says):
    (tmp_path / "folder").mkdir()
    assert says in tessera.error("mv", source, destination, status=status)
    assert names(tessera, "f.zarr") == ["a/", "b/", "top"]
    assert not (tmp_path / "f.zarr" / "top" / "x").exists() and os.path.isdir(tmp_path / "folder")


def test_a_folder_without_metadata_is_read_like_a_group(tessera, tmp_path, counting):
    (tmp_path / "bare" / "not.zarr").mkdir(parents=True)
    assert "no Zarr array or group" in tessera.error("ls", "bare", status=3)
    (tmp_path / "a.zarr").rename(tmp_path / "bare" / "a")
    (tmp_path / "bare" / "note.txt").write_text("x")
    assert tessera.run("ls", "bare").out.split() == ["a"]
    assert "int32" in tessera.run("tree", "bare").out and "folder" in tessera.run("info", "bare").out
    assert "checked 1 array" in tessera.run("check", "--data", "bare").out
    tessera.run("cp", "-r", "bare", "whole")
    assert np.array_equal(zarr.open_group(tmp_path / "whole", mode="r")["a"][:], counting)
    tessera.error("rm", "-f", "bare", status=3)
    tessera.error("attr", "bare", "x=1", status=3)
    assert (tmp_path / "bare" / "note.txt").exists()
