"""One option table: help, manual pages, completion and --json-usage say the same."""

import itertools
import json
import pathlib
import re
import shlex
import shutil
import subprocess

import pytest

COMMANDS = ("import export tree ls info cat stats chunks explain draw create put append resize attr cp stack pyramid check compact hash diff mv rm consolidate transaction gc codecs help completion man "
            "version").split()


@pytest.fixture(scope="module")
def usage(program):
    document = json.loads(subprocess.run([program, "--json-usage"], capture_output=True, check=True).stdout)
    return {command["name"]: command for command in document["commands"]}


def test_usage_has_its_schema(tessera, usage):
    document = json.loads(tessera.run("--json-usage").out)
    tessera.check_schema(document, "usage")
    assert list(usage) == COMMANDS
    for name in COMMANDS:
        one = json.loads(tessera.run(name, "--json-usage").out)
        tessera.check_schema(one, "usage")
        assert one["command"] == usage[name]


def test_every_json_document_has_a_schema_that_is_listed(usage):
    folder = pathlib.Path(__file__).parents[2] / "docs" / "schema"
    rows = re.findall(r"^\| \[(\S+)\]\((\S+)\) \| (.*) \|$", (folder / "README.md").read_text(), re.M)
    assert all(file == f"{name}.json" for name, file, _ in rows)
    assert sorted(file for _, file, _ in rows) == sorted(path.name for path in folder.glob("*.json"))
    printers = {word for _, _, printed_by in rows for word in re.findall(r"`tessera (\w+)[^`]* --json`", printed_by)}
    assert printers == {name for name, command in usage.items()
                        if any(option["name"] == "json" for option in command["options"])}


@pytest.mark.parametrize("name", COMMANDS)
def test_help_has_examples_first_and_every_option(tessera, usage, name):
    text = tessera.run("help", name).out
    assert tessera.run(name, "--help").out == tessera.run(name, "-h").out == text
    assert text.index("Examples:") < text.index("Usage:") < text.index("Options:")
    assert usage[name]["usage"] in text and usage[name]["summary"] in text
    for option in usage[name]["options"]:
        assert re.search(rf"^  (-{option['letter']}, |    )--{option['name']}\b" if option["letter"]
                         else rf"^      --{option['name']}\b", text, re.M), option["name"]
    assert all(len(line) <= 100 for line in text.splitlines() if not line.startswith("  tessera "))


def test_the_overview_lists_all_commands(tessera, usage):
    text = tessera.run("help").out
    for name, command in usage.items():
        assert re.search(rf"^  {name} +{re.escape(command['summary'])}$", text, re.M)
    assert tessera.run("--help").out == text


def unroff(text):
    return text.replace("\\-", "-").replace("\\&", "").replace("\\e", "\\")


def test_manual_pages(tessera, usage, tmp_path):
    tessera.run("man", "pages")
    assert {path.name for path in (tmp_path / "pages").iterdir()} == {
        "tessera.1", *(f"tessera-{name}.1" for name in COMMANDS)}
    for name in COMMANDS:
        page = unroff((tmp_path / "pages" / f"tessera-{name}.1").read_text())
        assert usage[name]["usage"] in page
        for option in usage[name]["options"]:
            assert f"--{option['name']}\\fR" in page and option["help"].split("'")[0] in page
    if shutil.which("man"):
        for path in (tmp_path / "pages").iterdir():
            done = subprocess.run(["man", "--warnings", "-E", "UTF-8", "-l", path], capture_output=True,
                                  env={"MANWIDTH": "80", "PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"})
            assert done.returncode == 0 and done.stderr == b"", (path, done.stderr)


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_has_every_command_option_and_choice(tessera, usage, shell):
    script = tessera.run("completion", shell).out
    for name, command in usage.items():
        assert re.search(rf"\b{name}\b", script)
        for option in command["options"]:
            assert (f"-l {option['name']}" if shell == "fish" else f"--{option['name']}") in script
            for choice in option.get("choices", []):
                assert choice in script
    if shutil.which(shell):
        subprocess.run([shell, "-n", "/dev/stdin"], input=script, text=True, check=True)


def complete(script, words):
    """What bash would offer for the last word."""
    line = " ".join(words)
    code = (f"{script}\nCOMP_WORDS=({' '.join(repr(word) for word in words)})\n"
            f"COMP_CWORD={len(words) - 1}\nCOMP_LINE={line!r}\ncompopt() {{ :; }}\n_tessera\n"
            'printf "%s\\n" "${COMPREPLY[@]}"')
    return subprocess.run(["bash", "-c", code], capture_output=True, text=True, check=True).stdout.split()


def test_bash_completion_works(tessera, tmp_path):
    script = tessera.run("completion", "bash").out
    assert complete(script, ["tessera", "sta"]) == ["stats", "stack"]
    assert complete(script, ["tessera", "cat", "--form"]) == ["--format"]
    assert complete(script, ["tessera", "cat", "--format", "n"]) == ["npy"]
    assert complete(script, ["tessera", "export", "--format", "n"]) == ["netcdf", "npy"]
    assert complete(script, ["tessera", "help", "dr"]) == ["draw"]
    assert complete(script, ["tessera", "completion", ""]) == ["bash", "zsh", "fish"]
    assert complete(script, ["tessera", "cat", "--memory", ""]) == []


def test_every_example_is_a_command_line_that_parses(tessera, usage):
    """Examples may name places that are not there (status 3), but must not be wrong (status 2)."""
    for name in COMMANDS:
        if name in ("man", "completion"):
            continue
        text = tessera.run("help", name).out
        examples = re.findall(r"^  tessera (.*)$", text[:text.index("Usage:")], re.M)
        assert examples
        for example in examples:
            words = list(itertools.takewhile(lambda word: word not in ("|", ">", "<"), shlex.split(example)))
            result = tessera.run(*words, status=None)
            # Nothing is on standard input here, neither elements nor an answer.
            assert result.status != 2 or "standard input ends" in result.err or "-f removes" in result.err, (
                example, result.err)


def test_version(tessera):
    assert re.fullmatch(r"tessera \d+\.\d+\.\d+\n", tessera.run("version").out)
    assert tessera.run("--version").out == tessera.run("-V").out == tessera.run("version").out
    document = tessera.json("version", "--build", schema="version")
    text = tessera.run("version", "--build").out
    for library in document["library"]["libraries"]:
        assert library in text
    assert "draw_png" in text and "export_netcdf" in text
    assert tessera.json("version", schema="version").keys() == {"version"}
