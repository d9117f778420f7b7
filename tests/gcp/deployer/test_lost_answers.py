"""An answer that is lost once, so that Google's client asks again and hears that it is done. Over our fake."""

from typing import Any

import pytest

from portable.errors import ProjectConflict
from tests.gcp.deployer.fake_google import Google
from tests.gcp.deployer.shop import Shop, app_of
from tests.gcp_stack.front import error
from tests.gcp_stack.server import Reply, Request

BUCKET = "shop-dev-files-3d098866"


class Lost:
    """Carries the first matching request of Storage out, and answers that nobody can say what became of it."""

    def __init__(self, verb: str, part: bytes) -> None:
        self.verb = verb
        self.part = part
        self.count = 0

    def __call__(self, when: str, service: str, request: Request) -> Reply | None:
        about = request.path.encode() + (request.body or b"")[:400]
        if when == "after" and service == "storage" and request.verb == self.verb and self.part in about:
            self.count += 1
            if self.count == 1:
                return error("UNAVAILABLE", "lost")
        return None


def test_a_bucket_is_gone_though_the_answer_about_an_object_in_it_was_lost(shop: Shop, google: Google) -> None:
    app = app_of(buckets=("files",))
    shop.deploy(app)
    for name in ("a", "b"):
        shop.clients.storage.bucket(BUCKET).blob(name).upload_from_string(b"x")
    google.hook = Lost("DELETE", b"/o/a")
    assert shop.destroy("bucket:files", app=app).deleted == (BUCKET,)
    assert google.hook.count == 2
    assert [name for name in google.project.resources if BUCKET in name] == []


def test_a_record_whose_answer_was_lost_is_written(shop: Shop, google: Google) -> None:
    google.hook = Lost("POST", b"stages/")
    assert shop.deploy().is_changed
    assert google.hook.count > 1
    google.hook = lambda *_: None
    assert not shop.deploy().is_changed


def test_a_record_that_somebody_else_has_written_is_a_conflict(shop: Shop, google: Google) -> None:
    shop.deploy()
    [key] = [name for name in google.project.resources if "/objects/stages/" in name]

    def meddling(when: str, service: str, request: Any) -> Reply | None:
        if when == "before" and service == "storage" and request.verb == "POST" and b"stages/" in request.body[:400]:
            one = google.project.resources[key]
            one["generation"] = str(int(one["generation"]) + 1)
        return None

    google.hook = meddling
    with pytest.raises(ProjectConflict, match="somebody else has written"):
        shop.deploy(code="2")
