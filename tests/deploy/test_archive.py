"""Zips: what zipfile makes of ours, and that equal contents are equal bytes."""

import io
import stat
import zipfile
from pathlib import Path

import pytest

from portable.deploy.archive import Entry, entry, merged, read_zip, zip_bytes
from portable.errors import ConfigurationError

FILES = {
    "z.py": b"print('z')\n" * 100,
    "a/b.txt": b"",
    "a/blaĝo.txt": b"unicode in its name",
    "bin/tool": b"#!/bin/sh\n",
    "image.png": bytes(range(256)),
}


def contents() -> dict[str, Entry]:
    return {name: entry(name, data, "app", is_executable=name == "bin/tool") for name, data in FILES.items()}


def test_zipfile_reads_what_was_written() -> None:
    with zipfile.ZipFile(io.BytesIO(zip_bytes(contents()))) as archive:
        assert archive.testzip() is None
        assert archive.namelist() == sorted(FILES)
        assert {name: archive.read(name) for name in archive.namelist()} == FILES
        for info in archive.infolist():
            mode = info.external_attr >> 16
            assert info.date_time == (1980, 1, 1, 0, 0, 0)
            assert stat.S_ISREG(mode)
            assert stat.S_IMODE(mode) == (0o755 if info.filename == "bin/tool" else 0o644)
        assert archive.getinfo("z.py").compress_size < 100
        assert archive.getinfo("image.png").compress_type == zipfile.ZIP_STORED


def test_the_order_in_which_files_come_does_not_show() -> None:
    assert zip_bytes(contents()) == zip_bytes(dict(reversed(contents().items())))


def test_it_is_read_back_as_it_was(tmp_path: Path) -> None:
    file = tmp_path / "x.zip"
    file.write_bytes(zip_bytes(contents()))
    assert read_zip(file, {name: one[:2] for name, one in contents().items()}) == contents()


@pytest.mark.parametrize("length", [0, 10, 200, -1, -30])
def test_a_damaged_one_is_not_read(tmp_path: Path, length: int) -> None:
    file = tmp_path / "x.zip"
    file.write_bytes(zip_bytes(contents())[:length])
    with pytest.raises(zipfile.BadZipFile):
        read_zip(file, {name: one[:2] for name, one in contents().items()})


def test_source_date_epoch_is_the_time_of_every_entry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
    with zipfile.ZipFile(io.BytesIO(zip_bytes(contents()))) as archive:
        assert {info.date_time for info in archive.infolist()} == {(2023, 11, 14, 22, 13, 20)}
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "0")
    with zipfile.ZipFile(io.BytesIO(zip_bytes(contents()))) as archive:
        assert {info.date_time for info in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}


@pytest.mark.parametrize("text", ["yesterday", "-1", "99999999999", "1.5"])
def test_a_source_date_epoch_that_is_none_is_refused(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", text)
    with pytest.raises(ConfigurationError, match="SOURCE_DATE_EPOCH"):
        zip_bytes(contents())


def test_two_parts_with_one_file_are_told_by_name() -> None:
    mine, theirs = entry("six.py", b"mine", "app"), entry("six.py", b"theirs", "six")
    assert merged([{"six.py": mine}, {"six.py": mine}]) == {"six.py": mine}
    with pytest.raises(ConfigurationError, match=r"both app and six have a file six\.py"):
        merged([{"six.py": mine}, {"six.py": theirs}])
