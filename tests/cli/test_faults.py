"""Hostile files and hostile surroundings: a clear failure in bounded memory, nothing lost, nothing hangs."""

import gzip
import json
import os
import shutil
import signal
import subprocess
import sys
import time
import zipfile

import numpy as np
import pytest
import zarr
import zarr.codecs

MIB = 1 << 20
SANITIZED = any(name in os.environ.get("TESSERA", "") for name in ("asan", "tsan", "ubsan"))
measured = pytest.mark.skipif(SANITIZED, reason="a sanitizer's own memory and time are not ours")


# A process starts with the peak of the one that forked it, so a small one stands between.
LAUNCHER = """
import os, subprocess, sys
child = subprocess.Popen(sys.argv[1:], stdout=subprocess.DEVNULL)
_, status, usage = os.wait4(child.pid, 0)
child.returncode = os.waitstatus_to_exitcode(status)
print(child.returncode, usage.ru_maxrss * 1024)
"""


def peak(tessera, *arguments):
    """Exit status, stderr and the largest resident size in bytes of one run."""
    done = subprocess.run([sys.executable, "-I", "-S", "-c", LAUNCHER, tessera.program, *map(str, arguments)],
                          cwd=tessera.folder, capture_output=True, timeout=30, check=True)
    status, size = map(int, done.stdout.split())
    return status, done.stderr.decode(), size


@pytest.fixture
def idle(tessera):
    return peak(tessera, "version")[2]


def array(folder, codec, chunk=(1 << 18,), shape=(1 << 19,), **more):
    """Two chunks of 1 MiB of uint32; returns the path of the first, written as its metadata says."""
    made = zarr.create_array(folder / "a.zarr", shape=shape, chunks=chunk, dtype="uint32",
                             compressors=codec, **more)
    made[:] = 7
    return folder / "a.zarr" / "c" / "0"


def bomb(codec):
    """1 GiB of zeros, compressed."""
    if codec == "gzip":
        packed = gzip.compress(bytes(MIB), 9, mtime=0)
        return packed * 1024
    from numcodecs import Zstd
    block = bytes(Zstd(level=1).encode(bytes(MIB)))
    return block * 1024


@measured
def test_an_npz_of_zeros_and_one_that_lies_are_read_in_bounded_memory(tessera, tmp_path, idle):
    """256 MiB in 256 KiB, by slabs of 4 MiB; and a header that tells of a petabyte."""
    header = "{'descr': '|u1', 'fortran_order': False, 'shape': (%d, 1048576), }"
    with zipfile.ZipFile(tmp_path / "a.npz", "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for name, rows in (("true", 256), ("false", 1 << 30)):
            text = (header % rows).encode().ljust(117) + b"\n"
            with archive.open(f"{name}.npy", "w") as member:
                member.write(b"\x93NUMPY\1\0" + len(text).to_bytes(2, "little") + text)
                for _ in range(16):
                    member.write(bytes(16 * MIB))
    for name, wanted in (("true", 0), ("false", 4)):
        status, err, most = peak(tessera, "stats", f"a.npz/{name}", "--threads", 2)
        assert status == wanted, err
        assert most - idle <= 2 * (4 * MIB + 4 * MIB) + 16 * MIB, (most - idle) / MIB


@measured
@pytest.mark.parametrize("codec", ["gzip", "zstd"])
@pytest.mark.parametrize("command", [["cat"], ["stats"], ["cp"], ["check", "--data"]], ids=lambda c: c[0])
def test_a_chunk_that_grows_is_refused_in_bounded_memory(tessera, tmp_path, idle, codec, command):
    chunk = array(tmp_path, zarr.codecs.GzipCodec() if codec == "gzip" else zarr.codecs.ZstdCodec())
    data = bomb(codec)
    chunk.write_bytes(data)
    more = ["b.zarr", "--chunks", 1 << 17] if command == ["cp"] else []
    status, err, most = peak(tessera, *command, "a.zarr", *more, *([] if command[0] == "check" else ["--threads", 2]))
    assert status == (1 if command[0] == "check" else 4), err
    if command[0] != "check":
        assert "c/0" in err
    # The encoded bound of a chunk of 1 MiB is a little more than 1 MiB, and what is longer is not read.
    assert most - idle <= 2 * (len(data) + MIB + MIB) + 16 * MIB, (most - idle) / MIB


@measured
def test_ordinary_data_takes_bounded_memory(tessera, tmp_path, idle):
    values = np.random.default_rng(3).integers(0, 1 << 30, 24 << 18, dtype="uint32")
    made = zarr.create_array(tmp_path / "a.zarr", shape=values.shape, chunks=(1 << 18,), dtype="uint32")
    made[:] = values
    # A copy into other chunks holds one of each array for every thread.
    for times, *command in ((1, "stats", "a.zarr"), (1, "check", "--data", "a.zarr"),
                            (1, "cat", "a.zarr", "--format", "raw"),
                            (2, "cp", "a.zarr", "b.zarr", "--chunks", 1 << 17),
                            (2, "cp", "a.zarr", "c.zarr", "--codec", "zstd:3")):
        status, err, most = peak(tessera, *command, "--threads", 2)
        assert status == 0, err
        assert most - idle <= 2 * times * (2 * MIB + MIB // 8) + 16 * MIB, (command, (most - idle) / MIB)


@measured
def test_cat_of_large_chunks_takes_bounded_memory(tessera, tmp_path, idle):
    """Parts of a chunk or so: bounded by what the threads may hold, and each chunk is decoded once."""
    values = np.random.default_rng(4).integers(0, 1 << 30, (6, 24 << 18), dtype="uint32")
    made = zarr.create_array(tmp_path / "a.zarr", shape=values.shape, chunks=(1, 24 << 18), dtype="uint32")
    made[:] = values
    for threads in (2, 4):
        status, err, most = peak(tessera, "cat", "a.zarr", "--format", "raw", "--threads", threads)
        assert status == 0, err
        assert most - idle <= threads * 48 * MIB + 16 * MIB, (threads, (most - idle) / MIB)


@measured
def test_a_shard_index_of_a_billion_entries_is_refused(tessera, tmp_path, idle):
    zarr.create_array(tmp_path / "a.zarr", shape=(1 << 30,), chunks=(1,), shards=(1 << 30,), dtype="uint8")
    path = tmp_path / "a.zarr" / "c" / "0"
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "wb") as file:
        file.truncate(17 << 30)
    for command in (["cat", "a.zarr", "--select", "5:6"], ["check", "a.zarr"]):
        status, err, most = peak(tessera, *command)
        assert status in (1, 4, 8), err
        assert most - idle <= 16 * MIB, (command, (most - idle) / MIB)


@measured
@pytest.mark.parametrize("text", [b"[" * (60 * MIB), b"[0," * (20 * MIB), b'{"a":' * (12 * MIB)])
def test_metadata_of_60_mib_of_nested_lists(tessera, tmp_path, idle, text):
    (tmp_path / "a.zarr").mkdir()
    (tmp_path / "a.zarr" / "zarr.json").write_bytes(text)
    status, err, most = peak(tessera, "info", "a.zarr")
    assert status in (4, 8) and "zarr.json" in err, (status, err)
    assert most - idle <= len(text) + 16 * MIB, (most - idle) / MIB


@measured
def test_the_corner_of_an_array_of_2_to_the_62(tessera, tmp_path, idle):
    tessera.run("create", "a.zarr", "--shape", 1 << 62, "--dtype", "u1", "--chunks", 1000,
                "--fill-value", 9)
    begun = time.monotonic()
    assert tessera.run("cat", "a.zarr", "--select", "-3:").out.split() == ["9", "9", "9"]
    assert time.monotonic() - begun < 5
    status, err, most = peak(tessera, "info", "a.zarr")
    assert status == 0 and most - idle <= 16 * MIB


# ---- things where files should be ---------------------------------------------------------------------


def test_links_in_circles_end(tessera, tree, tmp_path):
    """Two links back, which without a check would make 2^40 groups."""
    for name in ("one", "two"):
        (tmp_path / "t.zarr" / name).symlink_to(".")
    (tmp_path / "t.zarr" / "inner" / "up").symlink_to("..")
    listed = tessera.json("tree", "t.zarr", schema="tree")
    assert [child["name"] for child in listed["children"]] == ["inner", "one", "plain", "sharded", "two"]
    assert tessera.run("check", "t.zarr").out.startswith("checked 3 arrays, ")
    tessera.run("cp", "-r", "t.zarr", "u.zarr")
    assert len(list((tmp_path / "u.zarr").rglob("zarr.json"))) == 8


@pytest.mark.parametrize("kind", ["fifo", "folder", "loop", "dangling", "short", "empty"])
def test_something_else_where_a_chunk_should_be(tessera, tmp_path, kind):
    chunk = array(tmp_path, zarr.codecs.ZstdCodec(checksum=True))
    data = chunk.read_bytes()
    chunk.unlink()
    if kind == "fifo":
        os.mkfifo(chunk)
    elif kind == "folder":
        chunk.mkdir()
    elif kind == "loop":
        chunk.symlink_to(chunk.name)
    elif kind == "dangling":
        chunk.symlink_to("nowhere")
    else:
        chunk.write_bytes(data[:len(data) // 2] if kind == "short" else b"")
    begun = time.monotonic()
    result = tessera.run("cat", "a.zarr", "--select", f":{1 << 18}", status=None)
    if kind in ("dangling", "folder"):
        assert result.status in (0, 4, 8)
    else:
        assert result.status in (4, 8) and result.stdout == b"", (result.status, result.err)
    assert result.status == 0 or "c/0" in result.err
    tessera.run("check", "a.zarr", "--data", status=None)
    assert time.monotonic() - begun < 20
    # The chunk beside it is as good as before.
    assert tessera.run("cat", "a.zarr", "--select", "-2:").out.split() == ["7", "7"]


@pytest.mark.parametrize("kind", ["fifo", "loop"])
def test_what_cannot_be_read_is_named_and_hides_nothing(tessera, tmp_path, kind):
    """A check goes on behind it, to a damaged chunk; what needs its elements takes it for no missing one."""
    data = np.arange(64, dtype="i4").reshape(8, 8)
    root = zarr.create_group(tmp_path / "t.zarr")
    first = root.create_array("a", shape=(8, 8), chunks=(4, 4), shards=(8, 4), dtype="i4")
    first[:] = data
    second = root.create_array("b", shape=(8, 8), chunks=(4, 4), dtype="i4", compressors=zarr.codecs.Crc32cCodec())
    second[:] = data
    chunk = tmp_path / "t.zarr/a/c/0/0"
    chunk.unlink()
    os.mkfifo(chunk) if kind == "fifo" else chunk.symlink_to(chunk.name)
    hurt = tmp_path / "t.zarr/b/c/1/1"
    hurt.write_bytes(b"\xff" + hurt.read_bytes()[1:])
    found = tessera.json("check", "t.zarr", "--data", schema="check", status=1)["findings"]
    assert [(row["kind"], row["damage"], row["key"], row["index"]) for row in found] == [
        ("unreadable", True, "c/0/0", [0, 0]), ("chunk", True, "c/1/1", [1, 1])]
    assert "t.zarr/a/c/0/0" in found[0]["problem"]
    for command in ("hash", "stats", "cat"):
        assert "t.zarr/a/c/0/0" in tessera.error(command, "t.zarr/a", status=8)


@pytest.mark.parametrize("kind", ["fifo", "folder", "loop"])
def test_something_else_where_metadata_should_be(tessera, tmp_path, kind):
    place = tmp_path / "a.zarr"
    place.mkdir()
    target = place / "zarr.json"
    {"fifo": lambda: os.mkfifo(target), "folder": target.mkdir,
     "loop": lambda: target.symlink_to("zarr.json")}[kind]()
    for command in (["info", "a.zarr"], ["cat", "a.zarr"], ["check", "a.zarr"]):
        result = tessera.run(*command, status=None)
        assert result.status in (1, 3, 4, 8), (command, result.status, result.err)
        assert result.err or result.stdout


# ---- no permission, no room ---------------------------------------------------------------------------


def as_nobody(program):
    """A command prefix under which file modes count."""
    if os.geteuid() != 0:
        return []
    setpriv = shutil.which("setpriv")
    if not setpriv:
        pytest.skip("root without setpriv: no mode can be refused")
    return [setpriv, "--reuid=65534", "--regid=65534", "--clear-groups"]


def test_no_permission(tessera, program, tmp_path):
    chunk = array(tmp_path, None)
    prefix = as_nobody(program)
    if prefix:
        place = tmp_path
        while place != place.parent and not place.stat().st_mode & 0o001:
            place.chmod(place.stat().st_mode | 0o011)
            place = place.parent
        reachable = subprocess.run([*prefix, program, "version"], capture_output=True)
        if reachable.returncode != 0:
            pytest.skip("the program cannot be run by another user")
    old = chunk.read_bytes()
    folders = [chunk.parent, tmp_path / "a.zarr"]
    for folder in folders:
        folder.chmod(0o555)
    try:
        bare = np.zeros(1 << 19, "uint32").tobytes()
        done = subprocess.run([*prefix, program, "put", "-", "a.zarr"], cwd=tmp_path, input=bare,
                              capture_output=True, timeout=60)
        assert done.returncode == 6, done.stderr
        assert b"a.zarr" in done.stderr and b"next:" in done.stderr
        assert chunk.read_bytes() == old
        chunk.chmod(0)
        done = subprocess.run([*prefix, program, "cat", "a.zarr"], cwd=tmp_path, capture_output=True, timeout=60)
        assert done.returncode == 6 and b"c/0" in done.stderr
        done = subprocess.run([*prefix, program, "check", "a.zarr"], cwd=tmp_path, capture_output=True, timeout=60)
        assert done.returncode == 1 and b"unreadable" in done.stdout and b"c/0" in done.stdout, done.stderr
    finally:
        chunk.chmod(0o644)
        for folder in folders:
            folder.chmod(0o755)
    tessera.run("put", "-", "a.zarr", input=bare)


@pytest.fixture
def small_disk(tmp_path):
    place = tmp_path / "disk"
    place.mkdir()
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=5m", "tmpfs", place], capture_output=True)
    if done.returncode != 0:
        pytest.skip(f"no file system can be mounted here: {done.stderr.decode().strip()}")
    yield place
    subprocess.run(["umount", place], check=True)


def test_a_full_disk_loses_nothing(tessera, small_disk):
    values = np.random.default_rng(5).integers(0, 1 << 32, 3 << 18, dtype="uint32")
    tessera.run("create", "disk/a.zarr", "--shape", 3 << 18, "--dtype", "u4", "--chunks", 1 << 16,
                "--shards", 1 << 18, "--codec", "none")
    tessera.run("put", "-", "disk/a.zarr", input=values.tobytes())
    other = (values + 1).astype("uint32")
    message = tessera.run("put", "-", "disk/a.zarr", "--select", f":{2 << 18}", input=other[:2 << 18].tobytes(),
                          status=None)
    # Whether there is room depends on how many new shards stand beside the old ones at a time.
    assert message.status in (0, 8), message.err
    (small_disk / "filler").write_bytes(bytes(os.statvfs(small_disk).f_bavail * 4096))
    message = tessera.error("put", "-", "disk/a.zarr", status=8, input=values.tobytes())
    assert "free some space" in message
    got = zarr.open_array(small_disk / "a.zarr", mode="r")[:].reshape(3, 1 << 18)
    for shard, old, new in zip(got, values.reshape(3, -1), other.reshape(3, -1)):
        assert (shard == old).all() or (shard == new).all()
    tessera.run("check", "disk/a.zarr", "--data")
    assert not [name for _, _, names in os.walk(small_disk) for name in names if name.endswith(".tmp")]
    (small_disk / "filler").unlink()
    tessera.run("put", "-", "disk/a.zarr", "--threads", 1, input=values.tobytes())
    assert (zarr.open_array(small_disk / "a.zarr", mode="r")[:] == values).all()


# ---- interrupted ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("command", ["import", "put", "stats"])
def test_interrupted_in_the_middle(program, tessera, tmp_path, command):
    np.save(tmp_path / "in.npy", np.random.default_rng(2).integers(0, 50, (24, 512, 512), dtype="u1"))
    tessera.run("create", "out.zarr", "--shape", "24,512,512", "--dtype", "u1", "--chunks", "1,256,256",
                "--codec", "zstd:19")
    words = {"import": ["in.npy", "new.zarr", "--chunks", "1,256,256", "--codec", "zstd:19"],
             "put": ["in.npy", "out.zarr"], "stats": ["large.npy"]}[command]
    if command == "stats":
        np.lib.format.open_memmap(tmp_path / "large.npy", "w+", "u1", (8 << 30,))
    child = subprocess.Popen([program, command, *words, "--threads", "1"], cwd=tmp_path,
                             stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    time.sleep(0.3)
    child.send_signal(signal.SIGINT)
    sent = time.monotonic()
    _, err = child.communicate(timeout=60)
    assert child.returncode == 130 and b"interrupted" in err, (child.returncode, err)
    assert SANITIZED or time.monotonic() - sent < 5
    if command == "stats":
        return
    place = words[1]
    report = tessera.json("check", place, "--data", schema="check", status=None)
    assert {finding["kind"] for finding in report["findings"]} <= {"unfinished", "temporary"}
    tessera.run(command, *words)
    assert (zarr.open_array(tmp_path / place, mode="r")[:] == np.load(tmp_path / "in.npy")).all()


# Each round replaces one chunk whole, by a rename, and cuts another off in place, as bad writers do.
RUINER = """
import os, sys
folder, rounds = sys.argv[1], int(sys.argv[2])
old = open(os.path.join(folder, "0"), "rb").read()
for number in range(rounds):
    name = os.path.join(folder, str(number % 8))
    if number % 3:
        with open(name + ".new", "wb") as file:
            file.write(old)
        os.rename(name + ".new", name)
    else:
        os.truncate(name, number * 997 % len(old))
"""


@pytest.mark.parametrize("codec", [None, zarr.codecs.ZstdCodec(checksum=True)], ids=["bare", "zstd"])
@pytest.mark.parametrize("shards", [None, (1 << 18,)], ids=["chunks", "shards"])
def test_files_that_are_replaced_and_cut_off_while_they_are_read(tessera, tmp_path, codec, shards):
    """No crash, no value that nobody wrote: the elements, or an error that names the file."""
    made = zarr.create_array(tmp_path / "a.zarr", shape=(1 << 21,), chunks=(1 << 15,) if shards else (1 << 18,),
                             shards=shards, dtype="uint32", compressors=codec)
    made[:] = np.tile(np.arange(1 << 18, dtype="uint32") % 1000, 8)
    folder = tmp_path / "a.zarr" / "c"
    ruiner = subprocess.Popen([sys.executable, "-I", "-S", "-c", RUINER, str(folder), "100000000"])
    seen = set()
    try:
        for _ in range(12):
            result = tessera.run("stats", "a.zarr", "--json", "--threads", 2, status=None)
            seen.add(result.status)
            if result.status == 0:
                assert 0 <= json.loads(result.out)["min"] <= json.loads(result.out)["max"] <= 999
            else:
                assert result.status in (4, 8) and "c/" in result.err, (result.status, result.err)
    finally:
        ruiner.kill()
        ruiner.wait()
    assert seen
