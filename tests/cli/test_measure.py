"""--stats: what a run took, against what is known of the files; every command takes it, failed ones too."""

import json
import signal
import subprocess

import numpy as np
import pytest
import zarr


def stats_of(tessera, result):
    line = result.err.splitlines()[-1]
    document = json.loads(line)
    tessera.check_schema(document, "run_stats")
    return document["stats"]


PHASES = "plan fetch wait decode copy driver caller encode put sync".split()


def test_a_read_is_told_exactly(tessera, tree):
    stats = stats_of(tessera, tessera.run("stats", "t.zarr/sharded", "--bins", "0", "--json", "--stats"))
    stored = [path for path in (tessera.folder / "t.zarr/sharded/c").rglob("*") if path.is_file()]
    assert stats["command"] == "stats" and stats["status"] == "OK"
    assert stats["read_bytes"] == 16 * 24 * 4
    assert stats["decoded_chunks"] == 24 and stats["decoded_bytes"] == 16 * 24 * 4
    # Metadata come on top of the shards, whose every byte is needed.
    assert stats["fetched_bytes"] >= sum(path.stat().st_size for path in stored)
    assert stats["puts"] == stats["writes"] == stats["encoded_chunks"] == 0
    assert stats["bound_by"] in [*PHASES, "command"]
    # One thread at a time is in one phase.
    assert sum(stats[f"{phase}_ns"] for phase in PHASES) <= stats["threads"] * stats["wall_ns"]


def test_a_copy_is_told_exactly(tessera, counting):
    result = tessera.run("cp", "a.zarr", "b.zarr", "--chunks", "3,5", "--progress", "json", "--stats")
    stats = stats_of(tessera, result)
    assert stats["written_bytes"] == counting.nbytes
    assert stats["encoded_chunks"] == 4 and stats["decoded_chunks"] >= 6
    assert stats["puts"] >= 4 and stats["put_bytes"] > 0
    assert stats["encode_ns"] > 0 and stats["put_ns"] > 0


def test_people_get_text(tessera, counting):
    plain = tessera.run("cat", "a.zarr")
    measured = tessera.run("cat", "a.zarr", "--stats", "--threads", "1")
    assert measured.out == plain.out
    lines = {line.split()[0]: line for line in measured.err.splitlines()}
    assert lines["time"].split()[2] in ("s;", "ms;") and "of memory" in lines["time"]
    assert lines["threads"].startswith("threads    1, together ")
    assert "6 chunks, 384 B" in lines["decode"]
    assert lines["bound"].startswith("bound by   ")
    assert "240 B in " in lines["read"]


def test_a_failure_is_told_and_its_status_stays(tessera):
    result = tessera.run("info", "missing", "--stats", status=3)
    lines = result.err.splitlines()
    assert lines[0].startswith("tessera: ") and lines[-1].startswith("bound by")
    result = tessera.run("info", "missing", "--stats", "--json", status=3)
    assert stats_of(tessera, result)["status"] == "NOT_FOUND"


def test_a_command_line_that_is_wrong_runs_nothing(tessera):
    assert "bound by" not in tessera.error("info", "--stats", status=2)


@pytest.mark.parametrize("command", [["ls", "t.zarr"], ["tree", "t.zarr"], ["chunks", "t.zarr/sharded"], ["help"],
                                     ["version"], ["codecs"], ["explain", "t.zarr/sharded"], ["check", "t.zarr"]])
def test_other_commands_take_it(tessera, tree, command):
    assert tessera.run(*command, "--stats").err.splitlines()[-1].startswith("bound by")


def test_a_copy_that_was_not_measured_goes_on_measured(tessera, tree):
    """A copy that failed goes on with the same options only; how it is watched is none of them."""
    path = tessera.folder / "t.zarr/sharded/c/0/1"
    whole = path.read_bytes()
    path.write_bytes(whole[:-1])
    tessera.error("cp", "-r", "t.zarr", "u.zarr", "--codec", "none", status=4)
    path.write_bytes(whole)
    result = tessera.run("cp", "-r", "t.zarr", "u.zarr", "--codec", "none", "--stats")
    assert "were whole already" in result.err and "bound by" in result.err


def test_interrupted_it_is_told(tessera):
    zarr.create_array(tessera.folder / "grow.zarr", shape=(1,), chunks=(1,), dtype="u1")[:] = np.uint8(1)
    process = subprocess.Popen([tessera.program, "cat", "grow.zarr", "--follow", "--stats"], cwd=tessera.folder,
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout.readline().strip() == b"1"
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert b"bound by" in err.splitlines()[-1], err
