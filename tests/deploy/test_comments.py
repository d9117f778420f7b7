"""Sources without comments: the same program on the same lines."""

import ast
from pathlib import Path

import pytest

from portable.deploy.comments import without_comments

from .making import REPOSITORY

SECRET = "sk-live-51J"
AWKWARD = {
    "a text with a number sign": "A = '# not a comment'  # sk-live-51J\n",
    "a text of several lines": 'A = """\n# still text\n"""  # sk-live-51J\nB = 1\n',
    "a formatted text": "A = f\"{1:#x} # {'#'}\"  # sk-live-51J\n",
    "a continued line": "A = 1 + \\\n    2  # sk-live-51J\n# sk-live-51J\n",
    "in brackets": "A = [\n    1,  # sk-live-51J\n    # sk-live-51J\n    2,\n]\n",
    "ends of Windows": "A = 1  # sk-live-51J\r\n# sk-live-51J\r\nB = 2\r\n",
    "a form feed": "A = 1\n\f\n# sk-live-51J\nB = 2\n",
    "other ends of lines in a text": "A = 'x\u2028y\x0b'  # sk-live-51J\nB = 1  # sk-live-51J\n",
    "no end of the last line": "A = 1  # sk-live-51J",
    "a comment between decorators": "@property\n# sk-live-51J\ndef a(): pass\n",
    "an empty block's comment": "if 1:\n    # sk-live-51J\n    pass\nelse:  # sk-live-51J\n    pass\n",
    "letters of many bytes": "Ä = '日本'  # sk-live-51J 日本\nB = 1\n",
}


@pytest.mark.parametrize("source", AWKWARD.values(), ids=AWKWARD)
def test_the_program_stays_and_the_comment_goes(source: str) -> None:
    made = without_comments(source.encode())
    assert SECRET.encode() not in made
    assert tree(made) == tree(source.encode())


def test_what_the_first_lines_tell_tools_stays() -> None:
    source = "#!/usr/bin/env python\n# -*- coding: latin-1 -*-\n# sk-live-51J\nA = 'ä'  # sk-live-51J ä\n".encode(
        "latin-1"
    )
    made = without_comments(source)
    assert made == "#!/usr/bin/env python\n# -*- coding: latin-1 -*-\n\nA = 'ä'\n".encode("latin-1")


def test_of_what_is_no_python_whole_lines_go() -> None:
    source = b"def {{ name }}(:\n    # sk-live-51J\n    '''\n"
    assert SECRET.encode() not in without_comments(source)
    assert without_comments(source).count(b"\n") == 3


def test_every_source_of_this_repository_stays_the_same_program() -> None:
    files = [path for folder in ("portable", "adapters", "examples") for path in (REPOSITORY / folder).rglob("*.py")]
    files = [path for path in files if not {".venv", ".portable"} & set(path.parts)]
    assert len(files) > 100
    for path in files[::3]:
        source = path.read_bytes()
        assert tree(without_comments(source)) == tree(source), path


def test_a_source_without_comments_is_as_it_was(tmp_path: Path) -> None:
    source = b"A = 1\n\n\nB = 2   \n"
    assert without_comments(source) is source


def tree(source: bytes) -> str:
    return ast.dump(ast.parse(source), include_attributes=True)
