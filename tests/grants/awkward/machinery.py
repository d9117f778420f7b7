"""What Python calls by itself: class creation, metaclasses, decorators of classes."""
# mypy: ignore-errors

from __future__ import annotations

import functools

from .base import exact, look, t, widened


@functools.singledispatch
def sd(x):
    return None


@sd.register(int)
def _(x):
    t.get("1")


class Base:
    def __init_subclass__(cls, **k):
        look()


@exact
def init_subclass():
    class D(Base):
        pass


@widened
def init_subclass_type():
    type("D", (Base,), {})


@exact
def set_name():
    class L:
        d = SN()


class SN:
    def __set_name__(self, o, n):
        look()


class M(type):
    def __new__(m, n, b, ns, **k):
        look()
        return super().__new__(m, n, b, ns)

    def __prepare__(n, b, **k):
        return {}


class MM(type):
    def __init__(cls, *a, **k):
        super().__init__(*a)
        if cls.__name__ == "L2":
            look()


@widened
def metaclass_new():
    class L(metaclass=M):
        pass


class MMBase(metaclass=MM):
    pass


@exact
def metaclass_init_inherited():
    class L2(MMBase):
        pass


class MA(type):
    def __getattr__(cls, n):
        return look()

    def __iter__(cls):
        look()
        return iter([])

    def __len__(cls):
        look()
        return 1

    def __contains__(cls, x):
        look()
        return True


class HasMA(metaclass=MA):
    pass


@exact
def meta_getattr():
    HasMA.foo


@exact
def meta_iter():
    list(HasMA)


@exact
def meta_iter2():
    for x in HasMA:
        pass


@exact
def meta_len():
    len(HasMA)


@exact
def meta_contains():
    return 1 in HasMA


def clsdeco(cls):
    cls.run = lambda self: look()
    return cls


@clsdeco
class Deco:
    pass


@exact
def class_decorator():
    Deco().run()


@exact
def class_decorator_local():
    @clsdeco
    class X:
        pass

    X().run()


def clswrap(cls):
    class W(cls):
        def __init__(self, *a):
            look()

    return W


@clswrap
class Deco2:
    pass


@exact
def class_decorator_sub():
    Deco2()


@exact
def class_decorator_sub_local():
    @clswrap
    class X:
        pass

    X()


class Slots:
    __slots__ = ("f",)

    def __init__(self, f):
        self.f = f


@exact
def slots():
    Slots(look).f()


sl = Slots(look)


@exact
def slots_live():
    sl.f()


class D:
    pass

    def __getitem__(self, k):
        look()
        return 1

    def __setitem__(self, k, v):
        look()

    def __delitem__(self, k):
        look()

    def __contains__(self, k):
        look()
        return True

    def __len__(self):
        look()
        return 1

    def __bool__(self):
        look()
        return True

    def __call__(self, *a):
        look()

    def __enter__(self):
        look()

    def __exit__(self, *a):
        look()

    def __iter__(self):
        look()
        return iter([])

    def __next__(self):
        look()
        raise StopIteration

    def __reversed__(self):
        look()
        return iter([])

    def __add__(self, o):
        return look()

    __radd__ = __iadd__ = __mod__ = __rmod__ = __mul__ = __matmul__ = __divmod__ = __rdivmod__ = __pow__ = __lor__ = (
        __add__
    )

    def __round__(self):
        return look()

    __floor__ = __ceil__ = __trunc__ = __round__

    def __neg__(self):
        return look()

    __abs__ = __pos__ = __invert__ = __int__ = __index__ = __neg__

    def __float__(self):
        look()
        return 1.0

    def __complex__(self):
        look()
        return 1j

    def __str__(self):
        look()
        return ""

    def __repr__(self):
        look()
        return ""

    def __bytes__(self):
        look()
        return b""

    def __format__(self, s):
        look()
        return ""

    def __hash__(self):
        return look()

    def __eq__(self, o):
        return look()

    def __lt__(self, o):
        return look()

    def __le__(self, o):
        return look()

    def __ge__(self, o):
        return look()

    def __dir__(self):
        look()
        return []

    def __sizeof__(self):
        return look()

    def __fspath__(self):
        look()
        return "/"

    def __copy__(self):
        look()
        return self

    def __deepcopy__(self, m):
        look()
        return self

    def __reduce__(self):
        look()
        return (int, ())

    def __getstate__(self):
        look()
        return {}

    def __length_hint__(self):
        return look()

    def __instancecheck__(self, o):
        return look()

    def __buffer__(self, *a):
        return look()

    async def __aenter__(self):
        look()

    async def __aexit__(self, *a):
        look()

    def __aiter__(self):
        look()
        return self

    async def __anext__(self):
        look()
        raise StopAsyncIteration

    def __await__(self):
        look()
        yield from ()
