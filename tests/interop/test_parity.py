"""Shards with parity are read by programs that know nothing of it, whole and in parts, with either index location and
nested; and their writers leave arrays that are right, without parity that is not of what they wrote."""

import json

import numpy as np
import pytest

import peers
import tessera_cli

LITTLE = {"name": "bytes", "configuration": {"endian": "little"}}
CRC = {"name": "crc32c"}
VALUES = np.random.default_rng(11).integers(1, 250, (40, 60), dtype="u1")


def shard(inner, codecs, location):
    return {"name": "sharding_indexed", "configuration": {
        "chunk_shape": inner, "codecs": codecs, "index_codecs": [LITTLE, CRC], "index_location": location}}


LAYOUTS = {
    "end": shard([10, 10], [LITTLE, {"name": "zstd", "configuration": {"level": 1, "checksum": False}}, CRC], "end"),
    "start": shard([10, 10], [LITTLE, CRC], "start"),
    "nested": shard([20, 30], [shard([5, 10], [LITTLE, CRC], "end")], "end"),
}
PEERS = [peers.ZarrPython(), peers.ZarrsPipeline(), peers.TensorStore()]


def make(tmp_path, layout):
    place = tmp_path / "a"
    tessera_cli.run("create", str(place), "--shape", "40,60", "--dtype", "u1", "--chunks", "40,60",
                    "--codecs", json.dumps([LAYOUTS[layout]]), "--parity", "10+5")
    (tmp_path / "values").write_bytes(VALUES.tobytes())
    np.save(tmp_path / "values.npy", VALUES)
    tessera_cli.run("put", str(tmp_path / "values.npy"), str(place))
    assert b"TSRparit" in (place / "c" / "0" / "0").read_bytes()
    return place


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("peer", PEERS, ids=lambda peer: peer.name)
def test_peers_read_it(tmp_path, peer, layout):
    np.testing.assert_array_equal(peer.read(make(tmp_path, layout)), VALUES)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("peer", PEERS, ids=lambda peer: peer.name)
def test_peers_write_it(tmp_path, peer, layout):
    place = make(tmp_path, layout)
    peer.write(place, VALUES[::-1])
    report = json.loads(tessera_cli.run("check", str(place), "--data", "--json"))
    assert report["damaged"] == 0 and [finding["kind"] for finding in report["findings"]] == ["no parity"]
    tessera_cli.run("compact", str(place))
    report = json.loads(tessera_cli.run("check", str(place), "--data", "--json"))
    assert report["findings"] == [] and report["parity_bytes"] > 0
    np.testing.assert_array_equal(peer.read(place), VALUES[::-1])
