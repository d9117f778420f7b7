"""What kind of thing a live object is, and what it refers to."""

import functools
import gc
import types
import weakref
from collections import ChainMap, UserDict, UserList, deque
from types import FunctionType, MethodType, ModuleType
from typing import Any

from portable.binding import Registry, Resource
from portable.tasks import Task

from .sources import class_of, is_app_class, is_app_function, members

CONTAINERS = (dict, list, tuple, set, frozenset, deque, UserDict, UserList, ChainMap, types.MappingProxyType)
DESCRIPTORS = (types.GetSetDescriptorType, types.MemberDescriptorType)
STOP = (ModuleType, types.FrameType, types.CodeType, str, bytes, int, float, type)


def is_type(thing: object) -> bool:
    return isinstance(thing, type)


def is_container(thing: object) -> bool:
    return isinstance(thing, CONTAINERS)


def is_resource(thing: object) -> bool:
    return isinstance(thing, Resource)


def is_registry(thing: object) -> bool:
    return isinstance(thing, Registry)


def is_module(thing: object) -> bool:
    return isinstance(thing, ModuleType)


def is_function(thing: object) -> bool:
    return isinstance(thing, FunctionType | MethodType | functools.partial)


def is_task(thing: object) -> bool:
    return isinstance(thing, Task)


def referents(thing: Any) -> list[Any]:
    """What an object refers to directly; of a function only what it closes over, its defaults and its attributes."""
    if isinstance(thing, weakref.ref):
        return [thing()]
    if isinstance(thing, FunctionType):
        cells = [cell.cell_contents for cell in thing.__closure__ or () if is_filled(cell)]
        return [*cells, *(thing.__defaults__ or ()), *members(thing).values()]
    return gc.get_referents(thing)


REACH_DEPTH, REACH_MOST = 6, 1000


def reached_from(thing: Any) -> list[Any]:
    """Resources, functions, instances and modules of the app that a library's object holds, not far below it."""
    found: list[Any] = []
    seen = {id(thing)}
    level: list[Any] = [thing]
    for _ in range(REACH_DEPTH):
        below: list[Any] = []
        for part in level:
            for inner in referents(part):
                if id(inner) in seen or isinstance(inner, STOP) or len(seen) > REACH_MOST:
                    continue
                seen.add(id(inner))
                if is_interesting(inner):
                    found.append(inner)
                else:
                    below.append(inner)
        level = below
    return found


def is_filled(cell: types.CellType) -> bool:
    try:
        _ = cell.cell_contents
    except ValueError:
        return False
    return True


def is_interesting(thing: Any) -> bool:
    """Whether an object of the app was found, which is then followed by itself."""
    if isinstance(thing, Resource | Registry) or is_app_function(thing):
        return True
    if isinstance(thing, MethodType):
        return is_resource(thing.__self__) or is_interesting(thing.__func__)
    return not is_type(thing) and is_app_class(class_of(thing))
