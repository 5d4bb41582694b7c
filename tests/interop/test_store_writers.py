"""Many processes write one folder, TensorStore's among them, and some are killed.

TensorStore takes part with its own file driver: if its lock and ours did not exclude each other,
additions would be lost.
"""

import os
import pathlib
import shutil
import subprocess
import sys

import pytest
import tensorstore

BUILD = pathlib.Path(os.environ.get("TESSERA", "build/release/tessera")).resolve().parent
WRITER = BUILD / "tests" / "interop" / "store_writer"

# Adds 1 to the number under a key, as often as told, by TensorStore's conditional write.
ADD_BY_TENSORSTORE = """
import sys, tensorstore
folder, key, count = sys.argv[1], sys.argv[2], int(sys.argv[3])
store = tensorstore.KvStore.open(
    {"driver": "file", "path": folder + "/", "file_io_sync": False}).result()
while count:
    read = store.read(key).result()
    number = int(read.value) if read.state == "value" else 0
    written = store.write(key, str(number + 1), if_equal=read.stamp.generation).result()
    count -= bool(written.generation)
"""


def start_writer(folder, *words, **options):
    return subprocess.Popen([WRITER, folder, *words], text=True, **options)


def run_writer(folder, *words):
    return subprocess.run([WRITER, folder, *words], text=True, capture_output=True, timeout=60)


def lock_files(folder):
    return [path.name for path in pathlib.Path(folder).rglob("*__lock")]


def open_tensorstore(folder):
    return tensorstore.KvStore.open({"driver": "file", "path": f"{folder}/"}).result()


def test_no_addition_is_lost_between_tensorstore_and_us(tmp_path):
    count = 200
    writers = [start_writer(tmp_path, "add", "d/number", str(count), how) for how in ("lock", "lock", "condition")]
    writers += [
        subprocess.Popen([sys.executable, "-c", ADD_BY_TENSORSTORE, tmp_path, "d/number", str(count)])
        for _ in range(2)
    ]
    assert [writer.wait(timeout=120) for writer in writers] == [0] * 5
    assert (tmp_path / "d" / "number").read_text() == str(5 * count)
    assert lock_files(tmp_path) == []


def test_tensorstore_waits_for_our_lock(tmp_path):
    holder = start_writer(tmp_path, "lock", "k", stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert holder.stdout.readline() == "locked\n"
    written = open_tensorstore(tmp_path).write("k", b"theirs")
    with pytest.raises(TimeoutError):
        written.result(timeout=0.3)
    assert not (tmp_path / "k").exists()
    holder.communicate("\n", timeout=60)
    assert holder.returncode == 0
    written.result(timeout=60)
    assert (tmp_path / "k").read_bytes() == b"theirs"


def test_our_lock_file_is_no_key_for_tensorstore(tmp_path):
    holder = start_writer(tmp_path, "lock", "a/k", stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert holder.stdout.readline() == "locked\n"
    (tmp_path / "a" / "__tmp_0123456789abcdef.__lock").write_bytes(b"left over")
    (tmp_path / "a" / "l").write_bytes(b"1")
    assert open_tensorstore(tmp_path).list().result() == [b"a/l"]
    holder.communicate("\n", timeout=60)


def test_a_killed_holder_blocks_nobody(tmp_path):
    holder = start_writer(tmp_path, "lock", "k", stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert holder.stdout.readline() == "locked\n"
    holder.kill()
    holder.wait()
    assert lock_files(tmp_path) == ["k.__lock"]
    assert run_writer(tmp_path, "put", "k", "next", "none").stdout == "done\n"
    assert (tmp_path / "k").read_text() == "next"
    assert lock_files(tmp_path) == []


# ---- Killed at every system call ----

OLD = "the value before"
NEW = "the value after, which is longer than the one before"
CALLS = (
    "openat mkdirat newfstatat fcntl pwritev pwritev2 pwrite64 fdatasync fsync renameat renameat2 rename "
    "futimens utimensat unlinkat close fchmod fchown fallocate exit_group"
).split()


def can_strace(tmp_path):
    if not shutil.which("strace"):
        return False
    probe = subprocess.run(["strace", "-o", "/dev/null", "true"], capture_output=True)
    return probe.returncode == 0


def untraced_checkers():
    """The environment without the search for leaks, which makes calls of its own and cannot run under strace."""
    return os.environ | {"ASAN_OPTIONS": os.environ.get("ASAN_OPTIONS", "") + ":detect_leaks=0"}


def kill_at(folder, call, number, *words):
    """Runs the writer and kills it at the n-th such call; the call is not executed."""
    return subprocess.run(
        ["strace", "-f", "-o", "/dev/null", "-e", f"trace={call}", "-e", f"inject={call}:signal=KILL:when={number}",
         WRITER, folder, *words],
        text=True, capture_output=True, timeout=60, env=untraced_checkers(),
    )


def known_calls():
    known = []
    for call in CALLS:
        probe = subprocess.run(["strace", "-o", "/dev/null", "-e", f"trace={call}", "true"], capture_output=True)
        if probe.returncode == 0:
            known.append(call)
    return known


def calls_before_work(folder, call):
    """How often a writer that does nothing makes a call: loading libraries is not what is tested."""
    log = folder / "calls"
    subprocess.run(["strace", "-f", "-o", log, "-e", f"trace={call}", WRITER, folder, "nothing"], capture_output=True,
                   env=untraced_checkers())
    return sum(line.split(None, 1)[1].startswith(call) for line in log.read_text().splitlines())


@pytest.mark.parametrize("before", [None, OLD])
def test_killed_at_every_call_a_value_is_old_or_new(tmp_path, before):
    if not can_strace(tmp_path):
        pytest.skip("strace is missing or may not trace")
    kills = 0
    for call in known_calls():
        first = max(1, calls_before_work(tmp_path, call) - 2)
        for number in range(first, first + 200):
            folder = tmp_path / f"{call}-{number}"
            if before:
                (folder / "a" / "b").mkdir(parents=True)
                (folder / "a" / "b" / "k").write_text(before)
            ended = kill_at(folder, call, number, "put", "a/b/k", NEW, "chunk")
            value = folder / "a" / "b" / "k"
            now = value.read_text() if value.exists() else None
            if ended.returncode == 0:
                assert ended.stdout == "done\n" and now == NEW
                break
            kills += 1
            assert now in (before, NEW), f"torn by a kill at {call} number {number}"
            if ended.stdout == "done\n":
                assert now == NEW, "an acknowledged value is lost"
            # The next writer finds nothing in its way and clears up.
            assert run_writer(folder, "put", "a/b/k", "next", "none").stdout == "done\n"
            assert value.read_text() == "next"
            assert lock_files(folder) == []
            shutil.rmtree(folder)
        else:
            pytest.fail(f"{call} is called too often")
    assert kills > 20
