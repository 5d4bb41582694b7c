"""explain: what a read takes, against the files and against what chunks says of them."""

import numpy as np
import zarr


def test_inner_chunks_of_a_selection(tessera, tree):
    listed = tessera.json("chunks", "t.zarr/sharded", "--list", schema="chunks")["chunks"]
    inner = {tuple(row["index"]): row for row in listed if row["level"] == 1}
    cost = tessera.json("explain", "t.zarr/sharded[0:2, 0:1]", schema="explain")
    touched = inner[0, 0]
    assert (cost["shape"], cost["objects"], cost["missing_objects"], cost["chunks"]) == ([2, 1], 1, 0, 1)
    assert cost["used_bytes"] == touched["size_bytes"]
    assert cost["fetched_bytes"] == touched["size_bytes"] + cost["index_bytes"]
    whole = tessera.json("explain", "t.zarr/sharded", schema="explain")
    assert whole["objects"] == 4 and whole["chunks"] == 24
    assert whole["used_bytes"] == sum(row["size_bytes"] for row in inner.values())


def test_plain_chunks_and_missing_ones(tessera, tmp_path):
    array = zarr.create_array(tmp_path / "a", shape=(8, 8), chunks=(4, 4), dtype="i4", fill_value=0)
    array[:4, :4] = np.arange(1, 17).reshape(4, 4)
    cost = tessera.json("explain", "a", schema="explain")
    stored = (tmp_path / "a" / "c" / "0" / "0").stat().st_size
    assert (cost["objects"], cost["missing_objects"], cost["requests"]) == (4, 3, 4)
    assert (cost["fetched_bytes"], cost["used_bytes"], cost["index_bytes"]) == (stored, stored, 0)
    assert (cost["chunks"], cost["decoded_bytes"], cost["wanted_bytes"]) == (1, 64, 256)
    text = tessera.run("explain", "a[0]").out
    assert "2 chunks, 1 of them missing in 2 requests" in text
    assert "decoded    1 chunk, up to 64 B, 2 times what is asked for" in text


def test_what_is_not_there_is_refused(tessera, tmp_path):
    assert "missing" in tessera.error("explain", "missing", status=3)
