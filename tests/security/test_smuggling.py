"""H2: a request that two readers could read in two ways is refused, and nothing behind it on the connection is read."""

from typing import NamedTuple

import pytest

from .conftest import Site
from .wire import answers_in, soon, talk

CANARY = b"GET /canary HTTP/1.1\r\nHost: a\r\n\r\n"


class Probing(NamedTuple):
    """A request that hides a second one: the canary stands where one of two readings finds the next request."""

    name: str
    data: bytes
    statuses: tuple[int, ...] = (400,)


def posted(*lines: bytes, body: bytes = b"") -> bytes:
    return b"\r\n".join((b"POST /echo HTTP/1.1", b"Host: a", *lines, b"", b"")) + body


def hosts(*lines: bytes, start: bytes = b"GET / HTTP/1.1") -> bytes:
    return b"\r\n".join((start, *lines, b"", b"")) + CANARY


LAST = b"0\r\n\r\n"
TE = b"Transfer-Encoding: chunked"
LENGTH = b"Content-Length: %d" % len(LAST + CANARY)
SHORT = b"Content-Length: 4"
BOTH = LAST + CANARY

PROBES = [
    Probing("CL.TE", posted(LENGTH, TE, body=BOTH)),
    Probing("TE.CL", posted(TE, SHORT, body=BOTH)),
    Probing("CL of nothing and TE", posted(b"Content-Length: 0", TE, body=BOTH)),
    Probing("TE in capitals with CL", posted(LENGTH, b"TRANSFER-ENCODING: CHUNKED", body=BOTH)),
    Probing("TE with a space before the colon", posted(LENGTH, b"Transfer-Encoding : chunked", body=BOTH)),
    Probing("TE with a tab before the value", posted(LENGTH, b"Transfer-Encoding:\tchunked", body=BOTH)),
    Probing("TE with a vertical tab", posted(LENGTH, b"Transfer-Encoding: \x0bchunked", body=BOTH)),
    Probing("TE on a folded line", posted(LENGTH, b"Transfer-Encoding:\r\n chunked", body=BOTH)),
    Probing("TE behind a bare LF", posted(LENGTH, b"X: a\nTransfer-Encoding: chunked", body=BOTH)),
    Probing("TE behind a bare CR", posted(LENGTH, b"X: a\rTransfer-Encoding: chunked", body=BOTH)),
    Probing("TE with a NUL", posted(LENGTH, b"Transfer-Encoding: chunked\0", body=BOTH)),
    Probing("TE in quotes", posted(b'Transfer-Encoding: "chunked"', body=BOTH), (501,)),
    Probing("TE with a letter too many", posted(b"Transfer-Encoding: xchunked", body=BOTH), (501,)),
    Probing("TE with a parameter", posted(b"Transfer-Encoding: chunked;a=b", body=BOTH), (501,)),
    Probing("TE identity", posted(b"Transfer-Encoding: identity", body=BOTH), (501,)),
    Probing("TE identity with CL", posted(b"Transfer-Encoding: identity", LENGTH, body=BOTH)),
    Probing("TE gzip, chunked", posted(b"Transfer-Encoding: gzip, chunked", body=BOTH), (501,)),
    Probing("TE chunked, gzip", posted(b"Transfer-Encoding: chunked, gzip", body=BOTH)),
    Probing("TE chunked, chunked", posted(b"Transfer-Encoding: chunked, chunked", body=BOTH)),
    Probing("TE chunked, identity", posted(b"Transfer-Encoding: chunked, identity", body=BOTH)),
    Probing("TE with commas", posted(b"Transfer-Encoding: ,chunked,", body=BOTH)),
    Probing("TE twice", posted(TE, TE, body=BOTH)),
    Probing("TE and another TE", posted(TE, b"Transfer-Encoding: x", body=BOTH)),
    Probing("TE of nothing", posted(b"Transfer-Encoding:", body=BOTH)),
    Probing("TE with an underscore", posted(b"Transfer_Encoding: chunked", LENGTH, body=BOTH), (200,)),
    Probing("TE in HTTP/1.0", posted(TE, body=BOTH).replace(b"HTTP/1.1", b"HTTP/1.0", 1)),
    Probing("CL twice", posted(SHORT, b"Content-Length: 5", body=BOTH)),
    Probing("CL twice, the same", posted(LENGTH, LENGTH, body=BOTH)),
    Probing("CL as a list", posted(b"Content-Length: 4, 5", body=BOTH)),
    Probing("CL with a plus", posted(b"Content-Length: +5", body=BOTH)),
    Probing("CL with a space before the colon", posted(b"Content-Length : 5", body=BOTH)),
    Probing("CL over 64 bits", posted(b"Content-Length: 18446744073709551620", body=BOTH)),
    Probing("a size over 64 bits", posted(TE, body=b"10000000000000000\r\n\r\n" + CANARY)),
    Probing("a LF in a chunk extension", posted(TE, body=b"2;\nxx\r\n33\r\n0\r\n\r\n" + CANARY)),
    Probing("a chunk size that ends with LF", posted(TE, body=b"0\n\r\n" + CANARY)),
    Probing("a chunk that ends with LF", posted(TE, body=b"1\r\na\n0\r\n\r\n" + CANARY)),
    Probing("two bytes in place of a chunk's end", posted(TE, body=b"1\r\naXX0\r\n\r\n" + CANARY)),
    Probing("two hosts", hosts(b"Host: a", b"Host: b")),
    Probing("two hosts, the same", hosts(b"Host: a", b"Host: a")),
    Probing("no host", hosts(b"X: a")),
    Probing("no host in HTTP/1.0", hosts(b"X: a", start=b"GET / HTTP/1.0")),
    Probing("a host of nothing", hosts(b"Host:")),
    Probing("hosts as a list", hosts(b"Host: a, b")),
    Probing("a host with a path", hosts(b"Host: a/b")),
    Probing("a host with a user", hosts(b"Host: me@a")),
    Probing("a host with a space", hosts(b"Host: a b")),
    Probing("a host with a tab", hosts(b"Host: a\tb")),
    Probing("a host with letters for a port", hosts(b"Host: a:b")),
    Probing("a host with a long port", hosts(b"Host: a:123456")),
    Probing("a host with two ports", hosts(b"Host: a:1:2")),
    Probing("a host in open brackets", hosts(b"Host: [::1")),
    Probing("a host with a hash", hosts(b"Host: a#b")),
    Probing("a host with a question mark", hosts(b"Host: a?b")),
    Probing("a host with a backslash", hosts(b"Host: a\\b")),
    Probing("a host with an escape", hosts(b"Host: a%00b")),
    Probing("a host with UTF-8", hosts("Host: ä".encode())),
    Probing("a host that the target denies", hosts(b"Host: a", start=b"GET http://b/ HTTP/1.1")),
    Probing("a space before the first header", hosts(b" X: a", b"Host: a")),
    Probing("a second request behind an Upgrade", hosts(b"Host: a", b"Connection: upgrade", b"Upgrade: h2c"), (200,)),
    Probing("a second request behind CONNECT", hosts(b"Host: a", start=b"CONNECT a:80 HTTP/1.1")),
    Probing("a second request behind a close", hosts(b"Host: a", b"Connection: close"), (200,)),
    Probing("a second request behind HTTP/1.0", hosts(b"Host: a", start=b"GET / HTTP/1.0"), (200,)),
    Probing("a body behind an Upgrade", posted(b"Connection: upgrade", b"Upgrade: x", LENGTH, body=BOTH), (501,)),
    Probing("a body within GET", posted(LENGTH, body=BOTH).replace(b"POST", b"GET", 1), (405,)),
    Probing("a chunked body within GET", posted(TE, body=b"%x\r\n%s\r\n0\r\n\r\n" % (len(CANARY), CANARY)), (200,)),
]

SOUND = ("TE with an underscore", "a body within GET", "a chunked body within GET")
"""There is one reading only."""


@pytest.mark.parametrize("probe", PROBES, ids=lambda probe: probe.name.replace(" ", "_"))
def test_a_hidden_request_is_never_answered(site: Site, probe: Probing) -> None:
    before = len(site.probe.canaries)
    data = talk(site.port, probe.data)
    assert data.count(b"HTTP/1.1") == len(probe.statuses), data
    answers = answers_in(data)
    assert tuple(answer.status for answer in answers) == probe.statuses
    if probe.name not in SOUND:
        assert answers[-1].closes, "what follows could be read in another way"
    site.must_be_well()
    state = site.served.child.site.state
    soon("the end of all that was begun", lambda: not state.tasks and not state.connections)
    assert len(site.probe.canaries) == before


def test_the_canary_sings_when_it_is_asked(site: Site) -> None:
    before = len(site.probe.canaries)
    answers = answers_in(talk(site.port, posted(TE, body=LAST) + CANARY))
    assert [answer.status for answer in answers] == [200, 200]
    assert len(site.probe.canaries) == before + 1


def test_there_are_enough_probes() -> None:
    assert len(PROBES) >= 33
    assert len({probe.name for probe in PROBES}) == len(PROBES)
