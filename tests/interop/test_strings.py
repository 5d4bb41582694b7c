"""Elements of variable length: strings and bytes that zarr-python wrote are read, and the other way round."""
import json
import random

import numpy as np
import pytest
import zarr

import tessera_cli as cli

ALPHABET = "aé€😀\u0000\n\"\\ z"
FORMS = {"plain": {}, "shards": {"shards": (8, 6)}, "bare": {"compressors": None},
         "blosc": {"compressors": zarr.codecs.BloscCodec(cname="lz4", shuffle="shuffle", typesize=1)}}


def texts(shape, seed=1):
    chance = random.Random(seed)
    words = ["".join(chance.choices(ALPHABET, k=chance.choice([0, 1, 3, 12, 13, 40, 300])))
             for _ in range(np.prod(shape))]
    return np.array(words, dtype=object).reshape(shape)


def pieces(shape, seed=1):
    chance = random.Random(seed)
    words = [chance.randbytes(chance.choice([0, 1, 12, 13, 300])) for _ in range(np.prod(shape))]
    result = np.empty(len(words), dtype=object)
    result[:] = words
    return result.reshape(shape)


def listed(place, selection=""):
    return json.loads(cli.run("cat", f"{place}{selection}", "--format", "json"))


def encoded(values):
    import base64
    return [[base64.b64encode(v).decode() if isinstance(v, bytes) else v for v in row] for row in values.tolist()]


def put(place, values):
    cli.run("put", "-", place, data=json.dumps(encoded(values)).encode())


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("kind", ["string", "variable_length_bytes"])
def test_zarr_python_wrote(tmp_path, form, kind):
    values = texts((17, 11)) if kind == "string" else pieces((17, 11))
    fill = "nothing was written here" if kind == "string" else b"\x00nothing \xff was written"
    array = zarr.create_array(tmp_path / "a", shape=(17, 11), chunks=(4, 3), dtype=kind, fill_value=fill, **FORMS[form])
    array[:, :9] = values[:, :9]
    values[:, 9:] = fill
    assert listed(tmp_path / "a") == encoded(values)
    assert listed(tmp_path / "a", "[3:14:5, ::-4]") == encoded(values[3:14:5, ::-4])
    # A part of what the other wrote is changed.
    more = texts((5, 5), 2) if kind == "string" else pieces((5, 5), 2)
    put(f"{tmp_path / 'a'}[2:7, 4:9]", more)
    values[2:7, 4:9] = more
    again = zarr.open_array(tmp_path / "a", mode="r")[:]
    assert encoded(np.array(again.tolist(), dtype=object)) == encoded(values)


@pytest.mark.parametrize("form", [[], ["--shards", "8,6"], ["--codec", "blosc:lz4:5:shuffle"], ["--codec", "none"]],
                         ids=str)
@pytest.mark.parametrize("dtype", ["string", "bytes"])
def test_zarr_python_reads(tmp_path, form, dtype):
    values = texts((17, 11)) if dtype == "string" else pieces((17, 11))
    fill = "never written" if dtype == "string" else "AAECAwQFBgcICQoLDA0="
    cli.run("create", tmp_path / "a", "--dtype", dtype, "--shape", "17,11", "--chunks", "4,3",
            "--fill-value", json.dumps(fill), *(["--codec", "zstd:1"] if form[:1] == ["--shards"] else []), *form)
    array = zarr.open_array(tmp_path / "a", mode="r")
    assert array.fill_value == (fill if dtype == "string" else bytes(range(14)))
    put(tmp_path / "a", values)
    assert encoded(np.array(array[:].tolist(), dtype=object)) == encoded(values)
    assert listed(tmp_path / "a") == encoded(values)


def test_fixed_length_and_back(tmp_path):
    words = np.array(["", "a", "zwölf", "€€€€€€€€€€€€€€€€"])
    np.save(tmp_path / "w.npy", words)
    cli.run("import", tmp_path / "w.npy", tmp_path / "u.zarr")
    cli.run("cp", tmp_path / "u.zarr", tmp_path / "s.zarr", "--dtype", "string", "--casting", "safe")
    array = zarr.open_array(tmp_path / "s.zarr", mode="r")
    assert array.metadata.data_type.to_json(zarr_format=3) == "string"
    assert array[:].tolist() == words.tolist()
    cli.run("cp", tmp_path / "s.zarr", tmp_path / "t.zarr", "--dtype", "U16", "--casting", "same_kind")
    assert zarr.open_array(tmp_path / "t.zarr", mode="r")[:].tolist() == words.tolist()
    with pytest.raises(cli.CommandError, match="does not fit into U15"):
        cli.run("cp", tmp_path / "s.zarr", tmp_path / "x.zarr", "--dtype", "U15", "--casting", "same_kind")


def test_damage_is_told_with_its_place(tmp_path):
    array = zarr.create_array(tmp_path / "a", shape=(2,), chunks=(2,), dtype=str, compressors=None)
    array[:] = ["abc", "defg"]
    chunk = tmp_path / "a" / "c" / "0"
    good = chunk.read_bytes()
    chunk.write_bytes(good[:4] + b"\xff\xff\xff\x7f" + good[8:])
    with pytest.raises(cli.CommandError, match="bytes 4..8 say that element 0 has 2147483647 bytes"):
        cli.run("cat", tmp_path / "a")
    chunk.write_bytes(good[:-1] + b"\xff")
    with pytest.raises(cli.CommandError, match="element 1, are not UTF-8"):
        cli.run("cat", tmp_path / "a")
