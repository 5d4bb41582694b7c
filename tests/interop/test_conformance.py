"""A sample of `make conformance`, so that it does not fail for other reasons than the cases'."""
import sys

import conformance


def test_a_sample(tmp_path, monkeypatch):
    page = tmp_path / "conformance.md"
    monkeypatch.setattr(sys, "argv", ["conformance", "--every", "400", "--output", str(page)])
    assert conformance.main() == 0
    text = page.read_text(encoding="utf-8")
    assert "Failures" not in text and "One case in 400 of the matrix" in text
    assert text.count("\n## ") == len(conformance.SECTIONS)
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
