#!/usr/bin/env python3
"""Fault sweeps where files share blocks: XFS with reflinks in a loop device.

    sweep_xfs.py TESSERA FOLDER NTH_MALLOC_LIBRARY
    sweep_xfs.py verify TESSERA ARRAY

There a part of a shard is written by appending to a copy that shares the blocks of the old one, which no
other file system does. The command that is swept is a put of two of 32 inner chunks; `verify` holds each of them
to be old whole or new whole (new when SWEEP_STATUS is 0), and all others to be as they were. SWEEP_RUNS=all
tries every call. Exits with 77 where there is no such file system, with the reason.

The image is FOLDER/sweep.img, its mount that of a namespace of its own and its loop device one that goes with the
mount: so both are gone when this program ends, however it ends.
"""

import os
import pathlib
import subprocess
import sys

from power_cut_xfs import Disk, call

ROWS, WIDTH, CHUNK_ROWS, FIRST, COUNT = 512, 1024, 16, 32, 32  # bytes: a shard of 512 KiB
OLD, NEW = 1, 2
FAULTS = ("copy_file_range:EIO", "copy_file_range:EOPNOTSUPP", "copy_file_range:KILL", "pwritev:ENOSPC", "pwritev:KILL",
          "fdatasync:EIO", "renameat:EIO", "renameat:KILL", "malloc")


def verify(tessera, place):
    done = subprocess.run([tessera, "cat", place, "--format", "raw"], capture_output=True, check=False)
    if done.returncode != 0 or len(done.stdout) != ROWS * WIDTH:
        return f"it cannot be read: {done.stderr.decode()}"
    size = CHUNK_ROWS * WIDTH
    for number in range(ROWS // CHUNK_ROWS):
        found = set(done.stdout[number * size : (number + 1) * size])
        touched = FIRST <= number * CHUNK_ROWS < FIRST + COUNT
        allowed = [{NEW}] if touched and os.environ.get("SWEEP_STATUS") == "0" else [{OLD}, {NEW}] if touched else [{OLD}]
        if found not in allowed:
            return f"inner chunk {number} holds {found}"
    done = subprocess.run([tessera, "check", "--data", place], capture_output=True, check=False)
    return None if done.returncode == 0 else f"damage: {done.stdout.decode()}"


def make_tree(tessera, tree):
    """The array, and beside it the bytes that are put."""
    tree.mkdir()
    array = tree / "a.zarr"
    call(tessera, "create", array, "--shape", f"{ROWS},{WIDTH}", "--dtype", "u1", "--chunks", f"{CHUNK_ROWS},{WIDTH}",
         "--shards", f"{ROWS},{WIDTH}", "--codec", "none")
    call(tessera, "put", "-", array, input=bytes([OLD]) * (ROWS * WIDTH))
    (tree / "new.raw").write_bytes(bytes([NEW]) * (COUNT * WIDTH))


def check_appended(tessera, tree, select):
    """The put appends indeed: what it replaces stays in the file."""
    shard = tree / "a.zarr" / "c" / "0" / "0"
    before = shard.stat().st_size
    with open(tree / "new.raw", "rb") as new:
        call(tessera, "put", "-", tree / "a.zarr", "--select", select, stdin=new)
    if shard.stat().st_size < before + COUNT * WIDTH:
        raise SystemExit(f"the shard of {before} bytes has {shard.stat().st_size} now: nothing was appended to it")
    call(tessera, "put", "-", tree / "a.zarr", input=bytes([OLD]) * (ROWS * WIDTH))


def sweep(tessera, tree, library):
    select = f"{FIRST}:{FIRST + COUNT}"
    check_appended(tessera, tree, select)
    here = pathlib.Path(__file__).resolve().parent
    command = ["sh", "-c", f"exec '{tessera}' put - '{{work}}/tree/a.zarr' --select {select} < '{{work}}/tree/new.raw'"]
    failed = []
    for fault in FAULTS:
        manner = ["--library", library] if fault == "malloc" else ["--call", fault]
        done = subprocess.run(
            [sys.executable, "-S", here / "sweep.py", *manner, "--fixture", tree, "--runs", "5", "--recover", "--verify",
             f"'{sys.executable}' -S '{__file__}' verify '{tessera}' '{{work}}/tree/a.zarr'", "--", *command],
            env={**os.environ, "TMPDIR": str(tree.parent), "LC_ALL": "C"}, capture_output=True, text=True, check=False)
        print(f"{fault}: {(done.stdout + done.stderr).strip()}")
        if done.returncode == 77:
            raise SystemExit(77)
        if done.returncode != 0:
            failed.append(fault)
    return failed


def main():
    if sys.argv[1:2] == ["verify"]:
        sys.exit(verify(*sys.argv[2:]))
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    tessera, folder, library = os.path.abspath(sys.argv[1]), pathlib.Path(sys.argv[2]).resolve(), os.path.abspath(sys.argv[3])
    if os.geteuid() != 0:
        print("sweeps on XFS are left out: they take root")
        return 77
    if "SWEEP_NAMESPACE" not in os.environ:
        os.environ["SWEEP_NAMESPACE"] = "1"
        os.execvp("unshare", ["unshare", "--mount", "--propagation", "private", sys.executable, *sys.argv])
    disk = Disk(folder, "sweep")
    try:
        try:
            disk.make()
        except (OSError, subprocess.CalledProcessError) as error:
            reason = getattr(error, "stderr", None) or str(error).encode()
            print("sweeps on XFS are left out:", reason.decode().strip())
            return 77
        make_tree(tessera, disk.mount / "tree")
        failed = sweep(tessera, disk.mount / "tree", library)
    finally:
        disk.remove()
    if failed:
        print(f"sweeps that failed on XFS: {' '.join(failed)}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
