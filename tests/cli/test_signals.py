"""Interruptions: the chunk in hand is finished, nothing torn is seen, the same command goes on."""

import json
import pathlib
import shutil
import signal
import subprocess
import time

import numpy as np
import pytest
import zarr


@pytest.fixture
def slow(tmp_path):
    """A tree whose copy takes some seconds: a small array, then one that is compressed hard."""
    root = zarr.create_group(tmp_path / "in.zarr")
    root.create_array("a", data=np.arange(100), chunks=(10,))
    values = np.random.default_rng(1).integers(0, 50, (64, 512, 512), dtype="u1")
    root.create_array("b", data=values, chunks=(8, 512, 512), compressors=None)
    return root


COPY = ["cp", "-r", "in.zarr", "out.zarr", "--chunks", "1,256,256", "--codec", "zstd:19", "--threads", "1"]


def begin(program, folder, arguments=COPY):
    """Starts a copy and waits until chunks of the second array are there."""
    child = subprocess.Popen([program, *arguments], cwd=folder, stderr=subprocess.PIPE, stdout=subprocess.PIPE)
    deadline = time.monotonic() + 60
    while len(list((folder / "out.zarr" / "b" / "c").rglob("*"))) < 8:
        assert child.poll() is None and time.monotonic() < deadline, child.communicate()
        time.sleep(0.01)
    return child


def check_partial(tessera, tmp_path, slow):
    """Whatever is there is whole: every stored chunk decodes, and equals the source or is not there yet."""
    report = tessera.json("check", "out.zarr", "--data", schema="check", status=1)
    assert {finding["kind"] for finding in report["findings"]} <= {"unfinished", "temporary"}
    got = zarr.open_array(tmp_path / "out.zarr" / "b", mode="r")[:].reshape(64, 2, 256, 2, 256)
    want = slow["b"][:].reshape(64, 2, 256, 2, 256)
    same = (got == want).all(axis=(2, 4))
    missing = (got == 0).all(axis=(2, 4))
    assert (same | missing).all() and missing.any()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_once(tessera, program, tmp_path, slow, number):
    child = begin(program, tmp_path)
    child.send_signal(number)
    out, err = child.communicate(timeout=60)
    assert child.returncode == 130 and out == b""
    assert b"interrupted: finishing the chunk in hand" in err and b"run the same command again" in err
    check_partial(tessera, tmp_path, slow)
    assert "unfinished" in tessera.error("cp", "-r", "in.zarr", "out.zarr", status=8)
    result = tessera.run(*COPY[:-4], "--codec", "zstd:19")
    assert "copied 2 arrays" in result.err and "1 were whole already" in result.err
    tessera.run("diff", "in.zarr", "out.zarr")
    tessera.run("check", "out.zarr", "--data")


def test_what_was_spoilt_between_two_runs_is_made_anew(tessera, program, tmp_path, slow):
    """A mark is believed only of the array that it was made for."""
    child = begin(program, tmp_path)
    child.kill()
    child.communicate()
    mark = tmp_path / "out.zarr" / "__tessera_unfinished"
    said = json.loads(mark.read_text())
    assert said["finished"] == ["a"]
    shutil.rmtree(tmp_path / "out.zarr" / "b")
    mark.write_text(json.dumps({**said, "current": {"path": "b", "chunks": 200}}))
    tessera.run(*COPY[:-4], "--codec", "zstd:19")
    tessera.run("diff", "in.zarr", "out.zarr")


@pytest.mark.parametrize("arguments", [["explain", "huge.zarr"], ["codecs", "--try", "huge.zarr"],
                                       ["cat", "huge.zarr", "--format", "raw"]], ids=lambda words: words[0])
def test_commands_that_only_read_end_at_once(tessera, program, tmp_path, arguments):
    """There is more to do than anybody waits for: 10^9 chunks, most of them missing, and 2^14 to be tried."""
    tessera.run("create", "huge.zarr", "--shape", "4000000000000", "--dtype", "u1", "--chunks", "4000")
    child = subprocess.Popen([program, *arguments], cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    status = pathlib.Path(f"/proc/{child.pid}/status")
    deadline = time.monotonic() + 60
    while not int(status.read_text().split("SigCgt:")[1].split()[0], 16) & 1 << (signal.SIGINT - 1):
        assert child.poll() is None and time.monotonic() < deadline
        time.sleep(0.01)
    child.send_signal(signal.SIGINT)
    try:
        _, err = child.communicate(timeout=60)
    finally:
        child.kill()
    assert child.returncode == 130 and b"\ntessera: interrupted\n" in err, err


def test_interrupted_twice(tessera, program, tmp_path, slow):
    child = begin(program, tmp_path)
    child.send_signal(signal.SIGINT)
    child.send_signal(signal.SIGTERM)
    deadline = time.monotonic() + 30
    while child.poll() is None and time.monotonic() < deadline:
        child.send_signal(signal.SIGINT)
        time.sleep(0.001)
    child.communicate()
    assert child.returncode in (-signal.SIGINT, -signal.SIGTERM, 130)
    check_partial(tessera, tmp_path, slow)


def stored(folder):
    """The chunks of the second array, and which file each of them is."""
    found = {path: path.stat() for path in (folder / "out.zarr" / "b" / "c").rglob("*") if path.name.isdigit()}
    return {path: (status.st_ino, status.st_mtime_ns) for path, status in found.items() if path.is_file()}


def test_killed(tessera, program, tmp_path, slow):
    """At any moment; what is whole stays as it is, and the next run goes on behind it."""
    before = {}
    for wait in 0, 0.3, 0.7:
        child = begin(program, tmp_path)
        time.sleep(wait)
        child.kill()
        child.communicate()
        check_partial(tessera, tmp_path, slow)
        now = stored(tmp_path)
        assert before.items() <= now.items()
        before = now
    tessera.run(*COPY[:-4], "--codec", "zstd:19")
    assert before.items() <= stored(tmp_path).items() and len(stored(tmp_path)) == 256
    tessera.run("diff", "in.zarr", "out.zarr")
    assert not list((tmp_path / "out.zarr").rglob("__*"))
    report = tessera.json("check", "out.zarr", "--data", schema="check")
    assert report["findings"] == []


def test_reading_is_interrupted_too(tessera, program, tmp_path, slow):
    child = subprocess.Popen([program, "cat", "in.zarr/b"], cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    child.stdout.read(1000)
    child.send_signal(signal.SIGINT)
    out, err = child.communicate(timeout=60)
    assert child.returncode == 130 and b"interrupted" in err


def test_waiting_for_input_is_interrupted(program, tmp_path, slow):
    child = subprocess.Popen([program, "put", "-", "in.zarr/a"], cwd=tmp_path, stdin=subprocess.PIPE,
                             stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    child.stdin.write(b"1234")
    child.stdin.flush()
    time.sleep(0.5)
    child.send_signal(signal.SIGINT)
    assert child.wait(timeout=30) == 130
    assert b"interrupted" in child.stderr.read()
    child.stdin.close()
