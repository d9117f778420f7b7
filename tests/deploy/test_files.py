"""Which files of a project are packed."""

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from portable.deploy.files import MARKER, ProjectFiles, project_files
from portable.errors import ConfigurationError

Write = Callable[..., Path]
KEY = "-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY-----\n"
APP = {"app.py": "1", "shop/__init__.py": "", "shop/prices.json": "{}", "static/index.html": "<p>"}


def names(found: ProjectFiles) -> list[str]:
    return [file.path for file in found.files]


def git(folder: Path, *arguments: str) -> None:
    identity = ("-c", "user.name=a", "-c", "user.email=a@example.com")
    subprocess.run(["git", *identity, *arguments], cwd=folder, check=True, capture_output=True)


def test_the_app_is_packed_and_what_is_for_its_makers_is_not(write: Write) -> None:
    project = write(
        {
            **APP,
            "README.md": "", "pyproject.toml": "", "uv.lock": "", "requirements-dev.txt": "", "Makefile": "",
            ".git/config": "", ".venv/lib/x.py": "", ".portable/data.db": "", ".mypy_cache/x": "", ".hidden": "",
            "venv/pyvenv.cfg": "", "node_modules/x/y.js": "", "__pycache__/app.cpython-313.pyc": "",
            "tests/test_app.py": "", "shop/tests/test_prices.py": "", "shop/test_more.py": "", "conftest.py": "",
            "build/lib/app.py": "", "dist/app.whl": "", "small.egg-info/PKG-INFO": "", "shop/old.pyc": "",
            "static/.well-known/security.txt": "",
        }
    )  # fmt: skip
    assert names(project_files(project)) == sorted([*APP, "static/.well-known/security.txt"])


def test_what_git_ignores_is_left_out_and_what_is_not_committed_yet_is_packed(write: Write) -> None:
    project = write({**APP, ".gitignore": "*.sqlite\n/local/\n", "data.sqlite": "", "local/notes.py": ""})
    git(project, "init", "-q")
    git(project, "add", "app.py")
    assert names(project_files(project)) == sorted(APP)
    (project / "shop/prices.json").unlink()
    git(project, "add", "-A")
    git(project, "commit", "-qm", "x")
    (project / "static/index.html").unlink()
    assert names(project_files(project)) == ["app.py", "shop/__init__.py"]


def test_a_project_that_is_a_folder_of_a_repository_is_alone(write: Write) -> None:
    write({"other.py": "", ".gitignore": "*.log\n"}, "repository")
    project = write({**APP, "a.log": ""}, "repository/project")
    git(project.parent, "init", "-q")
    assert names(project_files(project)) == sorted(APP)


def test_a_project_that_its_repository_ignores_is_packed(write: Write) -> None:
    write({".gitignore": "project/\n"}, "repository")
    project = write(APP, "repository/project")
    git(project.parent, "init", "-q")
    assert names(project_files(project)) == sorted(APP)


def test_gitignore_counts_without_a_repository(write: Write) -> None:
    project = write(
        {**APP, ".gitignore": "*.sqlite\n", "data.sqlite": "", "shop/.gitignore": "cache\n", "shop/cache": ""}
    )
    assert names(project_files(project)) == sorted(APP)


def test_gitignore_without_git_is_an_error_and_not_a_guess(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    project = write({**APP, ".gitignore": "*.sqlite\n", "data.sqlite": ""})
    monkeypatch.setenv("PATH", str(project))
    with pytest.raises(ConfigurationError, match="no git"):
        project_files(project)


def test_the_environment_names_no_other_repository(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    """A hook of git runs with GIT_DIR set."""
    other = write({"other.py": ""}, "other")
    git(other, "init", "-q")
    project = write({**APP, ".gitignore": "*.sqlite\n", "data.sqlite": ""})
    git(project, "init", "-q")
    monkeypatch.setenv("GIT_DIR", str(other / ".git"))
    monkeypatch.setenv("GIT_WORK_TREE", str(other))
    assert names(project_files(project)) == sorted(APP)


def test_git_runs_no_program_that_the_repository_names(write: Write, tmp_path: Path) -> None:
    witness = tmp_path / "witness"
    program = tmp_path / "program"
    program.write_text(f"#!/bin/sh\ntouch {witness}\n")
    program.chmod(0o755)
    project = write({**APP, ".gitignore": "*.sqlite\n"})
    git(project, "init", "-q")
    git(project, "config", "core.fsmonitor", str(program))
    assert names(project_files(project)) == sorted(APP)
    assert not witness.exists()


def test_secrets_are_left_out_and_told(write: Write) -> None:
    secret: dict[str, str | bytes] = {
        ".env": "A=1", ".env.production": "A=1", "prod.env": "", "tls/server.key": "", "id_ed25519": "",
        "keys.pem": KEY, "service-account-prod.json": "{}",
        "secrets.yaml": "", "notes.txt": f"the key:\n{KEY}", "a.tfstate": "",
        "pgp.asc": "-----BEGIN PGP PRIVATE KEY BLOCK-----\n",
    }  # fmt: skip
    public = {"ca.pem": "-----BEGIN CERTIFICATE-----\n", "credentials.py": "", "secrets.py": "", "environment.json": ""}
    found = project_files(write({**APP, **secret, **public}))
    assert names(found) == sorted([*APP, *public])
    assert set(found.secret) == set(secret)


def test_the_project_has_the_last_word(write: Write) -> None:
    files = {**APP, "tests/data.json": "", ".env": "", "shop/huge.bin": "", "static/raw/x.psd": ""}
    found = project_files(
        write(files), include=("tests/data.json", ".env"), exclude=("*.bin", "static/raw", "shop/prices.json")
    )
    assert names(found) == [".env", "app.py", "shop/__init__.py", "static/index.html", "tests/data.json"]
    assert found.secret == ()


def test_what_the_app_imports_belongs_wherever_it_lies(write: Write) -> None:
    project = write({**APP, "tests/fakes.py": "", ".gitignore": "_version.py\n", "shop/_version.py": ""})
    assert names(project_files(project, needed=["tests/fakes.py", "shop/_version.py"])) == sorted(
        [*APP, "tests/fakes.py", "shop/_version.py"]
    )


def test_an_earlier_package_is_not_packed(write: Write) -> None:
    project = write({**APP, f"deployed/{MARKER}": "{}", "deployed/functions/x.zip": ""})
    assert names(project_files(project)) == sorted(APP)


def test_links_within_the_project_are_files_and_those_that_lead_out_are_refused(write: Write, tmp_path: Path) -> None:
    project = write(APP)
    os.symlink("prices.json", project / "shop/rates.json")
    found = project_files(project)
    assert "shop/rates.json" in names(found)
    (tmp_path / "outside").write_text("credentials")
    os.symlink(tmp_path / "outside", project / "shop/more.json")
    with pytest.raises(ConfigurationError, match=r"shop/more\.json is a link to"):
        project_files(project)
    assert "shop/more.json" not in names(project_files(project, exclude=["shop/more.json"]))


def test_who_may_run_a_file_is_kept_and_nothing_else_of_its_mode(write: Write) -> None:
    project = write({**APP, "bin/ffmpeg": "#!/bin/sh\n"})
    (project / "bin/ffmpeg").chmod(0o700)
    (project / "app.py").chmod(0o600)
    assert {file.path: file.is_executable for file in project_files(project).files} == {
        **dict.fromkeys(APP, False),
        "bin/ffmpeg": True,
    }
