"""cat: elements on standard output, against NumPy."""

import io
import json
import subprocess

import numpy as np
import pytest
import zarr


def test_text_has_a_row_a_line(tessera, counting):
    lines = tessera.run("cat", "a.zarr").out.splitlines()
    assert [[int(word) for word in line.split()] for line in lines] == counting.tolist()


def test_planes_are_set_apart(tessera, tmp_path):
    zarr.create_array(tmp_path / "a", data=np.arange(8, dtype="u1").reshape(2, 2, 2))
    assert tessera.run("cat", "a").out == "0 1\n2 3\n\n4 5\n6 7\n"


@pytest.mark.parametrize("text, selection", [
    ("1:3, ::4", np.s_[1:3, ::4]),
    ("-1", np.s_[-1]),
    ("..., 5", np.s_[..., 5]),
    ("::-2, 2:100", np.s_[::-2, 2:100]),
    ("3, 4", np.s_[3, 4]),
    ("2:2", np.s_[2:2]),
])
def test_selections_are_those_of_numpy(tessera, counting, text, selection):
    expected = counting[selection]
    for arguments in (["a.zarr", "--select", text], [f"a.zarr[{text}]"]):
        npy = tessera.run("cat", *arguments, "--format", "npy").stdout
        got = np.load(io.BytesIO(npy))
        assert got.dtype == expected.dtype and got.shape == expected.shape
        assert np.array_equal(got, expected)


def test_isel_by_name_number_and_several(tessera, counting):
    expected = counting[2:4, 7]
    for arguments in (["--isel", "y=2:4,x=7"], ["--isel", "y=2:4", "--isel", "x=7"],
                      ["--isel", "0=2:4", "--isel", "1=7"]):
        out = tessera.run("cat", "a.zarr", *arguments, "--format", "json").out
        assert json.loads(out) == expected.tolist()


def test_json_nests_lists_as_tolist_does(tessera, tmp_path):
    for shape in [(), (1,), (0,), (2, 0), (0, 2), (2, 3, 4), (2, 1, 0, 3)]:
        values = np.arange(int(np.prod(shape)), dtype="int64").reshape(shape)
        array = zarr.create_array(tmp_path / "a", shape=shape, dtype="int64", overwrite=True)
        array[...] = values
        out = tessera.run("cat", "a", "--format", "json").out
        assert json.loads(out) == values.tolist(), shape


@pytest.mark.parametrize("dtype, values", [
    ("uint64", [0, 2**64 - 1, 2**63]),
    ("int64", [-2**63, 2**63 - 1, -1]),
    ("float64", [0.1, 1e300, -0.0]),
    ("float32", [0.1, 1e-45, 3.4028235e38]),
    ("float16", [0.1, 65504.0, 6e-08]),
    ("bool", [True, False, True]),
])
def test_text_gives_the_same_bits_again(tessera, tmp_path, dtype, values):
    expected = np.array(values, dtype=dtype)
    zarr.create_array(tmp_path / "a", data=expected)
    words = json.loads(tessera.run("cat", "a", "--format", "json").out)
    got = np.array(words, dtype=dtype)
    assert got.tobytes() == expected.tobytes()


def test_special_numbers(tessera, tmp_path):
    zarr.create_array(tmp_path / "a", data=np.array([np.nan, np.inf, -np.inf]))
    assert tessera.run("cat", "a").out == "NaN Infinity -Infinity\n"
    assert tessera.run("cat", "a", "--format", "csv").out == "NaN,Infinity,-Infinity\n"
    assert tessera.run("cat", "a", "--format", "json").out == '["NaN", "Infinity", "-Infinity"]\n'


def test_complex_fields_of_csv_have_quotes(tessera, tmp_path):
    import csv
    zarr.create_array(tmp_path / "a", data=np.array([[1 + 2j, complex(np.nan, 0)]]))
    rows = list(csv.reader(io.StringIO(tessera.run("cat", "a", "--format", "csv").out)))
    assert len(rows) == 1 and len(rows[0]) == 2
    assert json.loads(rows[0][0]) == [1.0, 2.0]
    assert json.loads(rows[0][1])[0] == "NaN"


def test_raw_is_little_endian_in_c_order(tessera, tmp_path):
    values = np.arange(24, dtype=">u4").reshape(4, 6)
    zarr.create_array(tmp_path / "a", data=values, chunks=(3, 4))
    assert tessera.run("cat", "a", "--format", "raw").stdout == values.astype("<u4").tobytes()


@pytest.mark.parametrize("dtype", ["bool", "int8", "uint16", "float16", "float64", "complex64"])
def test_npy_of_every_kind(tessera, tmp_path, dtype):
    values = np.arange(10).astype(dtype).reshape(5, 2)
    zarr.create_array(tmp_path / "a", data=values)
    got = np.load(io.BytesIO(tessera.run("cat", "a", "--format", "npy").stdout))
    assert got.dtype == values.dtype and np.array_equal(got, values)


@pytest.mark.parametrize("memory", ["1", "64", "100", "1KiB"])
def test_parts_of_any_size_give_the_same(tessera, tmp_path, memory):
    values = np.arange(7 * 5 * 9, dtype="int16").reshape(7, 5, 9)
    zarr.create_array(tmp_path / "a", data=values, chunks=(2, 3, 4))
    for selection in ("", "[1:, ::-1, 2:7]", "[3]", "[:, 2, ::3]"):
        expected = eval(f"values{selection or '[:]'}")
        got = tessera.run("cat", "a" + selection, "--format", "raw", "--memory", memory).stdout
        assert got == expected.tobytes(), selection


def test_five_axes(tessera, tmp_path):
    values = np.arange(2 * 3 * 2 * 3 * 2, dtype="u1").reshape(2, 3, 2, 3, 2)
    zarr.create_array(tmp_path / "a", data=values, chunks=(1, 2, 2, 2, 1))
    assert json.loads(tessera.run("cat", "a", "--format", "json").out) == values.tolist()


def test_an_empty_array_prints_nothing(tessera, tmp_path):
    zarr.create_array(tmp_path / "a", shape=(0, 3), dtype="int8")
    assert tessera.run("cat", "a").stdout == b""
    got = np.load(io.BytesIO(tessera.run("cat", "a", "--format", "npy").stdout))
    assert got.shape == (0, 3)


def test_a_damaged_chunk_is_status_4(tessera, counting, tmp_path):
    (tmp_path / "a.zarr" / "c" / "0" / "0").write_bytes(b"nonsense")
    assert "c/0/0" in tessera.error("cat", "a.zarr", status=4)
    # The rest can still be read.
    assert tessera.run("cat", "a.zarr[4:, 4:]").out.split()[0] == "44"


def begin_follow(program, folder, *arguments):
    child = subprocess.Popen([program, "cat", "a", "--follow", *arguments], cwd=folder, stdout=subprocess.PIPE,
                             stderr=subprocess.PIPE, text=True)
    return child


def append(tessera, tmp_path, values):
    np.save(tmp_path / "more.npy", values)
    tessera.run("append", "more.npy", "a")


def test_follow_prints_what_is_appended(tessera, program, tmp_path):
    zarr.create_array(tmp_path / "a", data=np.arange(6, dtype="i4").reshape(2, 3))
    child = begin_follow(program, tmp_path)
    assert [child.stdout.readline() for _ in range(2)] == ["0 1 2\n", "3 4 5\n"]
    for step in range(2, 5):
        append(tessera, tmp_path, np.arange(3 * step, 3 * step + 3, dtype="i4").reshape(1, 3))
        assert child.stdout.readline() == f"{3 * step} {3 * step + 1} {3 * step + 2}\n"
    child.send_signal(2)
    out, err = child.communicate(timeout=60)
    assert child.returncode == 130 and out == "" and "interrupted" in err


def test_follow_ends_when_nothing_comes(tessera, tmp_path):
    zarr.create_array(tmp_path / "a", data=np.arange(3, dtype="i4"))
    assert tessera.run("cat", "a", "--follow", "--idle", "1").out == "0\n1\n2\n"
    assert tessera.run("cat", "a", "-f", "--idle", "1", "--format", "raw").stdout == bytes(
        np.arange(3, dtype="<i4"))


def test_follow_starts_with_an_empty_array(tessera, program, tmp_path):
    zarr.create_array(tmp_path / "a", shape=(0, 2, 2), chunks=(4, 2, 2), dtype="u1")
    child = begin_follow(program, tmp_path, "--idle", "20")
    for step in range(2):
        append(tessera, tmp_path, np.full((1, 2, 2), step, dtype="u1"))
        lines = [f"{step} {step}\n"] * 2
        assert [child.stdout.readline() for _ in range(2 + step)] == ["\n"] * step + lines
    child.kill()
    child.communicate()


def test_follow_sees_a_cut(tessera, program, tmp_path):
    zarr.create_array(tmp_path / "a", data=np.arange(9, dtype="i4"), chunks=(2,))
    child = begin_follow(program, tmp_path)
    assert [child.stdout.readline() for _ in range(9)] == [f"{i}\n" for i in range(9)]
    tessera.run("resize", "a", "4")
    out, err = child.communicate(timeout=60)
    assert child.returncode != 0 and "was cut from 9 to 4" in err


@pytest.mark.parametrize("arguments, words", [
    (["a[0:1]", "--follow"], "without a selection"),
    (["a", "--follow", "--format", "npy"], "has no end"),
    (["a", "--idle", "3"], "belongs to --follow"),
])
def test_follow_refuses(tessera, tmp_path, arguments, words):
    zarr.create_array(tmp_path / "a", data=np.arange(3, dtype="i4"))
    assert words in tessera.error("cat", *arguments, status=2)
