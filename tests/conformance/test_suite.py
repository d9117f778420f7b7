"""The suite itself: a class of it that is written and then forgotten would prove nothing."""

import importlib
import inspect
import pkgutil
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

import pytest

from portable.testing import conformance
from tests.conformance.conftest import SLOW_IN_A_CLOUD

DOCUMENTATION = Path(__file__).parents[2] / "docs/conformance.md"
each_adapter = pytest.mark.parametrize("adapter", ["local", "aws", "gcp"])
EXPORTED = {name: vars(conformance)[name] for name in conformance.__all__ if name != "Harness"}


def suite_classes() -> list[type]:
    """Every class of the suite that has tests of its own, whether it is exported or not."""
    found: list[type] = []
    for entry in pkgutil.iter_modules(conformance.__path__):
        module = importlib.import_module(f"{conformance.__name__}.{entry.name}")
        found.extend(own for own in classes_of(module) if any(name.startswith("test") for name in vars(own)))
    return found


def classes_of(module: ModuleType) -> list[type]:
    return [own for _, own in inspect.getmembers(module, inspect.isclass) if own.__module__ == module.__name__]


def adapter_classes(name: str) -> list[type]:
    """The classes of an adapter's test module that pytest collects."""
    spec = spec_from_file_location(f"{name}_under_inspection", Path(__file__).with_name(f"test_{name}.py"))
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return [own for own in classes_of(module) if own.__name__.startswith("Test")]


def test_every_class_of_the_suite_is_exported_or_part_of_one_that_is() -> None:
    suite = suite_classes()
    assert len(suite) >= 20
    parts = {part for exported in EXPORTED.values() for part in exported.__mro__}
    assert [own.__qualname__ for own in suite if own not in parts] == []


def test_what_is_exported_is_called_conformance_and_has_tests() -> None:
    assert EXPORTED
    wrong = [
        name
        for name, found in EXPORTED.items()
        if not name.endswith("Conformance") or not any(member.startswith("test_") for member in dir(found))
    ]
    assert wrong == []


@each_adapter
def test_an_adapter_runs_every_class_of_the_suite_once(adapter: str) -> None:
    classes = adapter_classes(adapter)
    times = {own.__name__: sum(issubclass(test, own) for test in classes) for own in suite_classes()}
    assert {name: count for name, count in times.items() if count != 1} == {}
    assert times


@each_adapter
def test_a_subclass_of_an_adapter_leaves_nothing_of_its_class_out(adapter: str) -> None:
    # What an adapter cannot do has to raise Unsupported; overriding a test would hide it. Fewer programs are allowed.
    classes = adapter_classes(adapter)
    changed = {
        own.__name__: [name for name in vars(own) if not name.startswith("__") and name != "programs"]
        for own in classes
    }
    assert {name: members for name, members in changed.items() if members} == {}
    assert len(changed) >= len(EXPORTED)


def test_what_is_slow_on_an_adapter_is_a_test_of_the_suite() -> None:
    names = {name for exported in EXPORTED.values() for name in dir(exported) if name.startswith("test_")}
    assert SLOW_IN_A_CLOUD
    assert names >= SLOW_IN_A_CLOUD


def test_no_test_of_a_class_hides_another_of_its_parts() -> None:
    hidden: list[str] = []
    for exported in EXPORTED.values():
        names = [name for part in exported.__mro__ for name in vars(part) if name.startswith("test_")]
        hidden.extend(f"{exported.__name__}.{name}" for name in set(names) if names.count(name) > 1)
    assert hidden == []


def test_the_documentation_names_every_exported_class() -> None:
    text = DOCUMENTATION.read_text(encoding="utf-8")
    assert [name for name in EXPORTED if f"`{name}`" not in text] == []
