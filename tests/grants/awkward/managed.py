"""Exceptions, context managers, patterns, and containers of one's own."""
# mypy: ignore-errors

import abc
import collections
import contextlib
import sys
import types

from .base import exact, look, t


class EqI:
    def __eq__(self, o):
        look()
        return True

    def __repr__(self):
        look()
        return ""


class E(Exception):
    def __init__(self, f):
        self.f = f


@exact
def exc_cause():
    try:
        try:
            raise E(t.get)
        except E as e:
            raise ValueError() from e
    except ValueError as e:
        e.__cause__.f("1")


@exact
def exc_context():
    try:
        try:
            raise E(t.get)
        except E as e:
            raise ValueError()
    except ValueError as e:
        e.__context__.f("1")


@exact
def exc_args():
    try:
        raise ValueError(t.get)
    except ValueError as e:
        e.args[0]("1")


@exact
def exc_else_finally():
    try:
        pass
    except Exception:
        pass
    else:
        look()


@exact
def stop_value():
    def g():
        return t
        yield

    try:
        next(g())
    except StopIteration as e:
        e.value.get("1")


@exact
def sysexc():
    try:
        raise E(t.get)
    except E:
        sys.exc_info()[1].f("1")


@exact
def suppress():
    with contextlib.suppress(ValueError):
        look()


@exact
def callback_stack():
    with contextlib.ExitStack() as s:
        s.callback(look)


@exact
def exitstack_push():
    with contextlib.ExitStack() as s:
        s.push(CMx())


class CMx:
    def __enter__(self):
        return self

    def __exit__(self, *a):
        look()


@exact
def exitstack_enter():
    with contextlib.ExitStack() as s:
        s.enter_context(CMx())


@exact
def closing():
    with contextlib.closing(Cl()):
        pass


class Cl:
    def close(self):
        look()


@exact
def cm_decorator():
    cmd()


class CD(contextlib.ContextDecorator):
    def __enter__(self):
        look()

    def __exit__(self, *a):
        pass


@CD()
def cmd():
    pass


@contextlib.contextmanager
def cmgr():
    look()
    yield


@cmgr()
def cmd2():
    pass


@exact
def cm_decorator2():
    cmd2()


@exact
def redirect():
    class W:
        def write(self, s):
            look()

        def flush(self):
            pass

    with contextlib.redirect_stdout(W()):
        print("x")


@exact
def print_file():
    print("x", file=Wr())


class Wr:
    def write(self, s):
        look()


@exact
def match_guard():
    match [t]:
        case [x] if x.get("1"):
            pass


@exact
def match_attr():
    match types.SimpleNamespace(a=t):
        case types.SimpleNamespace(a=x):
            x.get("1")


@exact
def match_map():
    match {"a": t, "b": 1}:
        case {"a": x, **r}:
            x.get("1")


@exact
def match_star():
    match [1, t, 2]:
        case [_, *r]:
            r[0].get("1")


@exact
def match_prop():
    match MPr():
        case MPr(v=1):
            pass


class MPr:
    @property
    def v(self):
        return look()


@exact
def match_args():
    match MA_():
        case MA_(1):
            pass


class MA_:
    __match_args__ = ("v",)

    @property
    def v(self):
        return look()


@exact
def match_eq():
    match EqI():
        case K_.x:
            pass


class K_:
    x = 1


@exact
def match_or():
    match (1, t):
        case (2, x) | (1, x):
            x.get("1")


@exact
def match_len():
    match Sq():
        case [a]:
            pass


class Sq(collections.abc.Sequence):
    def __len__(self):
        look()
        return 1

    def __getitem__(self, i):
        if i:
            raise IndexError
        return 1


class Mp(collections.abc.Mapping):
    def __getitem__(self, k):
        return look()

    def __iter__(self):
        return iter(["a"])

    def __len__(self):
        return 1


@exact
def abc_mapping_get():
    Mp().get("a")


@exact
def abc_mapping_items():
    list(Mp().items())


@exact
def abc_mapping_star():
    (lambda **k: None)(**Mp())


@exact
def abc_mapping_dict():
    dict(Mp())


@exact
def abc_mapping_merge():
    {**Mp()}


@exact
def abc_seq_iter():
    list(Sq())


class DictSub(dict):
    def __missing__(self, k):
        return look()

    def __setitem__(self, k, v):
        look()
        super().__setitem__(k, v)


@exact
def dict_missing():
    DictSub()["x"]


@exact
def dict_setitem():
    DictSub()["x"] = 1


class ListSub(list):
    def append(self, x):
        look()


@exact
def list_sub():
    ListSub().append(1)


class UD(collections.UserDict):
    def __setitem__(self, k, v):
        look()


@exact
def userdict_init():
    UD(a=1)


@exact
def userdict_update():
    UD().update(a=1)
