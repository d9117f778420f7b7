"""A function has every module of the adapter that it may import, and none that it cannot reach."""

import ast
from pathlib import Path

import portable_aws
from portable_aws.bundle import MODULES

FOLDER = Path(portable_aws.__file__).parent
ENTRY = ("__init__", "runtime")
NEVER = ("running", "deployer", "packaging", "deploy_policy", "stage_values")
"""What the adapter object imports for the command line and for tests, inside its methods."""


def imported(module: str) -> set[str]:
    """Modules of the package that one imports, also inside functions, but not for type checkers alone."""
    tree = ast.parse((FOLDER / f"{module}.py").read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
            node.body = []
    return {
        name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.level == 1
        for name in ([node.module] if node.module else [alias.name for alias in node.names])
    }


def test_the_runtime_half_is_what_the_entry_can_reach() -> None:
    found: set[str] = set()
    waiting = set(ENTRY)
    while waiting:
        module = waiting.pop()
        found.add(module)
        # The adapter object is only looked up in a function, and what its methods import stays behind.
        waiting |= set() if module == "adapter" else imported(module) - found
    assert found == set(MODULES)
    assert not found & set(NEVER)
