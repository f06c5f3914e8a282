"""Lists modules over 250 lines and functions over 40; the list is printed at the end and fails nothing.

A long table is no fault; a long function asks for a second look. Docstrings do not count towards a function.
"""

import ast
from collections.abc import Callable, Iterator
from pathlib import PurePosixPath

from tests.architecture.source_tree import ROOT, Module, read_modules
from tests.conftest import SIZES

MODULE_LINES = 250
FUNCTION_LINES = 40


def find_oversized(module: Module) -> Iterator[str]:
    lines = module.text.count("\n")
    if lines > MODULE_LINES:
        yield f"{module.path}: {lines} lines"
    for node in ast.walk(module.tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            lines = count_lines(node)
            if lines > FUNCTION_LINES:
                yield f"{module.path}:{node.lineno}: {node.name} has {lines} lines"


def count_lines(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    first = function.body[0]
    documented = ast.get_docstring(function) is not None
    return span(function) - (span(first) if documented else 0)


def span(node: ast.stmt) -> int:
    return (node.end_lineno or node.lineno) - node.lineno + 1


def test_oversized_code_is_listed(record_property: Callable[[str, object], None]) -> None:
    modules = read_modules(ROOT)
    record_property(SIZES, "\n".join(line for module in modules for line in find_oversized(module)))
    assert modules


def test_the_list_counts_lines_without_docstrings() -> None:
    body = "    x = 1\n" * FUNCTION_LINES
    documented = f'def f():\n    """One.\n\n    Two.\n    """\n{body[:-10]}'
    assert list(find_oversized(Module(PurePosixPath("a.py"), documented))) == []
    assert list(find_oversized(Module(PurePosixPath("a.py"), f"def f():\n{body}"))) == [
        "a.py:1: f has 41 lines"
    ]
    long = Module(PurePosixPath("b.py"), "x = 1\n" * (MODULE_LINES + 1))
    assert list(find_oversized(long)) == ["b.py: 251 lines"]
