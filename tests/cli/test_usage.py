"""The command line itself: usage errors, did-you-mean, quantities, the forms in which options may be written."""

import json

import numpy as np
import pytest
import zarr


@pytest.mark.parametrize("arguments, words", [
    (["statz", "x"], "did you mean `tessera stats`?"),
    (["frobnicate"], "`tessera help` lists the commands"),
    (["info"], "PLACE is missing"),
    (["resize", "a.zarr"], "LENGTHS is missing\n  next: write it as in `tessera resize out.zarr/t 2000,721,1440`"),
    (["info", "a.zarr", "b"], "'b' is one operand too many"),
    (["info", ""], "an operand is empty"),
    (["info", "a.zarr", "--jason"], "did you mean --json?"),
    (["info", "a.zarr", "--frobnicate"], "lists its options"),
    (["info", "a.zarr", "--jso"], "did you mean --json?"),
    (["info", "a.zarr", "-x"], "there is no option -x"),
    (["info", "a.zarr", "--json=yes"], "--json takes no value"),
    (["cat", "a.zarr", "--format"], "--format needs a value"),
    (["cat", "a.zarr", "--format", "jsno"], "did you mean --format json?"),
    (["cat", "a.zarr", "--format", "xml"], "text|npy|csv|json|raw"),
    (["cat", "a.zarr", "--format", "npy", "--format", "raw"], "given twice"),
    (["cat", "a.zarr", "--memory", "lots"], "a size such as 512MiB"),
    (["cat", "a.zarr", "--memory", "0"], "a size such as 512MiB"),
    (["cat", "a.zarr", "--memory", "-5"], "a size such as 512MiB"),
    (["cat", "a.zarr", "--memory", "9999999TiB"], "a size such as 512MiB"),
    (["cat", "a.zarr", "--threads", "two"], "a number from 0 up"),
    (["cat", "a.zarr", "--threads", "99999"], "more than 4096"),
    (["cat", "a.zarr", "--color", "sometimes"], "auto|always|never"),
    (["cat", "a.zarr", "--select", "1:2", "--isel", "x=1"], "select in one way"),
    (["cat", "a.zarr[1]", "--select", "1:2"], "select in one way"),
    (["cat", "a.zarr", "--isel", "depth=1"], "its dimensions are y, x"),
    (["cat", "a.zarr", "--isel", "x"], "NAME=RANGE"),
    (["cat", "a.zarr", "--isel", "2=1"], "no dimension '2'"),
    (["cat", "a.zarr[6]"], "axis"),
    (["cat", "a.zarr[1,2,3]"], "3"),
    (["cat", "a.zarr[1:2:0]"], "step"),
    (["cat", "a.zarr[abc]"], "selection: character 1"),
    (["--nonsense"], "no option --nonsense"),
    (["completion", "tcsh"], "bash, zsh or fish"),
    (["help", "frobnicate"], "there is no command"),
])
def test_usage_errors(tessera, counting, arguments, words):
    message = tessera.error(*arguments, status=2)
    assert words in message, message


def test_without_arguments_the_commands_are_listed(tessera):
    result = tessera.run(status=2)
    assert result.stdout == b"" and "Commands:" in result.err


@pytest.mark.parametrize("form", [["--format", "json"], ["--format=json"]])
def test_forms_of_long_options(tessera, counting, form):
    for arguments in ([*form, "a.zarr"], ["a.zarr", *form]):
        assert json.loads(tessera.run("cat", *arguments).out) == counting.tolist()


def test_forms_of_short_options(tessera, counting, tmp_path):
    for arguments in (["-nr", "a.zarr", "b"], ["a.zarr", "-r", "b", "-n"], ["-r", "-n", "a.zarr", "b"]):
        assert "would copy" in tessera.run("cp", *arguments).out
    tessera.run("draw", "a.zarr", "-op.png")
    assert (tmp_path / "p.png").exists()


def test_two_dashes_end_the_options(tessera, tmp_path):
    zarr.create_array(tmp_path / "--json", data=np.arange(3))
    assert tessera.run("cat", "--", "--json").out == "0 1 2\n"
    assert tessera.run("cat", "./--json").out == "0 1 2\n"


@pytest.mark.parametrize("text", ["1024", "1KiB", "1kib", "1K", "1.5k", "1 KiB", "0.001MB", "1e", "2GiB", "1TB"])
def test_sizes(tessera, counting, text):
    status = 2 if text == "1e" else 0
    tessera.run("cat", "a.zarr", "--memory", text, status=status)


def test_statuses_of_places(tessera, tmp_path):
    tessera.error("info", "missing.zarr", status=3)
    tessera.error("info", "https://example.invalid/x", status=None)
    tessera.error("info", "nosuch://x", status=8)
    (tmp_path / "bad.zarr").mkdir()
    (tmp_path / "bad.zarr" / "zarr.json").write_text("{")
    tessera.error("info", "bad.zarr", status=4)


def test_no_permission(tessera, tmp_path, counting):
    import os
    if os.geteuid() == 0:
        pytest.skip("root may read everything")
    (tmp_path / "a.zarr" / "zarr.json").chmod(0)
    tessera.error("info", "a.zarr", status=6)


def test_errors_say_what_where_and_what_next(tessera, counting, tmp_path):
    path = tmp_path / "a.zarr" / "c" / "1" / "1"
    path.write_bytes(path.read_bytes()[:3])
    lines = tessera.error("cat", "a.zarr", status=4).splitlines()
    assert lines[0].startswith("tessera: ") and "c/1/1" in "".join(lines)
    assert all(line.startswith("  ") for line in lines[1:])


def test_plain_numbers_in_any_locale(tessera, counting):
    for locale in ("C", "de_DE.UTF-8", "C.UTF-8"):
        out = tessera.run("stats", "a.zarr", "--bins", "3", env={"LC_ALL": locale, "LC_NUMERIC": "de_DE.UTF-8"}).out
        assert "mean      29.5" in out
