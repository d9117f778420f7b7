"""The files of params and secrets: for this user only, whole whatever happens, and shown to nobody."""

import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from portable_local.values import LocalValue, read_values, value_file, write_value

from portable.errors import ConfigurationError, PortableError, Unavailable

VALUE = "s3cr3t-vàlue-0123456789"


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_values_are_read_back_as_they_were_written(tmp_path: Path) -> None:
    values = {"a": "", "b": VALUE, "c": "x" * 25_000, "d": 'quo"te\\ \n\t\x00\u2028', "part.e": "😀"}
    for name, value in values.items():
        write_value(tmp_path, "secret", name, value)
    assert read_values(tmp_path, "secret") == values
    assert read_values(tmp_path, "param") == {}
    for name, value in values.items():
        assert LocalValue(tmp_path, "secret", name).read() == value
    assert LocalValue(tmp_path, "secret", "nobody").read() is None
    write_value(tmp_path, "secret", "a", "new")
    write_value(tmp_path, "secret", "b", None)
    write_value(tmp_path, "secret", "nobody", None)
    assert read_values(tmp_path, "secret") == {**{k: v for k, v in values.items() if k != "b"}, "a": "new"}


def test_files_and_folder_are_for_this_user_only_whatever_the_umask_and_the_mode_before(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    before = os.umask(0)
    try:
        write_value(folder, "secret", "a", VALUE)
        value_file(folder, "secret").chmod(0o666)
        write_value(folder, "secret", "a", VALUE)
    finally:
        os.umask(before)
    assert mode(folder) == 0o700
    assert {path.name: mode(path) for path in folder.iterdir()} == {"secrets.json": 0o600, "values.lock": 0o600}


@pytest.mark.parametrize(
    "text", [VALUE, f'{{"a": "{VALUE}"', f'["{VALUE}"]', f'{{"a": ["{VALUE}"]}}', "", "null", "[" * 100_000]
)
def test_a_damaged_file_is_an_error_that_names_it_and_shows_nothing_of_it(tmp_path: Path, text: str) -> None:
    path = value_file(tmp_path, "secret")
    path.write_text(text, encoding="utf-8")
    for refused in (lambda: read_values(tmp_path, "secret"), lambda: write_value(tmp_path, "secret", "b", "x")):
        with pytest.raises(ConfigurationError, match=r"secrets\.json") as caught:
            refused()
        told(caught.value)
    assert path.read_text(encoding="utf-8") == text


def told(error: BaseException) -> None:
    """Nothing of VALUE, also in what the error came from."""
    shown = ""
    found: BaseException | None = error
    while found is not None:
        shown += f"{found} {found!r} {getattr(found, 'hint', '')}"
        found = found.__cause__ or (None if found.__suppress_context__ else found.__context__)
    assert "s3cr3t" not in shown
    assert "vàlue" not in shown


def test_a_file_that_is_no_utf_8_shows_nothing_of_it(tmp_path: Path) -> None:
    value_file(tmp_path, "secret").write_bytes(VALUE.encode() + b"\xff")
    with pytest.raises(ConfigurationError) as caught:
        read_values(tmp_path, "secret")
    told(caught.value)


def test_a_value_that_no_file_can_hold_is_refused_and_the_others_stay(tmp_path: Path) -> None:
    write_value(tmp_path, "secret", "a", VALUE)
    with pytest.raises(PortableError) as caught:
        write_value(tmp_path, "secret", "b", VALUE + "\ud800")
    told(caught.value)
    assert read_values(tmp_path, "secret") == {"a": VALUE}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["secrets.json", "values.lock"]


def test_a_file_instead_of_the_folder_is_an_error_that_names_it(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("", encoding="utf-8")
    with pytest.raises(Unavailable, match="data"):
        write_value(tmp_path / "data", "param", "a", "x")


def test_a_link_in_place_of_the_file_is_replaced_and_not_followed(tmp_path: Path) -> None:
    target = tmp_path / "target"
    target.write_text("{}", encoding="utf-8")
    folder = tmp_path / "data"
    folder.mkdir()
    value_file(folder, "secret").symlink_to(target)
    write_value(folder, "secret", "a", VALUE)
    assert target.read_text(encoding="utf-8") == "{}"
    assert not value_file(folder, "secret").is_symlink()


WRITER = """
import sys
from pathlib import Path
from portable_local.values import write_value
folder, who = Path(sys.argv[1]), sys.argv[2]
for number in range(15):
    write_value(folder, "param", f"{who}-{number}", str(number))
"""


def test_what_processes_write_at_once_all_stays(tmp_path: Path) -> None:
    writers = [subprocess.Popen([sys.executable, "-c", WRITER, str(tmp_path), f"w{n}"]) for n in range(4)]
    assert [writer.wait(120) for writer in writers] == [0] * 4
    assert read_values(tmp_path, "param") == {f"w{n}-{number}": str(number) for n in range(4) for number in range(15)}


KILLED = """
import os, sys
from pathlib import Path
from portable_local.store import crash_points
from portable_local.values import write_value
def reach(name):
    if name == sys.argv[2]:
        os.kill(os.getpid(), 9)
crash_points.reach = reach
write_value(Path(sys.argv[1]), "secret", "a", "new")
"""


@pytest.mark.parametrize(("point", "expected"), [("values-written", "old"), ("values-replaced", "new")])
def test_a_writer_that_is_killed_leaves_the_old_value_or_the_new_one(tmp_path: Path, point: str, expected: str) -> None:
    write_value(tmp_path, "secret", "a", "old")
    done = subprocess.run([sys.executable, "-c", KILLED, str(tmp_path), point], check=False, timeout=60)
    assert done.returncode == -9
    assert read_values(tmp_path, "secret") == {"a": expected}
    write_value(tmp_path, "secret", "b", "more")
    assert read_values(tmp_path, "secret") == {"a": expected, "b": "more"}
    for path in tmp_path.iterdir():
        assert mode(path) == 0o600


def test_the_file_is_json_for_people_in_the_order_of_names(tmp_path: Path) -> None:
    for name in ("b", "a"):
        write_value(tmp_path, "param", name, "é")
    assert value_file(tmp_path, "param").read_text(encoding="utf-8") == '{\n "a": "é",\n "b": "é"\n}'
    assert json.loads(value_file(tmp_path, "param").read_text(encoding="utf-8")) == {"a": "é", "b": "é"}
