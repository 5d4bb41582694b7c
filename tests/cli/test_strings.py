"""Elements of variable length at the command line: how they are written, printed, compared and refused."""
import json

import pytest
import zarr


@pytest.fixture
def words(tmp_path):
    array = zarr.create_array(tmp_path / "w", shape=(2, 2), chunks=(2, 1), dtype=str, fill_value="-")
    array[:] = [["a", 'q"uo,ta'], ["line\nend", "zwölf Boxkämpfer"]]
    return array


def test_create_and_info(tessera, tmp_path):
    tessera.run("create", "n", "--dtype", "string", "--shape", "4", "--fill-value", "no name yet, my friend")
    metadata = json.loads((tmp_path / "n" / "zarr.json").read_text())
    assert metadata["data_type"] == "string"
    assert metadata["fill_value"] == "no name yet, my friend"
    assert [codec["name"] for codec in metadata["codecs"]] == ["vlen-utf8", "zstd", "crc32c"]
    document = tessera.json("info", "n", schema="info")
    assert document["dtype"] == "string" and document["fill_value"] == "no name yet, my friend"
    assert '"no name yet, my friend"' in tessera.run("info", "n").out
    tessera.run("create", "b", "--dtype", "bytes", "--shape", "4", "--fill-value", "[1, 2]")
    metadata = json.loads((tmp_path / "b" / "zarr.json").read_text())
    assert metadata["data_type"] == "bytes" and metadata["fill_value"] == "AQI="
    assert metadata["codecs"][0]["name"] == "vlen-bytes"


def test_cat(tessera, words):
    assert json.loads(tessera.run("cat", "w", "--format", "json").out) == words[:].tolist()
    assert tessera.run("cat", "w").out == 'a q\\"uo,ta\nline\\nend zwölf Boxkämpfer\n'
    assert tessera.run("cat", "w[1]", "--format", "csv").out == "line\\nend,zwölf Boxkämpfer\n"
    assert tessera.run("--array_path=w").out.splitlines()[0] == '"a"'
    for format in ("raw", "npy"):
        message = tessera.error("cat", "w", "--format", format, status=None)
        assert "string" in message and "next:" in message


@pytest.mark.parametrize("text, words", [
    ('[["a", "b"]]', "a list of 1 along axis 0"), ('[["a"], ["b"]]', "a list of 1 along axis 1"),
    ('["a", "b"]', "an element where axis 1 is a list"), ('[["a", "b"], ["c", 1]]', "not a value of type string"),
    ('[["a", "b"], ["c"', "standard input"), ("", "standard input")])
def test_put_refuses(tessera, tmp_path, text, words):
    tessera.run("create", "n", "--dtype", "string", "--shape", "2,2")
    assert words in tessera.error("put", "-", "n", input=text.encode(), status=None)
    assert json.loads(tessera.run("cat", "n", "--format", "json").out) == [["", ""], ["", ""]]


def test_put(tessera, words):
    tessera.run("put", "-", "w[:, 1]", input=b'["eins", "zwei"]')
    assert words[:].tolist() == [["a", "eins"], ["line\nend", "zwei"]]
    tessera.run("put", "w[::-1]", "w[:, ::-1]")
    assert "is longer than" in tessera.error("put", "-", "w", "--memory", "4", input=b'[["a", "b"], ["c", "d"]]',
                                             status=None)


def test_what_cat_prints_can_be_put(tessera, words):
    printed = tessera.run("cat", "w", "--format", "json").stdout
    tessera.run("create", "v", "--dtype", "string", "--shape", "2,2")
    tessera.run("put", "-", "v", input=printed)
    assert tessera.run("cat", "v", "--format", "json").stdout == printed


def test_diff_compares_texts(tessera, tmp_path, words):
    tessera.run("cp", "w", "v", "--chunks", "1,2")
    tessera.run("diff", "w", "v")
    tessera.run("put", "-", "v[1, 1]", input='"zwölf Boxkämpfer!"'.encode())
    out = tessera.run("diff", "w", "v", status=1).out
    assert "zwölf Boxkämpfer" in out and "zwölf Boxkämpfer!" in out


def test_figures_are_refused(tessera, words):
    assert "no numbers to be measured" in tessera.error("stats", "w", status=8)


def test_codecs_that_would_store_addresses(tessera):
    message = tessera.error("create", "n", "--dtype", "string", "--shape", "2", "--codecs", '["bytes"]', status=None)
    assert "does not take elements of type string" in message and "vlen-utf8" in message
