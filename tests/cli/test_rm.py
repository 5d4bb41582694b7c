"""rm: removes nodes of Zarr, and nothing else."""

import os
import pty
import subprocess

import pytest


def test_arrays_and_groups(tessera, tmp_path, tree):
    tessera.run("rm", "-f", "t.zarr/plain", "t.zarr/inner")
    assert tessera.run("ls", "t.zarr").out == "sharded\n"
    tessera.run("rm", "-f", "t.zarr")
    assert not (tmp_path / "t.zarr").exists()


def test_no_question_without_a_terminal(tessera, tmp_path, tree):
    message = tessera.error("rm", "t.zarr/plain", status=2, input=b"y\n")
    assert "-f" in message and (tmp_path / "t.zarr" / "plain").exists()


@pytest.mark.parametrize("answer, gone", [(b"y\n", True), (b"yes\n", True), (b"n\n", False), (b"\n", False)])
def test_the_question_at_a_terminal(tessera, program, tmp_path, tree, answer, gone):
    controller, terminal = pty.openpty()
    child = subprocess.Popen([program, "rm", "t.zarr/plain"], cwd=tmp_path, stdin=terminal, stderr=terminal,
                             stdout=subprocess.DEVNULL)
    os.close(terminal)
    asked = b""
    while b"[y/N]" not in asked:
        asked += os.read(controller, 1000)
    assert b"the array t.zarr/plain" in asked
    os.write(controller, answer)
    assert child.wait(timeout=30) == 0
    os.close(controller)
    assert (tmp_path / "t.zarr" / "plain").exists() == (not gone)


def test_dry_run(tessera, tmp_path, tree):
    out = tessera.run("rm", "-n", "t.zarr").out
    assert out.startswith("would remove the group t.zarr (") and "in 4 objects)" in out
    assert (tmp_path / "t.zarr").exists()


def test_other_files_are_left_alone(tessera, tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "letter.txt").write_text("dear")
    tessera.error("rm", "-f", "mine", status=3)
    tessera.error("rm", "-f", "missing", status=3)
    tessera.error("rm", "-f", status=2)
    assert (tmp_path / "mine" / "letter.txt").read_text() == "dear"


def test_files_of_other_formats_are_refused(tessera, tmp_path):
    import numpy as np
    np.save(tmp_path / "v.npy", np.arange(3))
    tessera.run("rm", "-f", "v.npy", status=None)
    assert (tmp_path / "v.npy").exists()
