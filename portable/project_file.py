"""The file that says what a project is. Apart, because the command line needs its name and not yet the manifest."""

PROJECT_FILE = "pyproject.toml"
