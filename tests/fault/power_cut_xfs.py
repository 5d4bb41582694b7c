#!/usr/bin/env python3
"""Power cuts on a real file system: XFS in a loop device, shut down under writers by its own ioctl.

    power_cut_xfs.py TESSERA FOLDER [ROUNDS]

Four processes at a time put inner chunks into the same shards, each its own, again and again, until
XFS_IOC_GOINGDOWN drops all that is not in the log or on the disk. After the next mount every inner chunk
must be whole and of a version between the last acknowledged and the last begun one, `tessera check
--data` must find no damage, and writing goes on. With `--durability none` the same cuts must lose
something: otherwise they were none. Exits with 77 where there is no such file system, with the reason.

The image is FOLDER/power_cut.img, its mount that of a namespace of its own and its loop device one that goes with
the mount: so both are gone when this program ends, however it ends.
"""

import array
import fcntl
import os
import pathlib
import random
import struct
import subprocess
import sys
import threading
import time

CHUNKS, ELEMENTS, CHUNKS_OF_SHARD, WRITERS = 64, 256, 16, 4
XFS_IOC_GOINGDOWN = 0x8004587D  # _IOR('X', 125, uint32_t)
WITHOUT_LOG_FLUSH = 2


def call(*words, **more):
    return subprocess.run([str(word) for word in words], check=True, capture_output=True, **more).stdout


class Disk:
    def __init__(self, folder, name="power_cut"):
        self.image, self.mount = folder / f"{name}.img", folder / name

    def make(self):
        self.mount.mkdir(parents=True, exist_ok=True)
        with open(self.image, "wb") as file:
            file.truncate(320 << 20)
        call("mkfs.xfs", "-q", "-f", "-m", "reflink=1", self.image)
        self.plug_in()

    def plug_in(self):
        call("mount", "-o", "loop", self.image, self.mount)

    def cut(self):
        top = os.open(self.mount, os.O_RDONLY)
        fcntl.ioctl(top, XFS_IOC_GOINGDOWN, struct.pack("I", WITHOUT_LOG_FLUSH))
        os.close(top)

    def unplug(self):
        call("umount", self.mount)

    def remove(self):
        if os.path.ismount(self.mount):
            self.unplug()
        self.image.unlink(missing_ok=True)
        if self.mount.is_dir():
            self.mount.rmdir()


class Array:
    """An array whose inner chunks bear versions: what was begun and what was acknowledged of each."""

    def __init__(self, tessera, place, durability):
        self.tessera, self.place, self.durability = tessera, place, durability
        self.begun, self.acknowledged = [0] * CHUNKS, [0] * CHUNKS
        self.refused = []
        call(tessera, "create", place, "--shape", CHUNKS * ELEMENTS, "--dtype", "uint32", "--chunks", ELEMENTS,
             "--shards", CHUNKS_OF_SHARD * ELEMENTS, "--codec", "zstd:1")
        call("sync", "--file-system", place)

    def write(self, writer, seed, over):
        choice = random.Random(seed)
        while not over.is_set():
            chunk = choice.randrange(writer, CHUNKS, WRITERS)
            version = self.begun[chunk] = self.begun[chunk] + 1
            select = f"{chunk * ELEMENTS}:{(chunk + 1) * ELEMENTS}"
            done = subprocess.run([self.tessera, "put", "-", str(self.place), "--select", select, "--durability", self.durability],
                                  input=array.array("I", [version] * ELEMENTS).tobytes(), capture_output=True, check=False)
            if done.returncode != 0:
                if not over.is_set():
                    self.refused.append(f"a put failed before the cut: {done.stderr.decode()}")
                return
            self.acknowledged[chunk] = version

    def until_cut(self, disk, seed):
        over = threading.Event()
        threads = [threading.Thread(target=self.write, args=(w, seed * WRITERS + w, over)) for w in range(WRITERS)]
        for thread in threads:
            thread.start()
        time.sleep(random.Random(seed).uniform(0.2, 1.0))
        over.set()
        disk.cut()
        for thread in threads:
            thread.join()
        disk.unplug()
        disk.plug_in()

    def read(self, first, n):
        """The elements of n chunks; None when they cannot be read."""
        select = f"{first * ELEMENTS}:{(first + n) * ELEMENTS}"
        done = subprocess.run([self.tessera, "cat", str(self.place), "--select", select, "--format", "raw"],
                              capture_output=True, check=False)
        return array.array("I", done.stdout) if len(done.stdout) == 4 * n * ELEMENTS and done.returncode == 0 else None

    def faults(self):
        """What is wrong with each chunk, after which the versions found count as the last ones."""
        found, whole = list(self.refused), self.read(0, CHUNKS)
        for chunk in range(CHUNKS):
            values = whole[chunk * ELEMENTS : (chunk + 1) * ELEMENTS] if whole else self.read(chunk, 1)
            between = f"{self.acknowledged[chunk]} acknowledged, {self.begun[chunk]} begun"
            if values is None or len(set(values)) != 1:
                found.append(f"chunk {chunk} is damaged ({between})")
            elif not self.acknowledged[chunk] <= values[0] <= self.begun[chunk]:
                found.append(f"chunk {chunk} is of version {values[0]} ({between})")
            else:
                self.begun[chunk] = self.acknowledged[chunk] = values[0]
        return found


def survive(disk, tessera, rounds):
    arrays = [Array(tessera, disk.mount / f"{name}.zarr", name) for name in ("chunk", "flush")]
    puts = 0
    for seed in range(rounds):
        one = arrays[seed % 2]
        before = sum(one.acknowledged)
        one.until_cut(disk, seed)
        puts += sum(one.acknowledged) - before
        found = one.faults()
        if found:
            raise SystemExit(f"round {seed}, durability {one.durability}:\n" + "\n".join(found))
        call(tessera, "check", "--data", one.place)
    if puts < rounds:
        raise SystemExit(f"only {puts} puts were acknowledged in {rounds} rounds: nothing was tried")
    return puts


def lose(disk, tessera):
    """The same cuts under what makes no promise."""
    lost = 0
    for seed in range(3):
        one = Array(tessera, disk.mount / f"none{seed}.zarr", "none")
        one.until_cut(disk, seed)
        lost += len(one.faults()) - len(one.refused)
    if lost == 0:
        raise SystemExit("nothing was lost with durability none: these are no power cuts")
    return lost


def main():
    if len(sys.argv) < 3:
        raise SystemExit(__doc__)
    tessera, folder = os.path.abspath(sys.argv[1]), pathlib.Path(sys.argv[2]).resolve()
    rounds = int(sys.argv[3]) if len(sys.argv) > 3 else 20
    if os.geteuid() != 0:
        print("power cuts on XFS are left out: they take root")
        return 77
    if "POWER_CUT_NAMESPACE" not in os.environ:
        os.environ["POWER_CUT_NAMESPACE"] = "1"
        os.execvp("unshare", ["unshare", "--mount", "--propagation", "private", sys.executable, *sys.argv])
    disk = Disk(folder)
    try:
        try:
            disk.make()
        except (OSError, subprocess.CalledProcessError) as error:
            reason = getattr(error, "stderr", None) or str(error).encode()
            print("power cuts on XFS are left out:", reason.decode().strip())
            return 77
        puts = survive(disk, tessera, rounds)
        lost = lose(disk, tessera)
    finally:
        disk.remove()
    print(f"XFS: {rounds} power cuts, {puts} acknowledged puts, none lost, none torn; "
          f"with durability none 3 power cuts hurt {lost} chunks")
    return 0


if __name__ == "__main__":
    sys.exit(main())
