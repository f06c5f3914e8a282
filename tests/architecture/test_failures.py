"""Alerts and second chances read the kind of a failure, and whether it may pass: one helper asks for both."""

import ast

from tests.architecture.source_tree import ROOT, read_modules

MAKER = "platform_assets/glue.py"


def test_failures_of_steps_are_made_by_the_one_helper_that_asks_for_their_kind():
    made = [
        str(module.path)
        for module in read_modules(ROOT)
        if not module.path.is_relative_to("tests")
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Call)
        and ast.unparse(node.func) in {"dg.Failure", "Failure"}
        and any(keyword.arg == "description" for keyword in node.keywords)
    ]
    assert made == [MAKER]
