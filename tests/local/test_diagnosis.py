"""What `portable doctor` finds out about a data folder, and that it leaves it as it was."""

import sqlite3
from pathlib import Path

import pytest
from portable_local import diagnosis
from portable_local.diagnosis import diagnose
from portable_local.store.owner import hold_folder
from portable_local.store.schema import DATABASE
from portable_local.values import write_value

from portable import App
from portable.adapter import find_adapter


def found(data: Path) -> dict[str, tuple[bool, str]]:
    return {what: (is_fine, detail) for what, is_fine, detail in diagnose(data)}


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A folder with a database that has two items."""
    from portable_local.store.access import LocalStore
    from portable_local.store.engine import Engine
    from portable_local.translate import translate

    folder = tmp_path / "data"
    app = App("shop")
    app.table("notes")
    engine = Engine(folder)
    store = LocalStore(engine)
    try:
        store.call("bind", {"wiring": translate(app.manifest().to_dict())})
    finally:
        store.close()
        engine.close()
    return folder


def test_a_machine_without_data_is_fine_and_nothing_is_made(tmp_path: Path) -> None:
    checks = found(tmp_path / "none/data")
    assert all(is_fine for is_fine, _ in checks.values())
    assert checks["sqlite"] == (True, sqlite3.sqlite_version)
    assert checks["owner of the data folder"][1].startswith("nobody")
    assert "integrity of the database" not in checks
    assert list(tmp_path.iterdir()) == []


def test_a_sound_database_is_fine_and_left_as_it_was(data: Path) -> None:
    before = files(data)
    checks = found(data)
    assert checks["integrity of the database"] == (True, "ok, 0 items")
    assert all(is_fine for is_fine, _ in checks.values())
    assert {name: text for name, text in files(data).items() if name in before} == before


@pytest.mark.parametrize("damage", ["cut", "overwritten", "text"])
def test_a_damaged_database_is_found(data: Path, damage: str) -> None:
    path = data / DATABASE
    text = path.read_bytes()
    assert len(text) > 8192
    if damage == "cut":
        path.write_bytes(text[: len(text) // 2])
    elif damage == "overwritten":
        path.write_bytes(text[:4096] + b"\xff" * (len(text) - 4096))
    else:
        path.write_bytes(b"no database " * 1000)
    is_fine, detail = found(data)["integrity of the database"]
    assert not is_fine
    assert detail


def test_the_owner_of_a_folder_is_named(data: Path) -> None:
    with hold_folder(data, "a test"):
        is_fine, detail = found(data)["owner of the data folder"]
    assert is_fine
    assert detail.startswith("process ")
    assert found(data)["owner of the data folder"][1].startswith("nobody")


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o660])
def test_a_file_of_values_that_others_may_read_is_found(tmp_path: Path, mode: int) -> None:
    write_value(tmp_path, "secret", "token", "s3cr3t")
    write_value(tmp_path, "param", "limit", "1")
    assert found(tmp_path)["secrets file"] == (True, "secrets.json, mode 600")
    (tmp_path / "secrets.json").chmod(mode)
    checks = found(tmp_path)
    assert checks["secrets file"] == (False, f"secrets.json, mode {mode:o}")
    assert checks["params file"] == (True, "params.json, mode 600")
    assert "s3cr3t" not in str(checks)


def test_an_old_sqlite_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(diagnosis, "LEAST_SQLITE", (99, 0, 0))
    assert found(tmp_path)["sqlite"] == (False, sqlite3.sqlite_version)


def test_a_file_in_place_of_the_folder_is_found(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("", encoding="utf-8")
    checks = found(tmp_path / "data")
    assert set(checks) == {"sqlite", "sqlite in WAL mode, synced", "owner of the data folder"}


def test_the_local_adapter_is_asked_by_the_command(tmp_path: Path) -> None:
    adapter: object = find_adapter("local")
    doctor = getattr(adapter, "doctor", None)
    assert doctor is not None
    assert {what for what, _, _ in doctor(tmp_path)} == set(found(tmp_path))
