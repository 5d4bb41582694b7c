"""A sample of `make conformance`, so that it does not fail for other reasons than the cases'."""
import sys

import conformance


def test_a_sample(tmp_path, monkeypatch):
    page = tmp_path / "conformance.md"
    monkeypatch.setattr(sys, "argv", ["conformance", "--every", "400", "--output", str(page)])
    assert conformance.main() == 0
    text = page.read_text(encoding="utf-8")
    assert "Failures" not in text and "(one in 400: `--every 400`)" in text
    assert text.count("\n## ") == len(conformance.SECTIONS) + 1
    assert "| float64 |" in text and "| delta |" in text


def test_failures_are_told(tmp_path, monkeypatch):
    def section():
        """One that fails"""
        yield "row", "column", lambda folder: {"peer": (True, False)}
        yield "row", "other", lambda folder: {}["nothing"]

    page = tmp_path / "conformance.md"
    monkeypatch.setattr(conformance, "SECTIONS", [section])
    monkeypatch.setattr(sys, "argv", ["conformance", "--output", str(page)])
    assert conformance.main() == 1
    text = page.read_text(encoding="utf-8")
    assert "section, row, column: peer reads ours: True, we read its: False" in text
    assert "section, row, other: KeyError" in text and "| row | 1/1 · 0/1 | 0/1 · 0/1 |" in text


def test_a_section_is_replaced_alone():
    page = "# P\n\n## One\n\nold\n\n## Two\n\nkept\n\n" + conformance.DEMANDS + "\nlast\n"
    again = conformance.replace_section(page, "One", "\n## One\n\nnew\n")
    assert again == page.replace("old", "new")
    more = conformance.replace_section(page, "Three", "\n## Three\n\nmore\n")
    assert more.index("kept") < more.index("## Three") < more.index(conformance.DEMANDS) and "old" in more


def test_the_page_names_every_demand():
    """docs/conformance.md is up to date with the tests that are named after the specification."""
    page = (conformance.ROOT / "docs/conformance.md").read_text(encoding="utf-8")
    assert conformance.with_demands(page) == page, "run tests/interop/conformance.py --demands"
    folder = conformance.ROOT / "tests/specification"
    assert {path.name for path in folder.glob("test_*.c")} == {name for name, _ in conformance.DEMAND_FILES}
    for name, _ in conformance.DEMAND_FILES:
        source = (folder / name).read_text(encoding="utf-8")
        tests = [test for _, _, test in conformance.demands_of(name)]
        assert len(tests) == len(set(tests)) == source.count("static void must_") > 0
