"""Inheritance, iteration, closures, decorators, imports."""
# mypy: ignore-errors

import abc
import contextlib
import copy
import dataclasses
import functools
import itertools
import operator
from typing import Any

from .base import exact, look, t


@dataclasses.dataclass
class DCf:
    f: Any


@exact
def multi_inh():
    MI().run()


class M1_:
    def run(self):
        super().run()


class M2_:
    def run(self):
        look()


class MI(M1_, M2_):
    pass


@exact
def abstract():
    Im().run()


class Ab(abc.ABC):
    def run(self):
        return self.do()

    @abc.abstractmethod
    def do(self): ...


class Im(Ab):
    def do(self):
        look()


@exact
def static_cls():
    St.s()


class St:
    @staticmethod
    def s():
        St.c()

    @classmethod
    def c(cls):
        cls.d()

    d = staticmethod(look)


@exact
def lambda_attr():
    La.f()


class La:
    f = lambda: look()


@exact
def copy_obj():
    copy.copy(DCf(t.get)).f("1")


@exact
def deepcopy_obj():
    copy.deepcopy({"a": look})["a"]()


@exact
def iter_proto():
    for f in ItP():
        f("1")


class ItP:
    def __getitem__(self, i):
        if i:
            raise IndexError
        return t.get


@exact
def accumulate():
    list(itertools.accumulate([t, t], lambda a, b: b.get("1") or b))


@exact
def product():
    for a, b in itertools.product([t], [1]):
        a.get("1")


@exact
def groupby():
    for k, g in itertools.groupby([t], key=lambda x: x.get("1") and 1):
        pass


@exact
def tee():
    a, b = itertools.tee([t])
    next(b).get("1")


@exact
def pairwise():
    for a, b in itertools.pairwise([t, t]):
        b.get("1")


@exact
def zip_longest():
    for a, b in itertools.zip_longest([1], [], fillvalue=t):
        b.get("1")


@exact
def repeat():
    next(itertools.repeat(t)).get("1")


@exact
def starmap():
    list(itertools.starmap(lambda f, k: f(k), [(t.get, "1")]))


@exact
def methodcaller_live():
    mcx(t)


mcx = operator.methodcaller("get", "1")


@exact
def itemgetter_l():
    operator.itemgetter("a")({"a": t}).get("1")


@exact
def opcall():
    operator.call(look)


@exact
def str_join_gen():
    "".join(str(look()) for _ in range(1))


@exact
def any_gen():
    any(t.get(k) for k in ["1"])


@exact
def nested_comp():
    [[f("1") for f in fs] for fs in [[t.get]]]


@exact
def dict_comp():
    {k: f("1") for k, f in {"a": t.get}.items()}


@exact
def cond_lambda():
    (lambda: look() if True else None)()


@exact
def annotation_default(x: int = 0):
    look()


@exact
def service_method():
    Svc(t).run()


class Svc:
    def __init__(self, table):
        self.get = table.get

    def run(self):
        return self.get("1")


svc = Svc(t)


@exact
def service_live():
    svc.run()


@exact
def bound_live():
    brun()


brun = svc.run


@exact
def partial_live():
    pl()


pl = functools.partial(svc.run)


@exact
def mod_lambda():
    ml["a"]()


ml = {"a": lambda: look()}


@exact
def loop_closure():
    fs = []
    for x in [t]:
        fs.append(lambda x=x: x.get("1"))
    fs[0]()


@exact
def nonlocal_():
    f = None

    def s():
        nonlocal f
        f = t.get

    s()
    f("1")


@exact
def unpack_nested():
    (a, (b, *c)) = (1, (2, t))
    c[0].get("1")


@exact
def chained_assign():
    a = b = t
    b.get("1")


@exact
def aug():
    a = []
    a += (t,)
    a[0].get("1")


@exact
def tern_attr():
    (t if look else None).get("1")


@exact
def idx_slice():
    [1, t][-1].get("1")


@exact
def del_reassign():
    a = t
    del a
    a = t.get
    a("1")


@exact
def with_as_tuple():
    with contextlib.nullcontext((t, 1)) as (a, b):
        a.get("1")


@exact
def for_else():
    for _ in []:
        pass
    else:
        look()


@exact
def while_else():
    while False:
        pass
    else:
        look()


@exact
def assert_msg():
    try:
        assert False, look()
    except AssertionError:
        pass


@exact
def decorator_args():
    dea()


def dea_(f=None, *, g=None):
    if f is None:
        return lambda f: dea_(f, g=g)

    @functools.wraps(f)
    def w(*a, **k):
        g("1")
        return f(*a, **k)

    return w


@dea_(g=t.get)
def dea():
    pass


class ClsDeco:
    def __init__(self, f):
        self.f = f

    def __call__(self, *a):
        look()
        return self.f(*a)

    def __get__(self, o, c):
        return functools.partial(self, o)


@ClsDeco
def cdf():
    pass


@exact
def cls_deco():
    cdf()


class CDM:
    @ClsDeco
    def m(self):
        pass


@exact
def cls_deco_method():
    CDM().m()


@exact
def import_in_func():
    from .lazy import go

    go()


@exact
def import_star_mod():
    import awkward.lazy

    awkward.lazy.go()


@exact
def import_sub():
    import awkward.below.lazy

    awkward.below.lazy.go()


@exact
def import_lib_dyn():
    import importlib

    importlib.import_module("awkward.below.lazy").go()


@exact
def import_dunder():
    __import__("awkward.lazy", fromlist=["go"]).go()
