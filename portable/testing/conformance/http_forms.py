"""Forms and uploads: URL-encoded and multipart bodies, their fields and files, and all the ways to get them wrong."""

from typing import Annotated, Any

import pytest
from pydantic import BaseModel

from portable.app import App
from portable.errors import DeclarationError
from portable.http import UploadFile
from portable.parameters import Body, File, Form

from .harness import Harness
from .http_exchange import MULTIPART, URLENCODED, echoing, faults_of, json_of, multipart, problem_of

MOST_FIELDS = 1000

MALFORMED_MULTIPART: dict[str, bytes] = {
    "empty": b"",
    "no boundary at all": b"hello",
    "another boundary": b"--abc\r\n\r\n\r\n--abc--\r\n",
    "no end": b'--xyz\r\ncontent-disposition: form-data; name="a"\r\n\r\n1',
    "no last boundary": b'--xyz\r\ncontent-disposition: form-data; name="a"\r\n\r\n1\r\n--xyz',
    "no name": b"--xyz\r\ncontent-disposition: form-data\r\n\r\n1\r\n--xyz--\r\n",
    "no disposition": b"--xyz\r\n\r\n1\r\n--xyz--\r\n",
    "attachment": b'--xyz\r\ncontent-disposition: attachment; name="a"\r\n\r\n1\r\n--xyz--\r\n',
    "no colon": b"--xyz\r\ncontent-disposition form-data\r\n\r\n1\r\n--xyz--\r\n",
    "field not UTF-8": multipart("xyz", [("a", None, None, b"\xff")]),
    "name not UTF-8": b'--xyz\r\ncontent-disposition: form-data; name="\xff"\r\n\r\n1\r\n--xyz--\r\n',
    "bare line feeds": b'--xyz\ncontent-disposition: form-data; name="a"\n\n1\n--xyz--\n',
    "too many headers": b"--xyz\r\n"
    + b"".join(b"x-%d: 1\r\n" % number for number in range(20))
    + b'content-disposition: form-data; name="a"\r\n\r\n1\r\n--xyz--\r\n',
}


class Profile(BaseModel):
    name: str
    age: int = 0
    tag: list[str] = []


class HttpFormConformance:
    """A form's fields are typed as a query's, its files are bytes with a name and a type; limits are checked."""

    def form_app(self) -> App:
        app = App("conformance")

        @app.post("/fields")
        def fields(
            title: Annotated[str, Form()],
            count: int = Form(default=1),
            tag: list[str] = Form(default=[]),
            agree: bool | None = Form("i-agree"),
        ) -> list[object]:
            return [title, count, tag, agree]

        assert fields is not None
        return app

    def test_fields_of_both_kinds_of_form_are_taken_by_annotation(self, harness: Harness) -> None:
        with harness.running(self.form_app()) as running:
            body = b"title=a+b%26%C3%A9&count=3&tag=x&tag=y&i-agree=on&unknown=1"
            response = running.request("POST", "/fields", headers=URLENCODED, body=body)
            assert json_of(response) == ["a b&é", 3, ["x", "y"], True]
            parts: list[tuple[str, str | None, str | None, bytes]] = [
                ("title", None, None, "a b&é\r\n--xy".encode()),
                ("count", None, "text/plain", b"3"),
                ("tag", None, None, b"x"),
                ("tag", None, None, b""),
                ("unknown", None, None, b"1"),
            ]
            response = running.request("POST", "/fields", headers=MULTIPART, body=multipart("xyz", parts))
            assert json_of(response) == ["a b&é\r\n--xy", 3, ["x", ""], None]

    def test_faults_of_fields_are_422_with_their_places(self, harness: Harness) -> None:
        with harness.running(self.form_app()) as running:
            response = running.request("POST", "/fields", headers=URLENCODED, body=b"count=x&i-agree=maybe")
            assert faults_of(response) == [["form", "title"], ["form", "count"], ["form", "i-agree"]]
            assert faults_of(running.request("POST", "/fields")) == [["form", "title"]]
            assert faults_of(running.request("POST", "/fields", headers=URLENCODED)) == [["form", "title"]]
            response = running.request("POST", "/fields", headers=URLENCODED, body=b"title=1&title=2")
            assert faults_of(response) == [["form", "title"]]

    def test_a_model_takes_the_whole_form(self, harness: Harness) -> None:
        app = App("conformance")
        app.post("/x")(echoing(Annotated[Profile, Form()]))
        with harness.running(app) as running:
            response = running.request("POST", "/x", headers=URLENCODED, body=b"name=n&age=3&tag=a")
            assert json_of(response) == {"value": repr(Profile(name="n", age=3, tag=["a"]))}
            response = running.request("POST", "/x", headers=URLENCODED, body=b"age=x")
            assert faults_of(response) == [["form", "name"], ["form", "age"]]

    @pytest.mark.parametrize(
        "body", [b"title=%ff", b"title=\xff", b"%ff=1&title=1", b"title=%ed%a0%80", "title=é".encode("latin-1")]
    )
    def test_a_urlencoded_form_is_utf_8(self, harness: Harness, body: bytes) -> None:
        with harness.running(self.form_app()) as running:
            assert (
                "form" in problem_of(running.request("POST", "/fields", headers=URLENCODED, body=body), 400)["detail"]
            )

    @pytest.mark.parametrize("content_type", ["application/json", "text/plain", "", "multipart/mixed; boundary=xyz"])
    def test_another_type_than_a_forms_is_415(self, harness: Harness, content_type: str) -> None:
        with harness.running(self.form_app()) as running:
            response = running.request("POST", "/fields", headers=[("content-type", content_type)], body=b"title=1")
            assert "multipart/form-data" in problem_of(response, 415)["detail"]
            problem_of(running.request("POST", "/fields", body=b"title=1"), 415)

    @pytest.mark.parametrize("name", MALFORMED_MULTIPART)
    def test_a_malformed_multipart_form_is_400(self, harness: Harness, name: str) -> None:
        with harness.running(self.form_app()) as running:
            response = running.request("POST", "/fields", headers=MULTIPART, body=MALFORMED_MULTIPART[name])
            assert "form is malformed" in problem_of(response, 400)["detail"]

    @pytest.mark.parametrize(
        "boundary", ["", '""', "=", f"boundary={'x' * 71}", "boundary=", "charset=utf-8", "boundary=\xff"]
    )
    def test_a_multipart_form_without_a_boundary_is_400(self, harness: Harness, boundary: str) -> None:
        with harness.running(self.form_app()) as running:
            headers = [("content-type", f"multipart/form-data; {boundary}")]
            response = running.request("POST", "/fields", headers=headers, body=MALFORMED_MULTIPART["no end"])
            problem_of(response, 400)

    def test_files_are_bytes_with_the_name_and_the_type_that_the_client_says(self, harness: Harness) -> None:
        app = App("conformance")

        @app.post("/x")
        def handle(
            picture: UploadFile,
            raw: Annotated[bytes, File()],
            more: list[UploadFile],
            title: str = Form(),
            extra: UploadFile | None = None,
        ) -> dict[str, object]:
            return {
                "picture": [picture.filename, picture.content_type, repr(picture.data)],
                "raw": repr(raw),
                "more": [repr(tuple(file)) for file in more],
                "title": title,
                "extra": extra is None,
            }

        every_byte = bytes(range(256)) + b"\r\n--xy\r\n--xyzz\r\n"
        parts: list[tuple[str, str | None, str | None, bytes]] = [
            ("picture", "../../étc/pässwd", "image/png; x=y", every_byte),
            ("raw", "r", None, b""),
            ("more", "1", None, b"one"),
            ("title", None, None, b"t"),
            ("more", "2", "text/csv", b"\r\n"),
            ("other", "ignored", None, b"x"),
        ]
        with harness.running(app) as running:
            found = json_of(running.request("POST", "/x", headers=MULTIPART, body=multipart("xyz", parts)))
            assert found == {
                "picture": ["../../étc/pässwd", "image/png; x=y", repr(every_byte)],
                "raw": "b''",
                "more": [
                    repr(("1", "application/octet-stream", b"one")),
                    repr(("2", "text/csv", b"\r\n")),
                ],
                "title": "t",
                "extra": True,
            }
            empty = running.request("POST", "/x", headers=MULTIPART, body=b"--xyz--\r\n")
            assert faults_of(empty) == [["form", "picture"], ["form", "raw"], ["form", "title"]]
            urlencoded = running.request("POST", "/x", headers=URLENCODED, body=b"picture=x&title=t")
            assert faults_of(urlencoded) == [["form", "picture"], ["form", "raw"]]
            twice = multipart("xyz", [*parts, parts[0]])
            assert faults_of(running.request("POST", "/x", headers=MULTIPART, body=twice)) == [["form", "picture"]]
        assert handle is not None

    def test_a_file_field_in_which_nothing_was_chosen_is_absent(self, harness: Harness) -> None:
        app = App("conformance")

        def optional(picture: UploadFile | None = None) -> dict[str, object]:
            return {"picture": picture and picture.filename}

        def required(picture: UploadFile) -> None:
            raise AssertionError(picture)

        def many(picture: list[UploadFile]) -> dict[str, object]:
            return {"picture": len(picture)}

        app.post("/optional")(optional)
        app.post("/required")(required)
        app.post("/many")(many)
        body = multipart("xyz", [("picture", "", "application/octet-stream", b"")])
        with harness.running(app) as running:
            assert json_of(running.request("POST", "/optional", headers=MULTIPART, body=body)) == {"picture": None}
            assert json_of(running.request("POST", "/many", headers=MULTIPART, body=body)) == {"picture": 0}
            assert faults_of(running.request("POST", "/required", headers=MULTIPART, body=body)) == [
                ["form", "picture"]
            ]

    def test_a_form_has_at_most_1000_fields_and_files(self, harness: Harness) -> None:
        with harness.running(self.form_app()) as running:
            for count, status in ((MOST_FIELDS, 200), (MOST_FIELDS + 1, 413)):
                body = b"title=t&" + b"&".join([b"tag=x"] * (count - 1))
                response = running.request("POST", "/fields", headers=URLENCODED, body=body)
                assert response.status == status
                parts: list[tuple[str, str | None, str | None, bytes]] = [("title", None, None, b"t")]
                parts += [("tag", None, None, b"x")] * (count - 1)
                response = running.request("POST", "/fields", headers=MULTIPART, body=multipart("xyz", parts))
                assert response.status == status
            assert "1,000" in problem_of(response, 413)["detail"]

    def test_two_kinds_of_body_in_one_signature_are_refused(self, harness: Harness) -> None:
        def form_and_json(title: Annotated[str, Form()], profile: Profile) -> None: ...
        def two_models(one: Profile, two: Profile) -> None: ...
        def raw_and_json(raw: Annotated[bytes, Body()], profile: Profile) -> None: ...
        def named_model(profile: Annotated[Profile, Form("x")]) -> None: ...
        def text_file(picture: Annotated[str, File()]) -> None: ...

        functions: list[Any] = [form_and_json, two_models, raw_and_json, named_model, text_file]
        for function in functions:
            app = App("conformance")
            app.post("/x")(function)
            with pytest.raises(DeclarationError) as caught, harness.running(app):
                pass
            assert caught.value.hint, function
            assert caught.value.location is not None
            assert caught.value.location.line == function.__code__.co_firstlineno
