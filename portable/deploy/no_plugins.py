"""Stands for `pydantic.plugin._loader` in a bundle in which nothing is a plugin of pydantic's.

pydantic looks for plugins in the metadata of all that is installed whenever a process starts, and imports an eighth of
a cold start to do so. What is in a bundle is known when it is made. All but `get_plugins` is the original's, which lies
in the bundle as ever.
"""

from typing import Any


def get_plugins() -> tuple[()]:
    return ()


def __getattr__(name: str) -> Any:
    if name.startswith("__"):
        # What the import system asks of every module.
        raise AttributeError(name)
    from importlib.util import module_from_spec, spec_from_file_location

    spec: Any = spec_from_file_location(__name__, __file__)
    original = module_from_spec(spec)
    spec.loader.exec_module(original)
    return getattr(original, name)
