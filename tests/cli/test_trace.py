"""--trace and TESSERA_TRACE: what commands read and wrote, and that nothing of it can fail them."""

import json
import pathlib


def lines_of(path):
    return [json.loads(line) for line in pathlib.Path(path).read_text().splitlines()]


def test_commands_append(tessera, counting):
    plain = tessera.run("cat", "a.zarr", "--select", "1:3, 4")
    traced = tessera.run("cat", "a.zarr", "--select", "1:3, 4", "--trace", "t")
    assert (traced.out, traced.err) == (plain.out, plain.err)
    tessera.run("cp", "a.zarr", "b.zarr", env={"TESSERA_TRACE": "t"})
    lines = lines_of(tessera.folder / "t")
    assert [line["operation"] for line in lines] == ["read", "read", "write"]
    assert [line["place"] for line in lines] == ["a.zarr", "a.zarr", "b.zarr"]
    assert lines[0]["select"] == [{"start": 1, "count": 2, "step": 1}, 4] and lines[0]["bytes"] == 8
    assert all(line["trace"] == 1 and line["status"] == "OK" and line["ns"] > 0 for line in lines)
    assert lines[1]["bytes"] == counting.nbytes


def test_the_option_goes_before_the_environment(tessera, counting):
    tessera.run("cat", "a.zarr", "--trace", "one", env={"TESSERA_TRACE": "two"})
    assert (tessera.folder / "one").exists() and not (tessera.folder / "two").exists()


def test_failed_reads_are_traced_too(tessera, counting):
    path = tessera.folder / "a.zarr/c/0/0"
    path.write_bytes(path.read_bytes()[:-3])
    tessera.error("cat", "a.zarr", "--trace", "t", status=4)
    assert [line["status"] for line in lines_of(tessera.folder / "t")] == ["DAMAGED"]


def test_a_trace_that_fails_fails_nothing(tessera, counting):
    for trace in ("missing/t", "/dev/full"):
        result = tessera.run("cat", "a.zarr", "--trace", trace)
        assert json.loads(tessera.run("cat", "a.zarr", "--format", "json").out) == counting.tolist()
        assert result.err.count("warning: trace: ") == 1 and "nothing more is traced" in result.err
