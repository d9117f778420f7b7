"""The router by values: a tree against a plain search, and time that grows with the path and nothing else."""

import random
import sys
from collections.abc import Callable
from urllib.parse import quote

import pytest

from portable.errors import DeclarationError, InvalidArgument, Location
from portable.routing import Match, Router, segments

PLACE = Location("app.py", 1)
OTHER = Location("app.py", 2)


def router_of(*templates: str, method: str = "GET") -> Router[str]:
    router: Router[str] = Router()
    for template in templates:
        router.add(method, template, template, PLACE)
    return router


def plain_search(templates: list[str], path: list[str]) -> str | None:
    """What the tree should find: of all that fit, the one whose first difference to the others is a literal."""
    fitting = [
        template
        for template in templates
        if len(parts := template.split("/")[1:] if template != "/" else []) == len(path)
        and all(part.startswith("{") or part == found for part, found in zip(parts, path, strict=True))
    ]
    return min(fitting, key=lambda template: [part.startswith("{") for part in template.split("/")], default=None)


def test_the_tree_finds_what_a_plain_search_over_all_templates_finds() -> None:
    seed = random.SystemRandom().getrandbits(32)
    print(f"seed {seed}")
    source = random.Random(seed)
    found = 0
    for _ in range(60):
        templates: list[str] = []
        router: Router[str] = Router()
        for _ in range(source.randrange(1, 25)):
            parts = [source.choice(("a", "b", "c", f"{{p{level}}}")) for level in range(source.randrange(5))]
            template = "/" + "/".join(parts)
            if template not in templates:
                templates.append(template)
                router.add("GET", template, template, PLACE)
        for _ in range(60):
            path = [source.choice(("a", "b", "c", "d", "é /")) for _ in range(source.randrange(5))]
            path = [part for part in path if "/" not in part or part == "é /"]
            path = ["é" if part == "é /" else part for part in path]
            expected = plain_search(templates, path)
            sent = "/" + "/".join(quote(part) for part in path) + ("/" if path and source.random() < 0.2 else "")
            match = router.match("GET", sent)
            assert match.entry == expected, (seed, templates, path)
            quick = router.find("GET", sent)
            assert quick is None or quick == (expected, match.params), (seed, templates, path)
            if expected is not None:
                parts = expected.split("/")[1:] if expected != "/" else []
                assert match.params == {
                    part[1:-1]: value for part, value in zip(parts, path, strict=True) if part.startswith("{")
                }
                found += 1
    assert found > 500


def calls_of(function: Callable[[], object]) -> int:
    """How many calls of Python functions a call makes: a measure of time that no machine changes."""
    count = 0

    def note(_frame: object, event: str, _argument: object) -> None:
        nonlocal count
        count += event == "call"

    sys.setprofile(note)
    try:
        function()
    finally:
        sys.setprofile(None)
    return count


def test_a_path_that_nearly_fits_everything_costs_no_more_than_the_routes_there_are() -> None:
    # With a literal and a parameter at each level, a search by patterns would go back 2**level times.
    templates = [
        "/" + "/".join("a" if number >> level & 1 else f"{{p{level}}}" for level in range(10)) for number in range(1024)
    ]
    router = router_of(*templates)
    nodes = 2 * 1024
    assert calls_of(lambda: router.match("GET", "/a" * 10 + "/x")) < nodes + 50
    assert calls_of(lambda: router.match("POST", "/a" * 10)) < nodes + 50
    few = router_of("/{a}/{b}/{c}", "/x/{b}/{c}")
    assert calls_of(lambda: few.match("GET", "/a" * 4000)) < 100


def test_hostile_paths_are_read_once() -> None:
    for path in ("/" + "%41" * 100_000, "/" + "a/" * 100_000, "/" + "." * 300_000, "/" + "%2" * 100_000):
        calls = calls_of(lambda path=path: _tried(path))  # type: ignore[misc]
        assert calls < 200_100 * 2


def _tried(path: str) -> list[str] | None:
    try:
        return segments(path)
    except InvalidArgument:
        return None


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/", []),
        ("/a", ["a"]),
        ("/a/", ["a"]),
        ("/a/b/", ["a", "b"]),
        ("/%61%2e%2E%2e", ["a..."]),
        ("/%25%32%46", ["%2F"]),
        ("/a;b,c=d", ["a;b,c=d"]),
        ("/.a/..b", [".a", "..b"]),
        ("/%00", ["\x00"]),
        ("/%F0%9F%98%80", ["😀"]),
    ],
)
def test_segments_are_decoded_once(path: str, expected: list[str]) -> None:
    assert segments(path) == expected


def test_a_refusal_shows_the_path_and_why_and_no_more_than_200_characters_of_it() -> None:
    with pytest.raises(InvalidArgument, match=r"'/a%2Fb'.*escaped slash") as caught:
        segments("/a%2Fb")
    assert caught.value.status == 400
    with pytest.raises(InvalidArgument) as caught:
        segments("/" + "%zz" * 1000)
    assert len(caught.value.message) < 300


def test_the_methods_of_all_fitting_templates_are_allowed() -> None:
    router: Router[str] = Router()
    router.add("GET", "/a/{x}", "one", PLACE)
    router.add("PUT", "/{y}/b", "two", PLACE)
    assert router.match("GET", "/a/b") == Match("one", {"x": "b"}, ())
    assert router.match("PUT", "/a/b") == Match("two", {"y": "a"}, ())
    assert router.match("HEAD", "/a/b") == Match("one", {"x": "b"}, ())
    assert router.match("POST", "/a/b") == Match(None, {}, ("GET", "HEAD", "OPTIONS", "PUT"))
    assert router.match("POST", "/c/d") == Match(None, {}, ())


def test_the_quick_way_leaves_to_the_slow_one_whatever_it_is_not_sure_of() -> None:
    router = router_of("/a/{x}", "/b", "/")
    assert router.find("GET", "/a/1") == ("/a/{x}", {"x": "1"})
    for path in ("a/1", "", "/a/%31", "/a//1", "/a/.x", "/a/é", "/a/ ", "/a/1/", "/a", "/c", "/a/\x7f", "x/b"):
        assert router.find("GET", path) is None, path
    assert router.find("POST", "/b") is None


@pytest.mark.parametrize(("first", "second"), [("/x", "/x"), ("/{a}", "/{b}"), ("/a/{x}/c", "/a/{y}/c"), ("/", "/")])
def test_two_templates_that_mean_the_same_are_refused_with_both_places(first: str, second: str) -> None:
    router = router_of(first)
    with pytest.raises(DeclarationError, match=r"app\.py:1") as caught:
        router.add("GET", second, "other", OTHER)
    assert caught.value.location == OTHER
    assert caught.value.hint
    router.add("POST", second, "other", OTHER)
    assert router.match("POST", first.replace("{a}", "1").replace("{x}", "1")).entry == "other"


def test_a_parameter_that_is_there_twice_with_its_prefix_is_refused() -> None:
    with pytest.raises(DeclarationError, match="twice"):
        router_of("/{id}/x/{id}")
