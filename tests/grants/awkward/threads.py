"""Threads, pools, context variables, weak references, logging and other callbacks."""
# mypy: ignore-errors

import concurrent.futures
import contextvars
import logging
import os
import signal
import sys
import threading
import types
import warnings
import weakref

from .base import exact, look, t, widened


@exact
def thread_target():
    x = threading.Thread(target=look)
    x.start()
    x.join()


@exact
def thread_args():
    x = threading.Thread(target=lambda f: f("1"), args=(t.get,))
    x.start()
    x.join()


@exact
def thread_positional():
    x = threading.Thread(None, look)
    x.start()
    x.join()


class Th(threading.Thread):
    def run(self):
        look()


@widened
def thread_sub():
    x = Th()
    x.start()
    x.join()


@exact
def timer():
    x = threading.Timer(0.01, look)
    x.start()
    x.join()


@exact
def submit():
    with concurrent.futures.ThreadPoolExecutor() as p:
        p.submit(look, 1).result()


@exact
def submit_verb():
    with concurrent.futures.ThreadPoolExecutor() as p:
        p.submit(t.get, "1").result()


@exact
def pool_map():
    with concurrent.futures.ThreadPoolExecutor() as p:
        list(p.map(t.get, ["1"]))


@exact
def fut_cb():
    with concurrent.futures.ThreadPoolExecutor() as p:
        p.submit(int).add_done_callback(look)


pool = concurrent.futures.ThreadPoolExecutor()


@exact
def live_pool():
    pool.submit(look).result()


@exact
def live_pool_ret():
    pool.submit(lambda: t).result().get("1")


local = threading.local()


@exact
def tlocal():
    local.f = t.get
    local.f("1")


cv = contextvars.ContextVar("cv", default=t)


@exact
def ctxvar():
    cv.get().get("1")


cv2 = contextvars.ContextVar("cv2")


@exact
def ctxvar_set():
    cv2.set(t)
    cv2.get().get("1")


@exact
def finalize():
    o = types.SimpleNamespace()

    class K:
        pass

    k = K()
    weakref.finalize(k, look)
    del k


@exact
def weakref_cb():
    class K:
        pass

    k = K()
    r = weakref.ref(k, look)
    del k


class LH(logging.Handler):
    def emit(self, r):
        look()


log = logging.getLogger("advx")
log.addHandler(LH())
log.propagate = False


@widened
def log_handler_live():
    log.warning("x")


@widened
def log_handler_local():
    l = logging.getLogger("advy")
    l.addHandler(LH())
    l.warning("x")


class Filt(logging.Filter):
    def filter(self, r):
        look()
        return True


log2 = logging.getLogger("advz")
log2.addFilter(Filt())


@widened
def log_filter():
    log2.warning("x")


class Fmt(logging.Formatter):
    def format(self, r):
        look()
        return ""


hh = logging.StreamHandler(open(os.devnull, "w"))
hh.setFormatter(Fmt())
log3 = logging.getLogger("advw")
log3.addHandler(hh)
log3.propagate = False


@widened
def log_formatter():
    log3.warning("x")


root_handler = LH()


@widened
def log_module_func():
    logging.getLogger().addHandler(root_handler)
    try:
        logging.warning("x")
    finally:
        logging.getLogger().removeHandler(root_handler)


class Adapter(logging.LoggerAdapter):
    def process(self, m, k):
        look()
        return m, k


@widened
def log_adapter():
    Adapter(logging.getLogger("q"), {}).warning("x")


@exact
def sig():
    old = signal.getsignal(signal.SIGUSR1)
    try:
        signal.signal(signal.SIGUSR1, lambda *a: look())
        signal.raise_signal(signal.SIGUSR1)
    except ValueError:
        look()


@exact
def del_dunder():
    class K:
        def __del__(self):
            look()

    K()


@exact
def warn_hook():
    old = warnings.showwarning
    warnings.showwarning = lambda *a, **k: look()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("always")
            warnings.showwarning = lambda *a, **k: look()
            warnings.warn("x")
    finally:
        warnings.showwarning = old


@exact
def excepthook():
    sys.excepthook = look
    sys.excepthook(1, 2, 3)
    sys.excepthook = sys.__excepthook__
