#!/usr/bin/env python3
"""Makes the files in this folder: what other programs encode, for our decoders to read.

Made with numcodecs 0.16.6 (c-blosc 1.21.7.dev, zstd 1.5.6), gzip 1.12, zstd 1.5.4, bzip2 1.0.8. They are
not made again by any build: a decoder must read what was written once. Names of functions as arguments
make a part of them.

The data are little-endian uint16 numbers, element i being (7 i + i / 64) % 1024: `small` has 1,500 of
them, `large` 70,000. `hello` is the text "hello world!".
"""
import pathlib
import subprocess
import sys

import numcodecs
import numpy as np

FOLDER = pathlib.Path(__file__).parent


def numbers(count):
    i = np.arange(count, dtype=np.uint32)
    return ((7 * i + i // 64) % 1024).astype("<u2")


DATA = {"small": numbers(1500), "large": numbers(70_000), "hello": np.frombuffer(b"hello world!", "u1")}


def save(name, content):
    (FOLDER / name).write_bytes(bytes(content))


def encode(name, data, codec):
    save(name, codec.encode(DATA[data]))


def tool(name, content, *command):
    save(name, subprocess.run(command, input=bytes(content), stdout=subprocess.PIPE, check=True).stdout)


def blosc():
    for cname in "blosclz", "lz4", "lz4hc", "zstd", "zlib":
        for shuffle in 0, 1, 2:
            codec = numcodecs.Blosc(cname=cname, clevel=5, shuffle=shuffle)
            encode(f"blosc-{cname}-{shuffle}.small", "small", codec)
        encode(f"blosc-{cname}.large", "large", numcodecs.Blosc(cname=cname, clevel=1, shuffle=2, blocksize=32768))
    encode("blosc-stored.small", "small", numcodecs.Blosc(cname="lz4", clevel=0))


def streams():
    small, large = DATA["small"].tobytes(), DATA["large"].tobytes()
    for level in 1, 9:
        encode(f"gzip-{level}.small", "small", numcodecs.GZip(level))
        encode(f"zlib-{level}.small", "small", numcodecs.Zlib(level))
        encode(f"bz2-{level}.small", "small", numcodecs.BZ2(level))
    encode("bz2-1.large", "large", numcodecs.BZ2(1))
    encode("gzip-5.large", "large", numcodecs.GZip(5))
    save("gzip-members.small", b"".join(numcodecs.GZip(5).encode(small[i:i + 1000]) for i in range(0, 3000, 1000)))
    save("bz2-streams.small", b"".join(numcodecs.BZ2(5).encode(small[i:i + 1000]) for i in range(0, 3000, 1000)))
    path = FOLDER / "with a name"
    path.write_bytes(small)
    tool("gzip-name.small", b"", "gzip", "--best", "--name", "--stdout", str(path))
    path.unlink()
    for level in 0, 22, -5:
        encode(f"zstd-{level}.small", "small", numcodecs.Zstd(level))
    encode("zstd-checksum.small", "small", numcodecs.Zstd(3, checksum=True))
    encode("zstd-0.large", "large", numcodecs.Zstd(0))
    # A pipe has no size that the encoder could write down.
    tool("zstd-unsized.large", large, "zstd", "--stdout", "-q")
    save("zstd-frames.small", b"".join(numcodecs.Zstd(1).encode(small[i:i + 1000]) for i in range(0, 3000, 1000)))


def rest():
    for name in "hello", "small", "large":
        encode(f"lz4.{name}", name, numcodecs.LZ4())
    encode("lz4-fast.small", "small", numcodecs.LZ4(acceleration=50))
    encode("crc32c.hello", "hello", numcodecs.CRC32C())
    encode("crc32c-start.hello", "hello", numcodecs.CRC32C(location="start"))


def lzma():
    filters = [{"id": 3, "dist": 2}, {"id": 0x21, "preset": 1, "dict_size": 65536, "lc": 1}]
    encode("lzma.small", "small", numcodecs.LZMA())
    encode("lzma-9.large", "large", numcodecs.LZMA(preset=9, check=10))
    encode("lzma-filters.small", "small", numcodecs.LZMA(filters=filters))
    encode("lzma-alone.small", "small", numcodecs.LZMA(format=2, preset=0))
    encode("lzma-raw.small", "small", numcodecs.LZMA(format=3, filters=filters))
    small = DATA["small"].tobytes()
    save("lzma-streams.small", b"".join(numcodecs.LZMA().encode(small[i:i + 1000]) for i in range(0, 3000, 1000)))


def checksums():
    for name, codec in [("crc32", numcodecs.checksum32.CRC32), ("adler32", numcodecs.checksum32.Adler32)]:
        for data in "hello", "small":
            encode(f"{name}.{data}", data, codec())
        encode(f"{name}-end.hello", "hello", codec(location="end"))
    for data in "hello", "small":
        encode(f"fletcher32.{data}", data, numcodecs.Fletcher32())
        encode(f"lookup3.{data}", data, numcodecs.JenkinsLookup3())
    encode("lookup3-seed.small", "small", numcodecs.JenkinsLookup3(initval=12345))
    encode("lookup3-prefix.small", "small", numcodecs.JenkinsLookup3(prefix=b"prefix of 20 bytes.."))


def filters_of_bytes():
    for size in 1, 2, 3, 4, 8:
        encode(f"shuffle-{size}.small", "small", numcodecs.Shuffle(size))
    for data in "hello", "small":
        encode(f"base64.{data}", data, numcodecs.Base64())


if __name__ == "__main__":
    for group in blosc, streams, rest, lzma, checksums, filters_of_bytes:
        if len(sys.argv) == 1 or group.__name__ in sys.argv[1:]:
            group()
