"""`python -m portable`: the command line."""

from portable.cli import main

if __name__ == "__main__":
    main()
