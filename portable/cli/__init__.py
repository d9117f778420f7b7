"""The command line. `main` is the command `portable`; each verb has a module of its own."""


def main() -> None:
    """Runs the command line on sys.argv and exits with its code."""
    import sys

    from .commands import run

    sys.exit(run(sys.argv[1:]))
