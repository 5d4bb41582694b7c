#!/usr/bin/env python3
"""Plants violations in a copy of the lowest layer and sees that the checks in tools/ find them.

A check that has never failed proves nothing. Each case adds one fault and expects one more complaint
than before, which names it; the harmless look-alikes must add none.
"""

import contextlib
import importlib.machinery
import importlib.util
import io
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest
import unittest.mock

sys.dont_write_bytecode = True
ROOT = pathlib.Path(__file__).resolve().parents[2]


def load(tool):
    loader = importlib.machinery.SourceFileLoader(tool, str(ROOT / "tools" / tool))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader(tool, loader))
    loader.exec_module(module)
    return module


def complaints(tool, root):
    """What `tool --root ROOT` answers: exit status and lines, without the summary."""
    output = io.StringIO()
    with contextlib.redirect_stdout(output), unittest.mock.patch.object(sys, "argv", [tool, "--root", str(root)]):
        status = load(tool).main()
    return status, output.getvalue().splitlines()[:-1]


class PlantedFault(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory(prefix="checks-")
        self.addCleanup(self.folder.cleanup)
        self.root = pathlib.Path(self.folder.name)
        for name in ("include", "src/base"):
            shutil.copytree(ROOT / name, self.root / name)

    def write(self, path, text):
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)

    def new_complaints(self, tool, path, text):
        before = complaints(tool, self.root)[1]
        self.write(path, text)
        status, after = complaints(tool, self.root)
        return status, [line for line in after if line not in before]

    def assert_found(self, tool, path, text, *words):
        status, new = self.new_complaints(tool, path, text)
        self.assertEqual(status, 1)
        self.assertEqual(len(new), 1, new)
        for word in (path, *words):
            self.assertIn(word, new[0])

    def assert_harmless(self, tool, path, text):
        self.assertEqual(self.new_complaints(tool, path, text)[1], [])


class Layers(PlantedFault):
    def test_upward_internal_include(self):
        self.write("src/codec/planted_codec.h", "\n")
        self.assert_found(
            "check_layers", "src/base/planted.c", '\n#include "codec/planted_codec.h"\n', ":2:", "base may not use codec"
        )

    def test_upward_public_include(self):
        self.assert_found(
            "check_layers", "src/tensor/planted.c", "#include <tessera/array.h>\n", "tensor may not use array"
        )

    def test_public_header_of_higher_layer(self):
        self.write("include/tessera/expr.h", "#include <tessera/error.h>\n")
        self.assert_found(
            "check_layers", "include/tessera/store.h", "#include <tessera/sys/codec.h>\n", "store may not use codec"
        )

    def test_public_header_without_layer(self):
        self.assert_found("check_layers", "include/tessera/planted.h", "\n", "HEADERS")

    def test_sibling_on_one_floor(self):
        self.write("src/exec/planted_exec.h", "\n")
        self.assert_found("check_layers", "src/meta/planted.c", '#include "exec/planted_exec.h"\n', "meta may not use")

    def test_store_knows_no_tensors_codec(self):
        self.assert_found(
            "check_layers", "src/store/planted.c", "#include <tessera/sys/codec.h>\n", "store may not use codec"
        )

    def test_command_line_sees_no_internals(self):
        self.write("src/base/planted_base.h", "\n")
        self.assert_found("check_layers", "cli/planted.c", '#include "base/planted_base.h"\n', "cli/ sees")

    def test_relative_path_out_of_the_layer(self):
        self.assert_found("check_layers", "src/tensor/planted.c", '#include "../base/nothing.h"\n', "as they lie under")

    def test_unknown_folder(self):
        self.assert_found("check_layers", "src/planted/file.c", "int x;\n", "has no row")

    def test_foreign_library_in_another_layer(self):
        self.assert_found("check_layers", "src/array/planted.c", "#include <zstd.h>\n", "codec alone")

    def test_file_name_taken(self):
        self.write("src/base/planted_twice.c", "\n")
        self.assert_found("check_layers", "src/tensor/planted_twice.c", "\n", "is taken by src/base/planted_twice.c")

    def test_allocation(self):
        for call in ("malloc(1)", "free(x)", "strdup (x)", "x = realloc(x, 2)"):
            with self.subTest(call):
                self.assert_found("check_layers", "src/exec/planted.c", f"void f(void)\n{{\n    {call};\n}}\n", ":3:")

    def test_allocation_as_a_value(self):
        self.assert_found("check_layers", "src/exec/planted.c", "void f(void)\n{\n    g(x, free);\n}\n", "free")

    def test_system_call(self):
        for call in ("return open(x, 0)", "n = pread(a, b, c, d)", "if (rename(a, b))", "mmap(0)", "!fsync(x)"):
            with self.subTest(call):
                self.assert_found("check_layers", "src/store/planted.c", f"int f(void)\n{{\n    {call};\n}}\n", "table")

    def test_process_wide(self):
        for call in ('printf("x")', "exit(1)", "abort()"):
            with self.subTest(call):
                self.assert_found("check_layers", "src/array/planted.c", f"void f(void)\n{{\n    {call};\n}}\n", "library")

    def test_exception_that_nobody_needs(self):
        self.assert_found("check_layers", "src/base/alloc.c", "int x;\n", "does not need its exception")

    def test_look_alikes(self):
        self.assert_harmless(
            "check_layers",
            "src/store/planted.c",
            "#include <stdio.h>\n"
            "#include <tessera/sys/store.h>\n"
            '#include "base/base.h"\n'
            "/* malloc(1), open(x): only words. */\n"
            'static const char *text = "free(x) // open(y)";\n'
            "static int read(int x);\n"
            "struct table {\n    int (*open)(int x);\n    void (*free)(void *x);\n};\n"
            "int f(struct table *t)\n{\n"
            "    t->free(0);\n    tsri_free(0);\n    return t->open(tsr_open(1)); // unlink(x)\n}\n",
        )


class Docs(PlantedFault):
    good = (
        "#include <tessera/export.h>\n"
        "/* Counts the tiles of a floor. Thread: IMMUTABLE. Errors: LIMIT. */\n"
        "TSR_API int tsr_planted(int x,\n                        int y);\n"
    )

    def test_good(self):
        self.assert_harmless("check_docs", "include/tessera/planted.h", self.good)

    def test_group_shares_a_comment(self):
        self.assert_harmless("check_docs", "include/tessera/planted.h", self.good + "TSR_API void tsr_more(void);\n")

    def test_group_ends_at_an_empty_line(self):
        self.assert_found(
            "check_docs",
            "include/tessera/planted.h",
            self.good + "\nTSR_API void tsr_more(void);\n",
            ":6:",
            "tsr_more",
            "a comment directly above",
        )

    def test_comment_not_directly_above(self):
        self.assert_found(
            "check_docs", "include/tessera/planted.h", self.good.replace("*/\n", "*/\n\n"), "a comment directly above"
        )

    def test_no_thread_tag(self):
        self.assert_found(
            "check_docs", "include/tessera/planted.h", self.good.replace("Thread: IMMUTABLE. ", ""), "thread tag"
        )

    def test_no_errors(self):
        self.assert_found(
            "check_docs", "include/tessera/planted.h", self.good.replace("Errors: LIMIT. ", ""), "how it fails"
        )

    def test_no_purpose(self):
        self.assert_found(
            "check_docs",
            "include/tessera/planted.h",
            self.good.replace("Counts the tiles of a floor. ", ""),
            "what it is for",
        )

    def test_variable(self):
        self.assert_found(
            "check_docs",
            "include/tessera/planted.h",
            "TSR_API extern const int tsr_planted_a, tsr_planted_b;\n",
            "tsr_planted_a, tsr_planted_b lacks a comment",
        )

    def test_list(self):
        self.write("include/tessera/planted.h", self.good + "TSR_API extern const int tsr_a,\n    tsr_b[3];\n")
        done = subprocess.run(
            [sys.executable, str(ROOT / "tools/check_docs"), "--list", "--root", str(self.root)],
            capture_output=True,
            text=True,
        )
        self.assertLessEqual({"tsr_planted", "tsr_a", "tsr_b"}, set(done.stdout.split()))

    def test_empty_tree(self):
        shutil.rmtree(self.root / "include")
        self.assertEqual(complaints("check_docs", self.root)[0], 1)


class Symbols(PlantedFault):
    """check_symbols, on libraries made here."""

    def compile(self, source, *options):
        self.write("planted.c", source)
        target = self.root / ("planted.so" if "-shared" in options else "planted.o")
        subprocess.run(
            ["cc", "-O1", "-fPIC", *options, "-o", str(target), str(self.root / "planted.c")], check=True
        )
        return target

    def globals_of(self, source):
        archive = self.root / "planted.a"
        archive.unlink(missing_ok=True)
        subprocess.run(["ar", "rc", str(archive), str(self.compile(source, "-c"))], check=True)
        done = subprocess.run(
            [sys.executable, str(ROOT / "tools/check_symbols"), "globals", str(archive)], capture_output=True, text=True
        )
        return done.returncode, done.stdout

    def test_state_is_found(self):
        for source in (
            "int planted;",
            "static int planted = 3; int *f(void) { return &planted; }",
            "int f(void) { static int planted; return planted++; }",
            "__thread int planted;",
        ):
            with self.subTest(source):
                status, said = self.globals_of(source)
                self.assertEqual(status, 1)
                self.assertIn("planted.o: planted", said)

    def test_constants_are_not_state(self):
        status, said = self.globals_of(
            'const char *const names[] = {"a", "b"}; static const int n = 3; const int *f(void) { return &n; }'
        )
        self.assertEqual((status, said), (0, "globals: 1 objects, 0 violations\n"))

    def test_exports_differ_from_headers(self):
        shutil.rmtree(self.root / "include")
        self.write("include/tessera/planted.h", "TSR_API int tsr_here(void);\nTSR_API int tsr_gone(void);\n")
        library = self.compile("int tsr_here(void) { return 0; } int stray(void) { return 0; }", "-shared")
        done = subprocess.run(
            [sys.executable, str(ROOT / "tools/check_symbols"), "exports", str(library), "--root", str(self.root)],
            capture_output=True,
            text=True,
        )
        self.assertEqual(done.returncode, 1)
        self.assertEqual(
            done.stdout.splitlines(),
            [
                "stray is exported and in no public header",
                "tsr_gone is declared in a public header and not in the library",
                "exports: 2 symbols, 2 violations",
            ],
        )


if __name__ == "__main__":
    unittest.main()
