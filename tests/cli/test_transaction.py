"""transaction and gc: all changes of a command at once or none, and what happens to the old versions."""

import os
import pathlib
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import zarr


@pytest.fixture
def tree(tmp_path):
    """A tree with two arrays of ones."""
    group = zarr.open_group(tmp_path / "t.zarr", mode="w")
    for name in ("a", "b"):
        group.create_array(name, shape=(8,), chunks=(4,), dtype="i4")[:] = 1
    return tmp_path / "t.zarr"


@pytest.fixture
def twos(tmp_path):
    np.save(tmp_path / "twos.npy", np.full(8, 2, "i4"))
    return "twos.npy"


def values(tree):
    """The values of both arrays, as zarr-python reads them."""
    group = zarr.open_group(tree, mode="r")
    return [int(group[name][:].min()) for name in ("a", "b")], [int(group[name][:].max()) for name in ("a", "b")]


def beside(tree):
    return sorted(path.name for path in tree.parent.rglob("*") if path.name.startswith("draft-"))


def script(*commands):
    return ["sh", "-ec", "; ".join(commands)]


def test_everything_is_published_at_once(tessera, program, tree, twos):
    before = zarr.open_group(tree, mode="r")
    seen = tree.parent / "seen"
    tessera.run("transaction", "t.zarr", "--", *script(
        f"'{program}' put {twos} {{}}/a",
        f"'{program}' cat t.zarr/a --format csv > '{seen}'",
        f'"{program}" put {twos} "$TESSERA_TRANSACTION/b"',
        f"'{program}' attr {{}} day=9"))
    assert seen.read_text() == "1,1,1,1,1,1,1,1\n"
    assert values(tree) == ([2, 2], [2, 2])
    assert zarr.open_group(tree, mode="r").attrs["day"] == 9
    # zarr-python looks paths up again, so that its handles see the new version.
    assert before["a"][0] == 2
    old = tessera.json("gc", "t.zarr", "--dry-run", schema="gc")["versions"]
    assert [(row["kind"], row["number"], row["removed"]) for row in old] == [("replaced", 1, True)]
    assert values(pathlib.Path(tree.parent / old[0]["folder"])) == ([1, 1], [1, 1])
    tessera.run("check", "t.zarr", "--data")


def test_zarr_python_writes_in_a_transaction(tessera, tree):
    code = ("import os, zarr; g = zarr.open_group(os.environ['TESSERA_TRANSACTION'], mode='r+'); g['a'][:] = 3; "
            "g['b'][2:] = 3; g.create_array('n', shape=(2,), dtype='u1')")
    tessera.run("transaction", "t.zarr", "--", sys.executable, "-c", code)
    group = zarr.open_group(tree, mode="r")
    assert group["a"][:].tolist() == [3] * 8 and group["b"][:].tolist() == [1, 1] + [3] * 6 and "n" in group
    old = tessera.json("gc", "t.zarr", "-n", schema="gc")["versions"][0]["folder"]
    assert values(tree.parent / old) == ([1, 1], [1, 1])


def test_a_new_tree_is_seen_when_it_is_whole(tessera, program, tmp_path, twos):
    seen = tmp_path / "seen"
    tessera.run("transaction", "--new", "n.zarr", "--", *script(
        f"'{program}' create {{}}", f"'{program}' create {{}}/a --shape 8 --dtype i4",
        f"'{program}' put {twos} {{}}/a", f"ls -d n.zarr > '{seen}' 2>&1 || true"))
    assert "No such file" in seen.read_text()
    assert zarr.open_group(tmp_path / "n.zarr", mode="r")["a"][:].tolist() == [2] * 8
    tessera.run("check", "n.zarr", "--data")
    assert tessera.run("gc", "n.zarr").out == "no old versions\n"
    assert "is there already" in tessera.error("transaction", "--new", "n.zarr", "--", "true", status=8)
    assert beside(tmp_path / "n.zarr") == []


def test_zarr_python_makes_a_tree_in_a_transaction(tessera, tmp_path):
    # Mode "w" removes the folder that it is given and makes another one.
    code = ("import os, zarr; g = zarr.open_group(os.environ['TESSERA_TRANSACTION'], mode='w'); "
            "g.create_array('n', shape=(3,), chunks=(2,), dtype='u1')[:] = 7")
    for words in (("--new",), ()):
        tessera.run("transaction", *words, "n.zarr", "--", sys.executable, "-c", code)
        assert zarr.open_group(tmp_path / "n.zarr", mode="r")["n"][:].tolist() == [7, 7, 7]
    assert [row["kind"] for row in tessera.json("gc", "n.zarr", schema="gc")["versions"]] == ["replaced"]
    assert zarr.open_group(tmp_path / "n.zarr", mode="r")["n"][:].tolist() == [7, 7, 7]


def test_what_is_no_new_tree(tessera, program, tmp_path):
    err = tessera.error("transaction", "--new", "n.zarr", "--", "true", status=2)
    assert "no array or group at its top" in err
    err = tessera.error("transaction", "--new", "n.zarr", "--", *script(
        f"'{program}' create {{}}", f"'{program}' create n.zarr"), status=8)
    assert "made by others" in err
    assert list(zarr.open_group(tmp_path / "n.zarr", mode="r").keys()) == []
    assert beside(tmp_path / "n.zarr") == []


def test_a_command_that_fails_changes_nothing(tessera, program, tree, twos):
    err = tessera.error("transaction", "t.zarr", "--", *script(f"'{program}' put {twos} {{}}/a", "exit 5"), status=5)
    assert "nothing was published, since sh ended with exit status 5" in err
    assert values(tree) == ([1, 1], [1, 1]) and beside(tree) == []
    err = tessera.error("transaction", "t.zarr", "--", "sh", "-c", "kill -KILL $$", status=137)
    assert "signal 9" in err
    assert "cannot be run" in tessera.error("transaction", "t.zarr", "--", "no-such-program", status=3)
    assert beside(tree) == []
    assert tessera.run("gc", "t.zarr").out == "no old versions\n"


def test_changes_of_others_are_a_conflict(tessera, program, tree, twos):
    err = tessera.error("transaction", "t.zarr", "--", *script(
        f"'{program}' put {twos} {{}}/a", f"'{program}' put {twos} t.zarr/b"), status=8)
    assert "t.zarr/b/" in err and "nothing was published" in err
    assert values(tree) == ([1, 2], [1, 2]) and beside(tree) == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interruption_changes_nothing(program, tree, twos, number):
    started = tree.parent / "started"
    child = subprocess.Popen(
        [program, "transaction", "t.zarr", "--", "sh", "-c", f"'{program}' put {twos} {{}}/a; touch started; exec sleep 60"],
        cwd=tree.parent, stderr=subprocess.PIPE, start_new_session=True)
    deadline = time.monotonic() + 60
    while not started.exists():
        assert child.poll() is None and time.monotonic() < deadline
        time.sleep(0.01)
    if number == signal.SIGINT:
        os.killpg(child.pid, number)  # as a terminal does
    else:
        child.send_signal(number)
    err = child.communicate(timeout=60)[1].decode()
    assert child.returncode == 130 and "nothing was published" in err
    assert values(tree) == ([1, 1], [1, 1]) and beside(tree) == []


def test_what_a_killed_transaction_leaves_is_collected(tessera, program, tree, twos):
    started = tree.parent / "started"
    child = subprocess.Popen([program, "transaction", "t.zarr", "--", "sh", "-c",
                              f"'{program}' put {twos} {{}}/a; touch started; exec sleep 60"],
                             cwd=tree.parent, start_new_session=True)
    deadline = time.monotonic() + 60
    while not started.exists():
        assert child.poll() is None and time.monotonic() < deadline
        time.sleep(0.01)
    assert "a transaction under way" in tessera.run("gc", "t.zarr").out and len(beside(tree)) == 1
    os.killpg(child.pid, signal.SIGKILL)
    child.wait(timeout=60)
    report = tessera.json("gc", "t.zarr", schema="gc")
    assert [(row["kind"], row["removed"]) for row in report["versions"]] == [("abandoned", True)]
    assert values(tree) == ([1, 1], [1, 1]) and beside(tree) == []


def test_old_versions_are_kept_as_asked(tessera, program, tree):
    for value in (2, 3, 4):
        tessera.run("transaction", "t.zarr", "--", program, "attr", "{}", f"n={value}")
    assert "t.zarr, replaced 20" in tessera.run("gc", "t.zarr", "--dry-run").out
    assert tessera.json("gc", "t.zarr", "--older-than", "2h", schema="gc")["kept"] == 3
    report = tessera.json("gc", "t.zarr", "--keep", "2", schema="gc")
    assert (report["removed"], report["kept"]) == (1, 2)
    assert [row["number"] for row in report["versions"] if not row["removed"]] == [2, 3]
    out = tessera.run("gc", "t.zarr", "--keep", "1").out.splitlines()
    assert out[0].startswith("removes ") and out[1].startswith("keeps ")
    assert tessera.json("gc", "t.zarr", schema="gc")["removed"] == 1
    assert zarr.open_group(tree, mode="r").attrs["n"] == 4


@pytest.mark.parametrize("age", ["", "x", "-1d", "3", "5 parsecs", "1e400d", "d"])
def test_ages_that_are_none(tessera, tree, age):
    tessera.error("gc", "t.zarr", "--older-than", age, status=2)


@pytest.mark.parametrize("age", ["90s", "15min", "1.5h", "2d", "3w"])
def test_ages(tessera, tree, age):
    tessera.run("gc", "t.zarr", "--older-than", age)


def test_what_is_refused(tessera, tree, tmp_path):
    assert "part of the tree" in tessera.error("transaction", "t.zarr/a", "--", "true", status=2)
    assert "no array or group" in tessera.error("transaction", str(tmp_path), "--", "true", status=3)
    assert "only a file system" in tessera.error("transaction", "memory:", "--", "true", status=None)
    assert "COMMAND is missing" in tessera.error("transaction", "t.zarr", status=2)
    tessera.error("transaction", "none.zarr", "--", "true", status=3)
