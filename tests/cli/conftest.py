"""The command line, run as users run it. TESSERA names the program (tools/test sets it)."""

import json
import os
import pathlib
import subprocess

import jsonschema
import numpy as np
import pytest
import zarr

ROOT = pathlib.Path(__file__).parents[2]
SCHEMAS = ROOT / "docs" / "schema"


class Result:
    """What a run printed, and its exit status."""

    def __init__(self, done):
        self.status, self.stdout, self.stderr = done.returncode, done.stdout, done.stderr

    @property
    def out(self):
        return self.stdout.decode()

    @property
    def err(self):
        return self.stderr.decode()


class Tessera:
    def __init__(self, program, folder):
        self.program, self.folder = program, folder

    def run(self, *arguments, status=0, input=b"", **options):
        """Runs a command in the test's own folder and expects an exit status."""
        environment = {"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", "TERM": "dumb"}
        for name in ("ASAN_OPTIONS", "LSAN_OPTIONS", "UBSAN_OPTIONS", "TSAN_OPTIONS"):
            if name in os.environ:
                environment[name] = os.environ[name]
        environment.update(options.pop("env", {}))
        done = subprocess.run(
            [self.program, *map(str, arguments)], cwd=self.folder, env=environment,
            input=None if "stdin" in options else input, timeout=120,
            **{"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **options})
        result = Result(done)
        if status is not None:
            assert result.status == status, (arguments, result.status, result.stdout, result.stderr)
        return result

    def json(self, *arguments, schema, status=0, **options):
        """Runs a command with --json and holds what it prints to its schema."""
        result = self.run(*arguments, "--json", status=status, **options)
        document = json.loads(result.stdout)
        self.check_schema(document, schema)
        return document

    @staticmethod
    def check_schema(document, name):
        schema = json.loads((SCHEMAS / f"{name}.json").read_text())
        jsonschema.Draft202012Validator.check_schema(schema)
        jsonschema.validate(document, schema)

    def error(self, *arguments, status, **options):
        """Runs a command that fails; nothing is on stdout, the error on stderr has its form."""
        result = self.run(*arguments, status=status, **options)
        assert result.stdout == b""
        assert result.err.startswith("tessera: "), result.err
        return result.err


@pytest.fixture(scope="session")
def program():
    path = os.environ.get("TESSERA")
    assert path and os.access(path, os.X_OK), "TESSERA must name the program to test"
    return path


@pytest.fixture
def tessera(program, tmp_path):
    return Tessera(program, tmp_path)


@pytest.fixture
def counting(tmp_path):
    """A 6 x 10 int32 array of 0..59 in chunks of 4 x 4, and its values."""
    values = np.arange(60, dtype="int32").reshape(6, 10)
    array = zarr.create_array(tmp_path / "a.zarr", shape=values.shape, chunks=(4, 4), dtype="int32",
                              dimension_names=["y", "x"])
    array[:] = values
    return values


@pytest.fixture
def tree(tmp_path):
    """A group with two arrays, one of them sharded, and a group with one more."""
    root = zarr.create_group(tmp_path / "t.zarr", attributes={"title": "a tree", "Conventions": "x"})
    root.create_array("plain", shape=(5,), chunks=(2,), dtype="float64", fill_value=np.nan)
    sharded = root.create_array("sharded", shape=(16, 24), chunks=(4, 4), shards=(8, 12),
                                dtype="float32", compressors=zarr.codecs.ZstdCodec(level=5),
                                dimension_names=["lat", "lon"], attributes={"units": "m"})
    sharded[:] = np.arange(16 * 24, dtype="float32").reshape(16, 24)
    inner = root.create_group("inner")
    inner.create_array("deep", shape=(), dtype="uint8", fill_value=7)
    return root
