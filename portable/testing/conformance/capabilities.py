"""Capabilities: what a provider may lack is there, or refused as Unsupported; which of the two is declared.

An adapter says what it lacks (`Adapter.lacks`); the tests of such a thing are skipped then, and these are not.
"""

from collections.abc import Callable
from typing import Any

import pytest

from portable.adapter import CAPABILITIES
from portable.app import App
from portable.errors import Unsupported

from .harness import Harness


def sign(app: App) -> Callable[[], Any]:
    files = app.bucket("files")
    return lambda: [files.signed_url("a").url, files.signed_url("a", "PUT").url]


USES: dict[str, Callable[[App], Callable[[], Any]]] = {"signed_urls": sign}
"""For each capability: declares what it needs, and gives a use of it."""


class CapabilityConformance:
    """What an adapter declares to lack raises Unsupported, and nothing else does."""

    def test_an_adapter_lacks_only_what_one_may_lack(self, harness: Harness) -> None:
        assert set(USES) == set(CAPABILITIES)
        assert type(harness.adapter.lacks) is frozenset
        assert harness.adapter.lacks <= set(CAPABILITIES)

    @pytest.mark.parametrize("capability", sorted(CAPABILITIES))
    def test_a_capability_works_or_is_refused_as_it_is_declared(self, harness: Harness, capability: str) -> None:
        app = App("conformance")
        use = USES[capability](app)
        with harness.running(app):
            if capability not in harness.adapter.lacks:
                assert use()
                return
            with pytest.raises(Unsupported) as caught:
                use()
            assert harness.adapter.name in caught.value.message
            assert caught.value.resource is not None

    @pytest.mark.parametrize("capability", sorted(CAPABILITIES))
    def test_over_http_what_is_lacked_is_501(self, harness: Harness, capability: str) -> None:
        app = App("conformance")
        use = USES[capability](app)

        @app.get("/use")
        def handler() -> int:
            return len(use())

        with harness.running(app) as running:
            expected = 501 if capability in harness.adapter.lacks else 200
            assert running.request("GET", "/use").status == expected
