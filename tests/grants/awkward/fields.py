"""What Python calls by itself: dispatch, descriptors, properties, dataclasses."""
# mypy: ignore-errors

from __future__ import annotations

import contextlib
import dataclasses
import functools

from .base import exact, look, t


@functools.singledispatch
def sd(x):
    return None


@sd.register(int)
def _(x):
    t.get("1")


@exact
def singledispatch_int():
    sd(3)


@exact
def singledispatch_dispatch():
    sd.dispatch(int)(3)


@exact
def singledispatch_registry():
    sd.registry[int](3)


class CP:
    @functools.cached_property
    def v(self):
        return look()


@exact
def cached_prop():
    CP().v


cp = CP()


@exact
def cached_prop_live():
    cp.v


class Desc:
    def __get__(self, o, c=None):
        return look()

    def __set__(self, o, v):
        look()

    def __set_name__(self, owner, name):
        self.n = name


class HasDesc:
    d = Desc()


@exact
def desc_get():
    HasDesc().d


@exact
def desc_set():
    HasDesc().d = 1


@exact
def desc_cls():
    HasDesc.d


@exact
def desc_getattr():
    getattr(HasDesc(), "d")


@exact
def desc_setattr():
    setattr(HasDesc(), "d", 3)


class DescDel:
    def __get__(self, o, c=None):
        return 1

    def __delete__(self, o):
        look()


class HD2:
    d = DescDel()


@exact
def desc_delete():
    x = HD2()
    del x.d


@exact
def desc_delattr():
    delattr(HD2(), "d")


class PropDel:
    @property
    def p(self):
        return 1

    @p.setter
    def p(self, v):
        look()

    @p.deleter
    def p(self):
        look()


@exact
def prop_del():
    x = PropDel()
    del x.p


@exact
def prop_set_attr():
    setattr(PropDel(), "p", 1)


@exact
def prop_set_aug():
    x = PropDel()
    x.p += 1


@exact
def prop_for_target():
    x = PropDel()
    for x.p in [1]:
        pass


@exact
def prop_with_target():
    x = PropDel()
    with contextlib.nullcontext(1) as x.p:
        pass


@exact
def prop_unpack_target():
    x = PropDel()
    x.p, y = 1, 2


@exact
def prop_fget():
    CPp.p.fget(CPp())


class CPp:
    @property
    def p(self):
        return look()


class SA:
    def __setattr__(self, n, v):
        look()

    def __delattr__(self, n):
        look()


@exact
def dunder_setattr():
    SA().x = 1


@exact
def dunder_setattr2():
    setattr(SA(), "x", 1)


@exact
def dunder_delattr():
    delattr(SA(), "x")


@dataclasses.dataclass
class DC:
    a: int = dataclasses.field(default_factory=look)

    def __post_init__(self):
        pass


@exact
def dc_factory():
    DC()


@dataclasses.dataclass
class DC2:
    a: int = 1
    b: dataclasses.InitVar[int] = 2

    def __post_init__(self, b):
        look()


@exact
def dc_post():
    DC2()


@exact
def dc_replace():
    dataclasses.replace(dc0)


@exact
def dc_repr():
    return repr(DC3(1))


class Inner:
    def __lt__(self, o):
        return True

    def __eq__(self, o):
        look()
        return True

    def __hash__(self):
        look()
        return 1

    def __repr__(self):
        look()
        return "x"


@dataclasses.dataclass(unsafe_hash=True)
class DC3:
    n: int
    x: Inner = dataclasses.field(default_factory=Inner)


dc0 = DC2()


@exact
def local_dc():
    @dataclasses.dataclass
    class L:
        a: int = dataclasses.field(default_factory=look)

    L()


@exact
def local_dc_post():
    @dataclasses.dataclass
    class L:
        a: int = 1

        def __post_init__(self):
            look()

    L()
