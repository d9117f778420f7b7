"""The command line. `main` is the command `portable`; each verb has a module of its own."""


def main() -> None:
    """Runs the command line on sys.argv and exits with its code."""
    import gc
    import sys

    modules = frozenset(sys.modules)
    # Nothing that is imported is garbage, and to look for some is a tenth of the imports.
    gc.disable()
    from .streams import prepare_streams

    prepare_streams()
    from .commands import run
    from .importing import own_process

    own_process(modules)
    gc.enable()
    code = run(sys.argv[1:])
    # On its way out Python would look for garbage among all that is there.
    gc.freeze()
    sys.exit(code)
