"""--chunk-keys: how chunks are named in the store. Our own encodings are refused by every other reader, which is the
point: none of them takes the chunks for missing."""
import json
import pathlib

import numpy as np
import pytest
import tensorstore
import zarr

VALUES = np.arange(1, 64, dtype="<i4").reshape(9, 7)
KEYS = {
    "default": {"c/0/0", "c/4/2"},
    "v2": {"0.0", "4.2"},
    "tessera.hashed": {"c/4a/0.0"},
    "tessera.morton": {"c/0.0/00/00", "c/0.0/00/24"},
    '{"name": "tessera.morton", "configuration": {"levels": 1, "bits": 1}}': {"c/0.0/0", "c/2.1/0"},
}


def make(tessera, place, keys, *options):
    tessera.run("create", place, "--shape", "9,7", "--dtype", "i4", "--chunks", "2,3", "--chunk-keys", keys, *options)
    tessera.run("put", "-", place, input=VALUES.tobytes())


def keys_of(folder):
    return {str(path.relative_to(folder)) for path in pathlib.Path(folder).rglob("*")
            if path.is_file() and path.name != "zarr.json"}


def read(tessera, place):
    return np.frombuffer(tessera.run("cat", place, "--format", "raw").stdout, "<i4").reshape(-1, 7)


@pytest.mark.parametrize("keys", KEYS)
def test_the_array_is_used_like_any_other(tessera, tmp_path, keys):
    make(tessera, "a", keys)
    assert KEYS[keys] <= keys_of(tmp_path / "a") and len(keys_of(tmp_path / "a")) == 15
    assert np.array_equal(read(tessera, "a"), VALUES)
    report = tessera.json("check", "a", "--data", schema="check")
    assert (report["chunks"], report["damaged"], report["notes"]) == (15, 0, 0)
    tessera.run("resize", "a", "4,7")
    assert len(keys_of(tmp_path / "a")) == 6
    tessera.run("resize", "a", "9,7")
    assert np.array_equal(read(tessera, "a"), np.vstack([VALUES[:4], np.zeros((5, 7), "<i4")]))
    tessera.run("rm", "-f", "a")
    assert not (tmp_path / "a").exists()


def test_foreign_files_are_told_apart(tessera, tmp_path):
    make(tessera, "a", "tessera.hashed")
    right = tmp_path / "a" / "c" / "4a" / "0.0"
    wrong = tmp_path / "a" / "c" / "4b" / "0.0"  # the right name in a folder that is not its own
    wrong.parent.mkdir(exist_ok=True)
    wrong.write_bytes(right.read_bytes())
    report = tessera.json("check", "a", schema="check")
    finding, = report["findings"]
    assert finding["key"] == "c/4b/0.0" and (report["chunks"], report["damaged"]) == (15, 0)


@pytest.mark.parametrize("keys", ["tessera.hashed", "tessera.morton"])
def test_other_readers_refuse_it(tessera, tmp_path, keys):
    make(tessera, "a", keys)
    with pytest.raises(Exception, match="tessera"):
        zarr.open_array(tmp_path / "a", mode="r")
    with pytest.raises(ValueError, match="tessera|chunk_key_encoding"):
        tensorstore.open({"driver": "zarr3", "kvstore": {"driver": "file", "path": f"{tmp_path}/a/"}}).result()


def test_copies_keep_or_change_it(tessera, tmp_path):
    make(tessera, "a", "tessera.morton")
    tessera.run("cp", "a", "kept")
    assert keys_of(tmp_path / "kept") == keys_of(tmp_path / "a")
    assert tessera.json("info", "kept", schema="info")["chunk_keys"] == {
        "name": "tessera.morton", "configuration": {"levels": 2, "bits": 4}}
    tessera.run("cp", "a", "changed", "--chunk-keys", "default")
    assert np.array_equal(zarr.open_array(tmp_path / "changed", mode="r")[:], VALUES)
    tessera.run("cp", "a", "dotted", "--separator", ".")
    assert "c.0.0" in keys_of(tmp_path / "dotted")
    tessera.run("cp", "a", "old", "--zarr-format", "2")
    assert np.array_equal(zarr.open_array(tmp_path / "old", mode="r")[:], VALUES)
    tessera.run("cp", "old", "new", "--zarr-format", "3")
    assert "c/0/0" in keys_of(tmp_path / "new")
    tessera.run("create", "like", "--like", "a")
    assert json.loads((tmp_path / "like/zarr.json").read_text())["chunk_key_encoding"]["name"] == "tessera.morton"


def test_info_tells_of_it(tessera):
    make(tessera, "a", "v2")
    assert "chunk keys" in tessera.run("info", "a").out
    make(tessera, "b", "default")
    assert "chunk keys" not in tessera.run("info", "b").out
    assert tessera.json("info", "b", schema="info")["chunk_keys"]["name"] == "default"


@pytest.mark.parametrize("options, words, status", [
    (["--chunk-keys", "zigzag"], "zigzag", 8),
    (["--chunk-keys", '{"name": "tessera.hashed", "configuration": {"levels": 5}}'], "/configuration/levels: 5 is not in 1 .. 4", 2),
    (["--chunk-keys", '{"name": "v2"}', "--separator", "/"], "given twice", 2),
    (["--chunk-keys", "{"], "chunk keys: ", 2),
    (["--chunk-keys", "tessera.hashed", "--zarr-format", "2"], "Zarr v3", 2),
])
def test_wrong_wishes_are_refused(tessera, tmp_path, options, words, status):
    assert words in tessera.error("create", "a", "--shape", "4", "--dtype", "i4", *options, status=status)
    assert not (tmp_path / "a").exists()
