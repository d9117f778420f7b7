"""Classes of all kinds, and objects that make their attributes when they are asked for."""
# mypy: ignore-errors

import collections
import dataclasses
import sys
import types
from typing import Any

from .base import exact, look, t, widened


class KK:
    def key(self):
        return look()


class IntSub(int):
    def __add__(self, o):
        look()
        return 1


@exact
def int_sub():
    IntSub(1) + 1


@exact
def sum_int_sub():
    sum([IntSub(1)], IntSub(2))


class StrSub(str):
    def __format__(self, s):
        look()
        return ""


@exact
def str_sub():
    f"{StrSub('x')}"


class NewC:
    def __new__(cls):
        look()
        return super().__new__(cls)


@exact
def new_dunder():
    NewC()


@exact
def new_dunder_object():
    NewC.__new__(NewC)


@exact
def type3():
    type("X", (), {"run": lambda self: look()})().run()


@widened
def type3_base():
    type("X", (KK,), {})().key()


@exact
def types_new_class():
    types.new_class("X", (KK,))().key()


@exact
def make_dataclass():
    dataclasses.make_dataclass("X", [("a", int)], bases=(KK,))(1).key()


@exact
def namedtuple_sub():
    class X(collections.namedtuple("X", "a")):
        def run(self):
            self.a("1")

    X(t.get).run()


@exact
def nt_replace():
    collections.namedtuple("X", "a")(1)._replace(a=t.get).a("1")


@exact
def asdict():
    dataclasses.asdict(DCf(t.get))["f"]("1") if False else DCf(t.get).f("1")


@dataclasses.dataclass
class DCf:
    f: Any


@exact
def attr_default():
    DCd().f("1")


@dataclasses.dataclass
class DCd:
    f: Any = t.get


@exact
def kw_only():
    kwo(f=t.get)


def kwo(*, f):
    f("1")


@exact
def pos_only():
    pso(t.get)


def pso(f, /):
    f("1")


@exact
def default_mut():
    dm()
    dm()


def dm(x=[]):
    if x:
        x[0]("1")
    x.append(t.get)


@exact
def func_attr_cache():
    fac()
    fac()


def fac():
    if not hasattr(fac, "f"):
        fac.f = t.get
    fac.f("1")


@exact
def global_lazy():
    gl()
    gl()


_g = None


def gl():
    global _g
    if _g is None:
        _g = t.get
    _g("1")


@exact
def setdefault():
    CACHE.setdefault("a", t.get)("1")


CACHE = {}


@exact
def setattr_module():
    sys.modules[__name__].zz = t.get
    zz("1")


@exact
def vars_update():
    o = types.SimpleNamespace()
    vars(o).update(f=t.get)
    o.f("1")


@exact
def dict_update_attr():
    class O:
        pass

    o = O()
    o.__dict__.update({"f": t.get})
    o.f("1")


@exact
def self_dict_init():
    SD(f=t.get).f("1")


class SD:
    def __init__(self, **k):
        self.__dict__.update(k)


@exact
def self_setattr_init():
    SS(f=t.get).f("1")


class SS:
    def __init__(self, **k):
        for n, v in k.items():
            setattr(self, n, v)


@exact
def borg():
    Borg()
    Borg().f("1")


class Borg:
    _s = {}

    def __init__(self):
        self.__dict__ = self._s
        self.f = t.get


@exact
def lazy_prop():
    LP().f("1")


class LP:
    def __getattr__(self, n):
        setattr(self, n, t.get)
        return getattr(self, n)


@exact
def delegating():
    Dl(t).get("1")


class Dl:
    def __init__(self, o):
        self._o = o

    def __getattr__(self, n):
        return getattr(self._o, n)
