"""What is said where a place lies on a network: statfs is made to say so by a preloaded library."""

import json
import shutil
import subprocess

import numpy as np
import pytest

FAKE = r"""
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <sys/vfs.h>
static int answer(int (*real)(int, struct statfs *), int descriptor, struct statfs *status)
{
    int result = real(descriptor, status);
    if (result == 0)
        status->f_type = (long)strtoul(getenv("FAKE_TYPE"), NULL, 16);
    return result;
}
int fstatfs(int descriptor, struct statfs *status)
{
    return answer((int (*)(int, struct statfs *))dlsym(RTLD_NEXT, "fstatfs"), descriptor, status);
}
int fstatfs64(int descriptor, struct statfs64 *status)
{
    return answer((int (*)(int, struct statfs *))dlsym(RTLD_NEXT, "fstatfs64"), descriptor, (struct statfs *)status);
}
"""


@pytest.fixture(scope="module")
def fake(tmp_path_factory):
    """The environment under which every file system is of the type that is asked for."""
    compiler = shutil.which("cc")
    if not compiler:
        pytest.skip("there is no C compiler")
    folder = tmp_path_factory.mktemp("fake")
    (folder / "fake.c").write_text(FAKE)
    subprocess.run([compiler, "-shared", "-fPIC", "-o", folder / "fake.so", folder / "fake.c", "-ldl"], check=True)

    def environment(kind):
        # The runtime of a sanitizer wants to come first; here it need not.
        return {"LD_PRELOAD": str(folder / "fake.so"), "FAKE_TYPE": kind,
                "ASAN_OPTIONS": "verify_asan_link_order=0:detect_leaks=0"}

    return environment


def on_network(tessera, fake, *arguments, kind="6969", **options):
    return tessera.run(*arguments, env=fake(kind), **options)


def test_reading_says_where_it_lies(tessera, tree, fake):
    for place in ("t.zarr", "t.zarr/sharded"):
        assert "network      NFS: locks may not keep out" in on_network(tessera, fake, "info", place).out
    result = on_network(tessera, fake, "explain", "t.zarr/sharded")
    assert "network    NFS: locks may not" in result.out and result.err == ""
    report = on_network(tessera, fake, "check", "t.zarr", kind="fe534d42")
    assert "network    t.zarr: on SMB locks may not keep out" in report.out and "1 to look at" in report.out


def test_programs_are_told_too(tessera, tree, fake):
    for command, place in (("info", "t.zarr"), ("info", "t.zarr/sharded"), ("explain", "t.zarr/sharded")):
        document = json.loads(on_network(tessera, fake, command, place, "--json").out)
        tessera.check_schema(document, command)
        assert document["network"] == "NFS"
        assert tessera.json(command, place, schema=command)["network"] is None
    report = json.loads(on_network(tessera, fake, "check", "t.zarr", "--json").out)
    tessera.check_schema(report, "check")
    assert [(finding["kind"], finding["damage"]) for finding in report["findings"]] == [("network", False)]


def test_a_write_warns_once(tessera, tree, fake, tmp_path):
    np.save(tmp_path / "a.npy", np.ones((16, 24), np.float32))
    result = on_network(tessera, fake, "put", "a.npy", "t.zarr/sharded")
    assert result.err.count("lies on NFS: locks may not keep out writers on other machines") == 1
    assert tessera.run("put", "a.npy", "t.zarr/sharded").err == ""


def test_disks_and_files_of_other_formats_say_nothing(tessera, tree, fake, tmp_path):
    np.save(tmp_path / "a.npy", np.ones(3))
    assert "network" not in on_network(tessera, fake, "info", "a.npy").out
    for command in ("info", "explain", "check"):
        assert "network" not in on_network(tessera, fake, command, "t.zarr/sharded", kind="ef53").out
