"""info, tree and ls: what there is, for people and for programs."""

import json

import numpy as np
import pytest
import zarr


def test_info_of_a_sharded_array(tessera, tree, tmp_path):
    info = tessera.json("info", "t.zarr/sharded", schema="info")
    assert info["shape"] == [16, 24] and info["chunks"] == [4, 4] and info["shards"] == [8, 12]
    assert info["grids"] == [[8, 12], [4, 4]]
    assert info["dimension_names"] == ["lat", "lon"] and info["dtype"] == "float32"
    assert info["attributes"] == {"units": "m"} and info["fill_value"] == 0
    assert info["size_bytes"] == 16 * 24 * 4 and info["count"] == 16 * 24
    files = [path for path in (tmp_path / "t.zarr" / "sharded" / "c").rglob("*") if path.is_file()]
    assert info["stored_objects"] == len(files) == 4
    assert info["stored_bytes"] == sum(path.stat().st_size for path in files)
    text = tessera.run("info", "t.zarr/sharded").out
    for words in ("(16, 24)", "lat, lon", "float32", "zstd 5", "2 x 2 = 4", "4 x 6 = 24", 'units = "m"'):
        assert words in text


def test_info_of_a_group(tessera, tree):
    info = tessera.json("info", "t.zarr", schema="info")
    assert info["kind"] == "group" and info["attributes"]["title"] == "a tree"
    assert "2 arrays, 1 group" in tessera.run("info", "t.zarr").out


def test_fill_values_are_exact(tessera, tmp_path):
    cases = {"uint64": (2**64 - 1, 2**64 - 1), "float64": (np.nan, "NaN"), "float32": (-np.inf, "-Infinity"),
             "complex128": (complex(1, np.inf), [1.0, "Infinity"]), "bool": (True, True)}
    for dtype, (value, expected) in cases.items():
        zarr.create_array(tmp_path / dtype, shape=(2,), dtype=dtype, fill_value=value)
        assert tessera.json("info", dtype, schema="info")["fill_value"] == expected


def test_info_of_v2(tessera, tmp_path):
    zarr.create_array(tmp_path / "a", shape=(10, 10), chunks=(5, 5), dtype="i4", zarr_format=2, order="F")
    info = tessera.json("info", "a", schema="info")
    assert info["driver"] == "zarr2" and info["codecs"]["order"] == "F"
    assert "order F" in tessera.run("info", "a").out


def test_tree_text(tessera, tree):
    lines = tessera.run("tree", "t.zarr").out.splitlines()
    assert lines[0].startswith("/") and "title, Conventions" in lines[0]
    assert [line.split()[1] for line in lines[1:]] == ["inner", "└──", "plain", "sharded"]
    assert "chunks 4x4 in shards 8x12" in lines[4] and "zstd 5" in lines[4]
    assert "1.5 KiB -> " in lines[4]
    # All columns are aligned.
    assert lines[3].index("float64") == lines[4].index("float32")


def test_tree_is_ascii_where_the_terminal_is_not_utf8(tessera, tree):
    out = tessera.run("tree", "t.zarr", env={"LC_ALL": "C"}).stdout
    assert out.isascii() and b"|-- plain" in out and b"`-- sharded" in out


def test_tree_depth(tessera, tree):
    assert "deep" not in tessera.run("tree", "-L", "1", "t.zarr").out
    assert "deep" in tessera.run("tree", "--depth", "2", "t.zarr").out
    assert tessera.run("tree", "-L0", "t.zarr").out.count("\n") == 1


def test_tree_json(tessera, tree):
    root = tessera.json("tree", "t.zarr", schema="tree")
    assert [child["name"] for child in root["children"]] == ["inner", "plain", "sharded"]
    assert root["children"][0]["children"][0]["fill_value"] == 7
    assert tessera.json("tree", "t.zarr/plain", schema="tree")["kind"] == "array"


def test_ls(tessera, tree):
    assert tessera.run("ls", "t.zarr").out == "inner/\nplain\nsharded\n"
    assert tessera.run("ls", "t.zarr/plain").out == "plain\n"
    long = tessera.run("ls", "-l", "t.zarr").out
    assert "(16, 24)" in long and "group" in long
    rows = tessera.json("ls", "t.zarr", schema="ls")
    assert [(row["name"], row["kind"]) for row in rows] == [
        ("inner", "group"), ("plain", "array"), ("sharded", "array")]


def test_one_bad_node_hides_no_other(tessera, tree, tmp_path):
    (tmp_path / "t.zarr" / "plain" / "zarr.json").write_text('{"zarr_format": 3, "node_type": "array"}')
    result = tessera.run("tree", "t.zarr", status=5)
    assert "damaged" in result.out and "sharded" in result.out and "1 nodes" in result.err
    root = tessera.json("tree", "t.zarr", schema="tree", status=5)
    assert [child["kind"] for child in root["children"]] == ["group", "damaged", "array"]
    result = tessera.run("ls", "-l", "t.zarr", status=5)
    assert "sharded" in result.out and "plain" in result.err


def test_names_cannot_take_over_the_terminal(tessera, tmp_path):
    name = "evil\x1b[2Jname"
    group = zarr.create_group(tmp_path / "g", attributes={"\x1b]0;title\x07": "\x1b[31m"})
    (tmp_path / "g" / name).mkdir()
    document = {"zarr_format": 3, "node_type": "group", "attributes": {}}
    (tmp_path / "g" / name / "zarr.json").write_text(json.dumps(document))
    for command in ("ls", "tree", "info"):
        assert b"\x1b" not in tessera.run(command, "g").stdout
    assert "evil\\x1b[2Jname" in tessera.run("ls", "g").out
    assert tessera.json("ls", "g", schema="ls")[0]["name"] == name


def test_huge_shape(tessera, tmp_path):
    zarr.create_array(tmp_path / "h", shape=(2**62, 2), chunks=(2**20, 1), dtype="u1", fill_value=3)
    info = tessera.json("info", "h", schema="info")
    assert info["shape"] == [2**62, 2] and info["count"] is None and info["size_bytes"] is None
    text = tessera.run("info", "h").out
    assert "4398046511104 x 2" in text and "size         8 EiB or more\n" in text
    assert "(4611686018427387904, 2)" in tessera.run("tree", "h").out
    assert "8 EiB or more -> 0 B" in tessera.run("ls", "-l", "h").out
    assert tessera.json("ls", "h", schema="ls")[0]["size_bytes"] is None


def test_sizes_are_exact_up_to_their_end_and_then_said_to_be_more(tessera):
    tessera.run("create", "e", "--shape", 2**63 - 1, "--dtype", "u1", "--chunks", 2**20)
    assert f"({2**63 - 1} bytes, {2**63 - 1} elements)" in tessera.run("info", "e").out
    tessera.run("create", "f", "--shape", 2**60, "--dtype", "f8", "--chunks", 2**20)
    assert f"8 EiB or more ({2**60} elements)" in tessera.run("info", "f").out
    info = tessera.json("info", "f", schema="info")
    assert info["count"] == 2**60 and info["size_bytes"] is None
    tessera.run("create", "g", "--shape", f"{2**62},{2**62},0", "--dtype", "f8", "--chunks", "9,9,9")
    assert tessera.json("info", "g", schema="info")["count"] == 0


def test_grids_of_more_chunks_than_a_number_holds(tessera):
    tessera.run("create", "h", "--shape", f"{2**62},{2**62}", "--dtype", "u1", "--chunks", "1,1")
    assert f"0 of at least {2**63 - 1} stored" in tessera.run("chunks", "h").out
    level = tessera.json("chunks", "h", schema="chunks")["levels"][0]
    assert level["total"] is None and level["missing"] is None and level["stored"] == 0


def test_statistics_of_arrays_beyond_8_eib(tessera):
    tessera.run("create", "h", "--shape", 2**62, "--dtype", "f8", "--chunks", 4, "--fill-value", 3)
    tessera.run("put", "-", "h", "--select", "8:10", input=np.array([1.0, 5.0]).tobytes())
    stats = tessera.json("stats", "h", schema="stats")
    assert stats["count"] == 2**62 and stats["fill_count"] == 2**62 - 2
    assert (stats["min"], stats["max"], stats["mean"]) == (1.0, 5.0, 3.0)
    assert sum(stats["histogram"]["counts"]) == 2**62
    tessera.run("create", "i", "--shape", f"{2**62},{2**62}", "--dtype", "f8", "--chunks", "4,4")
    error = tessera.error("stats", "i", status=8)
    assert f"({2**62}, {2**62}) are more than 2^63-1 elements" in error and "--select" in error
    assert "16" in tessera.run("stats", "i[:4, :4]", "--bins", 0).out


def test_links_that_branch_are_no_endless_tree(tessera, tmp_path):
    """As many groups as one likes, without any circle: told in short time by everything that walks."""
    for i in range(13):
        group = tmp_path / "t" / str(i)
        zarr.create_group(group)
        (group / "a").symlink_to(f"../{i + 1}")
        (group / "b").symlink_to(f"../{i + 1}")
    zarr.create_array(tmp_path / "t" / "13", shape=(2,), dtype="u1")
    for command in (["tree"], ["check"], ["ls"], ["cp", "-rn"]):
        place = "t/0/**" if command == ["ls"] else "t/0"
        error = tessera.run(*command, place, *(["copy"] if "cp" in command else []), status=8).err
        assert "one of more than 4096 groups that are symbolic links" in error, command
        assert "next: links that lead to more links multiply" in error
    # What is below is a tree like any other.
    assert len(tessera.run("ls", "t/10/**").out.splitlines()) == 2 + 4 + 8


@pytest.mark.parametrize("command", ["info", "tree", "ls", "cat", "stats", "chunks", "check", "export"])
def test_missing_places_are_status_3(tessera, tree, command):
    more = ["x.nc"] if command == "export" else []
    message = tessera.error(command, "t.zarr/shardd", *more, status=3)
    assert "did you mean t.zarr/sharded?" in message


def test_a_group_where_an_array_is_wanted(tessera, tree):
    assert "next: " in tessera.error("cat", "t.zarr", status=2)
