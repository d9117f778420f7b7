"""Pub/Sub's filters, with the examples of Google's page."""

import pytest

from .pubsub_filters import NoFilter, parsed

MATCHES = [
    ("attributes:domain", {"domain": ""}, {}),
    ('attributes.domain = "com"', {"domain": "com"}, {"domain": "org"}),
    ('attributes.domain != "com"', {}, {"domain": "com"}),
    ('hasPrefix(attributes.domain, "co")', {"domain": "com"}, {"domain": "oc"}),
    ('hasPrefix(attributes.domain, "")', {"domain": ""}, {}),
    ('NOT attributes:domain', {}, {"domain": "x"}),
    ('-attributes:domain', {}, {"domain": "x"}),
    ('attributes:iana.org/language_tag', None, None),
    ('attributes:"iana.org/language_tag"', {"iana.org/language_tag": ""}, {}),
    ('attributes."x y" = "a \\"b\\" \\\\"', {"x y": 'a "b" \\'}, {"x y": "a"}),
    ('attributes.a="1" AND attributes.b="2"', {"a": "1", "b": "2"}, {"a": "1"}),
    ('attributes.a="1" OR attributes.b="2"', {"b": "2"}, {"a": "2"}),
    ('attributes:a AND (attributes:b OR NOT attributes:c)', {"a": ""}, {"a": "", "c": ""}),
    ('NOT (attributes:a OR attributes:b)', {}, {"b": ""}),
]  # fmt: skip


@pytest.mark.parametrize(("text", "yes", "no"), MATCHES, ids=[text for text, _, _ in MATCHES])
def test_a_filter_lets_through_what_it_says(text: str, yes: dict[str, str] | None, no: dict[str, str] | None) -> None:
    if yes is None or no is None:
        with pytest.raises(NoFilter):
            parsed(text)
        return
    matches = parsed(text)
    assert matches(yes)
    assert not matches(no)


@pytest.mark.parametrize(
    "wrong",
    ["", "attributes", "attributes.a", 'attributes.a = 1', 'attributes:a AND attributes:b OR attributes:c',
     'data = "x"', 'attributes.a = "x', '(attributes:a', 'attributes:a)', 'attributes:a attributes:b',
     'attributes.a < "1"',
     'attributes.a = "' + "x" * 256 + '"'],
)  # fmt: skip
def test_what_is_no_filter_is_refused(wrong: str) -> None:
    with pytest.raises(NoFilter):
        parsed(wrong)
