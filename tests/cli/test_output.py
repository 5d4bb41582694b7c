"""Standard output and error: full disks, readers that go away, colour, progress."""

import json
import os
import pty
import subprocess

import numpy as np
import pytest
import zarr


@pytest.fixture
def large(tmp_path):
    values = np.random.default_rng(1).random((400, 500))
    zarr.create_array(tmp_path / "l", data=values, chunks=(100, 100))
    return values


@pytest.mark.parametrize("arguments", [["cat", "l"], ["cat", "l", "--format", "npy"], ["cat", "l", "--format", "json"],
                                       ["stats", "l"], ["stats", "l", "--json"], ["info", "l"], ["tree", "l"], ["ls", "l"],
                                       ["chunks", "l"], ["chunks", "l", "--list"], ["check", "l"], ["codecs"], ["help"], ["version"],
                                       ["completion", "bash"], ["--json-usage"], ["--array_path=l"],
                                       ["draw", "l", "-o", "-"], ["info", "--help"]])
def test_a_full_disk_is_status_8(tessera, large, arguments):
    with open("/dev/full", "wb") as full:
        result = tessera.run(*arguments, status=8, stdout=full)
    line, = result.err.splitlines()
    assert line.startswith("tessera: cannot write ") and "no space left" in line.lower()


def test_a_closed_standard_output_is_status_8_and_harms_nothing(tessera, program, tmp_path, large):
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    for arguments in ("cat l", "info l", "help"):
        done = subprocess.run(["sh", "-c", f"exec {program} {arguments} >&-"], cwd=tmp_path, capture_output=True)
        assert done.returncode == 8, (arguments, done)
    # The first file that is opened for writing must not become descriptor 1 or 2.
    done = subprocess.run(["sh", "-c", f"exec {program} cp l m >&- 2>&- <&-"], cwd=tmp_path)
    assert done.returncode == 0
    assert before == {path: path.read_bytes() for path in before}
    assert np.array_equal(zarr.open_array(tmp_path / "m", mode="r")[:], large)


def test_a_reader_that_goes_away_is_not_told(tessera, program, tmp_path, large):
    child = subprocess.Popen([program, "cat", "l"], cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    child.stdout.read(10)
    child.stdout.close()
    assert child.stderr.read() == b"" and child.wait(timeout=30) == 8


def at_terminal(program, folder, *arguments, env=None):
    """Runs with a terminal for standard output and error; gives what it shows."""
    controller, terminal = pty.openpty()
    environment = {"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", "TERM": "xterm", **(env or {})}
    child = subprocess.Popen([program, *arguments], cwd=folder, stdin=subprocess.DEVNULL, stdout=terminal,
                             stderr=terminal, env=environment)
    os.close(terminal)
    shown = b""
    while True:
        try:
            part = os.read(controller, 65536)
        except OSError:
            break
        if not part:
            break
        shown += part
    os.close(controller)
    assert child.wait(timeout=60) == 0, shown
    return shown.decode()


def test_a_bar_at_a_terminal_is_wiped_away(tessera, program, tmp_path):
    values = np.random.default_rng(1).integers(0, 255, (64, 1024, 1024), dtype="u1")
    zarr.create_array(tmp_path / "big", data=values, chunks=(1, 256, 1024), compressors=None)
    shown = at_terminal(program, tmp_path, "cp", "big", "copy", "--chunks", "64,32,32", "--codec", "zstd:9")
    assert "copying / " in shown and "[####" in shown and " MiB/s" in shown and "eta 0:0" in shown
    assert shown.rstrip().splitlines()[-1].split("\x1b[K")[-1].startswith("copied 1 array, 64.0 MiB -> ")
    for options, env in ((["--progress", "none"], None), ([], {"TERM": "dumb"})):
        shown = at_terminal(program, tmp_path, "cp", "big", "copy", "--overwrite", "--codec", "zstd:1", *options, env=env)
        assert "\r\x1b" not in shown and shown.startswith("copied")


def test_colour_only_where_it_is_wanted(tessera, program, tmp_path, counting):
    path = tmp_path / "a.zarr" / "zarr.json"
    path.write_text("{}")
    run = lambda *more, env=None: subprocess.run(  # noqa: E731
        [program, "check", "a.zarr", *more], cwd=tmp_path, capture_output=True, env={"TERM": "xterm", **(env or {})}).stdout
    assert b"\x1b[" not in run() and b"\x1b[" in run("--color", "always") and b"\x1b[" not in run("--color", "never")
    controller, terminal = pty.openpty()
    for env, coloured in (({}, True), ({"NO_COLOR": "1"}, False), ({"TERM": "dumb"}, False)):
        subprocess.run([program, "check", "a.zarr"], cwd=tmp_path, stdout=terminal, stderr=subprocess.DEVNULL,
                       env={"TERM": "xterm", **env})
        assert (b"\x1b[" in os.read(controller, 65536)) == coloured, env
    os.close(terminal)
    os.close(controller)


def test_progress_lines(tessera, large):
    err = tessera.run("stats", "l", "--progress", "json").err
    for line in err.splitlines():
        tessera.check_schema(json.loads(line), "progress")
    assert err.count('"action":"measuring"') >= 2
    assert "measuring l  400 x 500 float64  100 %" in tessera.run("stats", "l", "--progress", "plain").err
    assert tessera.run("stats", "l").err == ""
