"""Code that is found by names, registries, patches or text, and functions that travel."""
# mypy: ignore-errors

import functools
import inspect
import json
import re
import sched
import sys
import time
from typing import Protocol

from .base import exact, look, widened


class Plugin:
    def run(self):
        pass


class Runs(Plugin):
    def run(self):
        look()


class Starts(Plugin):
    def __init__(self):
        look()


@exact
def subclasses():
    for c in Plugin.__subclasses__():
        c().run()


@exact
def subclasses_init():
    for c in Plugin.__subclasses__():
        c()


REG = {}


class Auto:
    def __init_subclass__(cls, **k):
        REG[cls.__name__] = cls


class A1(Auto):
    def go(self):
        look()


@exact
def init_subclass_registry():
    REG["A1"]().go()


@exact
def registry_unknown():
    REG[json.loads('"A1"')]().go()


HOOKS = []


def register(f):
    HOOKS.append(f)
    return f


@register
def hook():
    look()


@exact
def hooks():
    for f in HOOKS:
        f()


@widened
def dispatch_named():
    getattr(Ops(), "do_" + json.loads('"x"'))()


class Ops:
    def do_x(self):
        look()


@widened
def methods_dir():
    for n in dir(Ops):
        if n.startswith("do_"):
            getattr(Ops(), n)()


@widened
def getmembers():
    for n, f in inspect.getmembers(Ops(), inspect.ismethod):
        f()


@widened
def getmembers_mod():
    for n, f in inspect.getmembers(sys.modules[__name__], inspect.isfunction):
        if n == "look":
            f()


def patched():
    pass


def _patch():
    sys.modules[__name__].patched = look


_patch()


@exact
def monkeypatched():
    _patch
    patched()


ns = {}

exec("def made(): look()", globals(), ns)

made = ns["made"]


@widened
def exec_created():
    made()


lam = eval("lambda: look()")


@widened
def eval_created():
    lam()


@exact
def map_lazy():
    m = map(look, [1])
    next(m)


@exact
def sched_():
    s = sched.scheduler(time.time, lambda d: None)
    s.enter(0, 1, look)
    s.run()


@exact
def re_sub():
    re.sub("a", look2, "a")


def look2(m):
    look()
    return ""


@exact
def json_hook():
    json.loads("{}", object_hook=look)


@exact
def json_default():
    json.dumps(object(), default=lambda _: look())


@exact
def json_pairs():
    json.JSONDecoder(object_pairs_hook=look).decode("{}")


@exact
def sorted_method():
    sorted([KK()], key=KK.key)


class KK:
    def key(self):
        return look()


@exact
def list_sort():
    [1, 2].sort(key=look)


@exact
def chain_attr():
    KK().__class__().key()


@exact
def type_call():
    type(KK())().key()


@exact
def dunder_class():
    KK.__mro__[0]().key()


@exact
def protocol():
    use(KK())


class Pr(Protocol):
    def key(self): ...


def use(p: Pr):
    p.key()


@exact
def star_args():
    (lambda *a, **k: a[0](**k))(*[look], **{"a": 1})


@exact
def nested_partial():
    functools.partial(functools.partial(look, 1), 2)()


@exact
def compose():
    functools.reduce(lambda f, g: lambda x: g(f(x)), [look, look])(1)


@exact
def recursion():
    rec2(3)


def rec2(n):
    return look() if n == 0 else rec2(n - 1)


@exact
def mutual():
    ev(4)


def ev(n):
    return look() if n == 0 else od(n - 1)


def od(n):
    return ev(n - 1)


@exact
def trampoline():
    f = lambda: lambda: lambda: look()
    while callable(f):
        f = f()
