"""Forms by values: what python-multipart and the standard library are asked, and what is made of their refusals."""

import random

import pytest

from portable import HTTPError, InvalidArgument, Request, UploadFile
from portable.extractors import FormData
from portable.forms import parse_form, parse_multipart, parse_urlencoded
from portable.testing.conformance.http_exchange import multipart

TYPE = "multipart/form-data; boundary=xyz"


def test_urlencoded_fields_keep_their_order_and_repeats() -> None:
    assert list(parse_urlencoded(b"b=2&a=1&b=&c&=d&a=%2B+%26").fields.items()) == [
        ("b", ["2", ""]),
        ("a", ["1", "+ &"]),
        ("c", [""]),
        ("", ["d"]),
    ]
    assert parse_urlencoded(b"").fields == {}


def test_multipart_fields_and_files_come_back_as_they_went_whatever_their_bytes() -> None:
    seed = random.SystemRandom().getrandbits(32)
    print(f"seed {seed}")
    source = random.Random(seed)
    checked = 0
    for _ in range(100):
        files = [
            source.choice((b"\r\n--xy", b"--xyz", b"\r\n", b"--", b"")) + source.randbytes(source.randrange(300))
            for _ in range(source.randrange(1, 6))
        ]
        # The boundary itself is what no part may hold, which the sender has to see to.
        files = [data.replace(b"\r\n--xyz", b"") for data in files]
        body = multipart("xyz", [("f", f"n{number}", "a/b", data) for number, data in enumerate(files)])
        found = parse_multipart(body, TYPE).files["f"]
        assert found == [UploadFile(f"n{number}", "a/b", data) for number, data in enumerate(files)], seed
        checked += len(files)
    assert checked > 100


def test_every_cut_of_a_multipart_body_is_refused_and_none_is_taken_for_the_whole() -> None:
    body = multipart("xyz", [("a", None, None, b"1"), ("f", "n", "a/b", b"data")])
    whole = parse_multipart(body, TYPE)
    refused = 0
    for length in range(len(body) - 2):
        found = parsed_or_none(body[:length])
        assert found in (whole, None), length
        refused += found is None
    assert refused >= len(body) - 4


def parsed_or_none(body: bytes) -> FormData | None:
    try:
        return parse_multipart(body, TYPE)
    except InvalidArgument as error:
        return None if error.status == 400 else FormData({"status": [str(error.status)]}, {})


@pytest.mark.parametrize("content_type", ['multipart/form-data; boundary="xyz"', "Multipart/Form-Data;boundary=xyz"])
def test_the_boundary_may_be_quoted_and_the_type_in_any_case(content_type: str) -> None:
    body = multipart("xyz", [("a", None, None, b"1")])
    request = Request("POST", "/", headers=[("content-type", content_type)], body=body)
    assert parse_form(request).fields == {"a": ["1"]}


def test_text_before_the_first_and_after_the_last_boundary_counts_for_nothing() -> None:
    body = multipart("xyz", [("a", None, None, b"1")])
    assert parse_multipart(body + b"after\r\n", TYPE).fields == {"a": ["1"]}


def test_another_type_is_415_and_says_which_two_are_taken() -> None:
    with pytest.raises(HTTPError, match=r"urlencoded or multipart/form-data") as caught:
        parse_form(Request("POST", "/", headers=[("content-type", "text/plain")], body=b"a=1"))
    assert caught.value.status == 415
