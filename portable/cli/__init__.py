"""The command line. `main` is the command `portable`; each verb has a module of its own."""


def main() -> None:
    """Runs the command line on sys.argv and exits with its code."""
    import sys

    from .streams import prepare_streams

    prepare_streams()
    from .commands import run

    sys.exit(run(sys.argv[1:]))
