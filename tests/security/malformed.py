"""Requests that no sound client sends, by name, each with the statuses that it may get (RFC 9110, RFC 9112)."""

from typing import NamedTuple


class Case(NamedTuple):
    """`statuses`: what the connection answers, in order."""

    name: str
    data: bytes
    statuses: tuple[int, ...]


def line(start: bytes) -> bytes:
    """A request of one line and a Host."""
    return start + b"\r\nHost: a\r\n\r\n"


def field(text: bytes) -> bytes:
    """A request with one more header line, as it is."""
    return b"GET / HTTP/1.1\r\nHost: a\r\n" + text + b"\r\n\r\n"


def chunks(text: bytes, *headers: bytes) -> bytes:
    """A chunked body, as it is."""
    lines = (b"POST /echo HTTP/1.1", b"Host: a", b"Transfer-Encoding: chunked", *headers, b"", b"")
    return b"\r\n".join(lines) + text


def length(value: bytes, body: bytes = b"abc") -> bytes:
    """A body with a Content-Length, as it is."""
    return b"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length:" + value + b"\r\n\r\n" + body


BAD, LATE, LONG_URL, LARGE, NO_SUCH_CODING, NO_SUCH_VERSION = (400,), (408,), (414,), (431,), (501,), (505,)
FINE = (200,)

LINES = [
    Case("nothing but a space", b" \r\n\r\n", BAD),
    Case("nothing but NULs", b"\0" * 64, BAD),
    Case("all bytes", bytes(range(256)), BAD),
    Case("a TLS hello", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x5a" * 64, BAD),
    Case("an SSH banner", b"SSH-2.0-OpenSSH_9.6\r\n", BAD),
    Case("a Redis command", b"*1\r\n$4\r\nPING\r\n", BAD),
    Case("the preface of HTTP/2", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", BAD),
    Case("an HTTP answer", b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", BAD),
    Case("a request of HTTP/0.9", b"GET /\r\n", LATE),
    Case("no version but headers", b"GET /\r\nHost: a\r\n\r\n", NO_SUCH_VERSION),
    Case("version 0.9", line(b"GET / HTTP/0.9"), NO_SUCH_VERSION),
    Case("version 2.0", line(b"GET / HTTP/2.0"), NO_SUCH_VERSION),
    Case("version 1.2", line(b"GET / HTTP/1.2"), BAD),
    Case("version 3", line(b"GET / HTTP/3"), BAD),
    Case("version 1.10", line(b"GET / HTTP/1.10"), BAD),
    Case("version 01.1", line(b"GET / HTTP/01.1"), BAD),
    Case("version of letters", line(b"GET / HTTP/x.y"), BAD),
    Case("version without a dot", line(b"GET / HTTP/11"), BAD),
    Case("version 1.", line(b"GET / HTTP/1."), BAD),
    Case("version -1.1", line(b"GET / HTTP/-1.1"), BAD),
    Case("version in small letters", line(b"GET / http/1.1"), BAD),
    Case("another protocol's name", line(b"GET / SPDY/1.1"), BAD),
    Case("a word after the version", line(b"GET / HTTP/1.1 now"), BAD),
    Case("two spaces before the target", line(b"GET  / HTTP/1.1"), FINE),
    Case("a tab before the target", line(b"GET\t/ HTTP/1.1"), BAD),
    Case("a tab before the version", line(b"GET /\tHTTP/1.1"), BAD),
    Case("a space before the method", line(b" GET / HTTP/1.1"), BAD),
    Case("no target", line(b"GET HTTP/1.1"), BAD),
    Case("a method in small letters", line(b"get / HTTP/1.1"), BAD),
    Case("a method that nobody knows", line(b"FETCH / HTTP/1.1"), BAD),
    Case("a method with a NUL", line(b"GE\0T / HTTP/1.1"), BAD),
    Case("a method with an umlaut", line("GÄT / HTTP/1.1".encode()), BAD),
    Case("a very long method", line(b"G" * 100_000 + b" / HTTP/1.1"), BAD),
    Case("a method cut by a line break", line(b"GE\r\nT / HTTP/1.1"), BAD),
    Case("TRACE", line(b"TRACE / HTTP/1.1"), (405,)),
    Case("CONNECT to a path", line(b"CONNECT / HTTP/1.1"), (405,)),
    Case("lines that end with LF", b"GET / HTTP/1.1\nHost: a\n\n", BAD),
    Case("lines that end with CR", b"GET / HTTP/1.1\rHost: a\r\r", BAD),
    Case("a request line that never ends", b"GET / HTTP/1.1", LATE),
    Case("half a method", b"GE", LATE),
    Case("a head that never ends", b"GET / HTTP/1.1\r\nHost: a\r\n", LATE),
    Case("empty lines and nothing", b"\r\n" * 1000, ()),
    Case("one CR and nothing", b"\r", ()),
]

TARGETS = [
    Case("an asterisk for GET", line(b"GET * HTTP/1.1"), BAD),
    Case("an asterisk for OPTIONS", line(b"OPTIONS * HTTP/1.1"), (204,)),
    Case("an asterisk and more", line(b"OPTIONS *x HTTP/1.1"), BAD),
    Case("the absolute form of this host", line(b"GET http://a/ HTTP/1.1"), FINE),
    Case("the absolute form without a path", line(b"GET http://a HTTP/1.1"), FINE),
    Case("the absolute form of another host", line(b"GET http://b/ HTTP/1.1"), BAD),
    Case("the absolute form of another port", line(b"GET http://a:81/ HTTP/1.1"), BAD),
    Case("the absolute form with a user", line(b"GET http://me@a/ HTTP/1.1"), BAD),
    Case("the absolute form without a host", line(b"GET http:/// HTTP/1.1"), BAD),
    Case("the absolute form of a file", line(b"GET file:///etc/passwd HTTP/1.1"), BAD),
    Case("a scheme that nobody knows", line(b"GET gopher://a/ HTTP/1.1"), BAD),
    Case("the authority form for GET", line(b"GET a:80 HTTP/1.1"), BAD),
    Case("the authority form for CONNECT", line(b"CONNECT a:80 HTTP/1.1"), BAD),
    Case("a relative path", line(b"GET index.html HTTP/1.1"), BAD),
    Case("a query alone", line(b"GET ?a=b HTTP/1.1"), BAD),
    Case("a fragment", line(b"GET /#top HTTP/1.1"), BAD),
    Case("a fragment in the query", line(b"GET /?a=b#top HTTP/1.1"), BAD),
    Case("a NUL in the target", line(b"GET /a\0b HTTP/1.1"), BAD),
    Case("a bell in the target", line(b"GET /a\x07b HTTP/1.1"), BAD),
    Case("a DEL in the target", line(b"GET /a\x7fb HTTP/1.1"), BAD),
    Case("a space in the target", line(b"GET /a b HTTP/1.1"), BAD),
    Case("UTF-8 in the target", line("GET /ä HTTP/1.1".encode()), BAD),
    Case("Latin-1 in the query", line(b"GET /?a=\xe4 HTTP/1.1"), BAD),
    Case("two slashes", line(b"GET //canary HTTP/1.1"), BAD),
    Case("an escape without digits", line(b"GET /% HTTP/1.1"), BAD),
    Case("an escape of other letters", line(b"GET /%zz HTTP/1.1"), BAD),
    Case("an escaped NUL", line(b"GET /%00 HTTP/1.1"), (404,)),
    Case("an escape that is no UTF-8", line(b"GET /%ff%fe HTTP/1.1"), BAD),
    Case("an overlong escape of a dot", line(b"GET /%c0%ae HTTP/1.1"), BAD),
    Case("an escaped slash", line(b"GET /a%2fb HTTP/1.1"), BAD),
    Case("dots upwards", line(b"GET /../../etc/passwd HTTP/1.1"), BAD),
    Case("escaped dots upwards", line(b"GET /%2e%2e/etc/passwd HTTP/1.1"), BAD),
    Case("a query of escapes that are no UTF-8", line(b"GET /number/1?a=%ff HTTP/1.1"), FINE),
    Case("a long URL", line(b"GET /" + b"a" * 5_000 + b" HTTP/1.1"), LONG_URL),
    Case("a very long URL", line(b"GET /" + b"a" * 500_000 + b" HTTP/1.1"), LONG_URL),
    Case("a very long query", line(b"GET /?" + b"a" * 500_000 + b" HTTP/1.1"), LONG_URL),
    Case("a very long URL that never ends", b"GET /" + b"a" * 500_000, LONG_URL),
    Case("very many segments", line(b"GET " + b"/a" * 2_000 + b" HTTP/1.1"), (404,)),
]

HEADERS = [
    Case("a folded header", field(b"X: a\r\n b"), BAD),
    Case("a folded header with a tab", field(b"X: a\r\n\tb"), BAD),
    Case("a fold before any header", b"GET / HTTP/1.1\r\n Host: a\r\n\r\n", BAD),
    Case("a space before the colon", field(b"X : a"), BAD),
    Case("a tab before the colon", field(b"X\t: a"), BAD),
    Case("a header without a colon", field(b"nothing"), BAD),
    Case("a header without a name", field(b": a"), BAD),
    Case("a name with a space", field(b"X Y: a"), BAD),
    Case("a name with a NUL", field(b"X\0Y: a"), BAD),
    Case("a name in brackets", field(b"X[]: a"), BAD),
    Case("a name in quotes", field(b'"X": a'), BAD),
    Case("a name with UTF-8", field("Ä: a".encode()), BAD),
    Case("a value with a NUL", field(b"X: a\0b"), BAD),
    Case("a value with a bell", field(b"X: a\x07b"), BAD),
    Case("a value with a DEL", field(b"X: a\x7fb"), BAD),
    Case("a value with a bare CR", field(b"X: a\rb"), BAD),
    Case("a value with a bare LF", field(b"X: a\nY: b"), BAD),
    Case("a value with UTF-8", field("X: ä".encode()), FINE),
    Case("a value of nothing", field(b"X:"), FINE),
    Case("a value of white space", field(b"X: \t \t"), FINE),
    Case("headers that end with LF", b"GET / HTTP/1.1\r\nHost: a\n\r\n", BAD),
    Case("a head that ends with LF", b"GET / HTTP/1.1\r\nHost: a\r\n\n", BAD),
    Case("a head that ends with CR CR", b"GET / HTTP/1.1\r\nHost: a\r\n\r\r", BAD),
    Case("a thousand headers", field(b"\r\n".join(b"X-%d: a" % number for number in range(1000))), LARGE),
    Case("a thousand headers of one letter", field(b"\r\n".join(b"X:" for _ in range(1000))), LARGE),
    Case("a long value", field(b"X: " + b"a" * 6_000), LARGE),
    Case("a very long value", field(b"X: " + b"a" * 500_000), LARGE),
    Case("a very long value that never ends", b"GET / HTTP/1.1\r\nX: " + b"a" * 500_000, LARGE),
    Case("a very long name", field(b"X" * 500_000 + b": a"), LARGE),
    Case("a very long name that never ends", b"GET / HTTP/1.1\r\nHost: a\r\n" + b"X" * 500_000, LARGE),
    Case("very many cookies", field(b"Cookie: " + b"a=b; " * 4_000), LARGE),
    Case("Expect for what nobody knows", field(b"Expect: the-unexpected"), FINE),
    Case("Expect without a body", field(b"Expect: 100-continue"), FINE),
    Case("Upgrade to WebSocket", field(b"Connection: Upgrade\r\nUpgrade: websocket"), FINE),
    Case("Upgrade to nothing", field(b"Connection: Upgrade\r\nUpgrade:"), FINE),
    Case("Upgrade with a body", field(b"Connection: Upgrade\r\nUpgrade: h2c\r\nContent-Length: 1") + b"x", (501,)),
    Case("Connection to itself", field(b"Connection: connection, close, keep-alive, \xff"), FINE),
    Case("Connection of commas", field(b"Connection: ,,,,"), FINE),
    Case("Keep-Alive of nonsense", field(b"Keep-Alive: timeout=-1, max=99999999999999999999"), FINE),
    Case("TE of nonsense", field(b"TE: trailers, deflate;q=x"), FINE),
    Case("Trailer without one", field(b"Trailer: Host, Content-Length"), FINE),
    Case("Proxy-Connection", field(b"Proxy-Connection: keep-alive"), FINE),
    Case("Range of nonsense", field(b"Range: bytes=9-1,-0,x" + b",0-" * 500), FINE),
    Case("Accept of nonsense", field(b"Accept: ;;;q=,*/*/*"), FINE),
    Case("If-None-Match of nonsense", field(b'If-None-Match: W/"""'), FINE),
    Case("a date that is none", field(b"If-Modified-Since: yesterday"), FINE),
    Case("a request id of control letters", field(b"X-Request-Id: \t\t"), FINE),
    Case("a traceparent of nonsense", field(b"Traceparent: 00-" + b"0" * 32 + b"-x"), FINE),
]

BODIES = [
    Case("a chunk without a size", chunks(b"\r\nabc\r\n0\r\n\r\n"), BAD),
    Case("a size of letters", chunks(b"xyz\r\nabc\r\n0\r\n\r\n"), BAD),
    Case("a negative size", chunks(b"-3\r\nabc\r\n0\r\n\r\n"), BAD),
    Case("a size with a plus", chunks(b"+3\r\nabc\r\n0\r\n\r\n"), BAD),
    Case("a size with 0x", chunks(b"0x3\r\nabc\r\n0\r\n\r\n"), BAD),
    Case("a size with an underscore", chunks(b"0_3\r\nabc\r\n0\r\n\r\n"), BAD),
    Case("a size with a space before", chunks(b" 3\r\nabc\r\n0\r\n\r\n"), BAD),
    Case("a size with a space after", chunks(b"3 \r\nabc\r\n0\r\n\r\n"), BAD),
    Case("a size over 64 bits", chunks(b"10000000000000003\r\nabc\r\n0\r\n\r\n"), BAD),
    Case("a size of many digits", chunks(b"f" * 10_000 + b"\r\nabc\r\n0\r\n\r\n"), BAD),
    Case("a size of many zeros", chunks(b"0" * 100 + b"3\r\nabc\r\n0\r\n\r\n"), FINE),
    Case("a size of 63 bits", chunks(b"7fffffffffffffff\r\nabc"), LATE),
    Case("a LF in an extension", chunks(b"3;a\nb\r\nabc\r\n0\r\n\r\n"), BAD),
    Case("a CR in an extension", chunks(b"3;a\rb\r\nabc\r\n0\r\n\r\n"), BAD),
    Case("an extension in open quotes", chunks(b'3;a="b\r\nabc\r\n0\r\n\r\n'), BAD),
    Case("an extension of NULs", chunks(b"3;\0\r\nabc\r\n0\r\n\r\n"), BAD),
    Case("a sound extension", chunks(b'3;a=b;c="d"\r\nabc\r\n0\r\n\r\n'), FINE),
    Case("a very long extension", chunks(b"3;" + b"a" * 500_000 + b"\r\nabc\r\n0\r\n\r\n"), LARGE),
    Case("a chunk that is longer than it says", chunks(b"2\r\nabc\r\n0\r\n\r\n"), BAD),
    Case("a chunk that is shorter than it says", chunks(b"4\r\nabc\r\n0\r\n\r\n"), BAD),
    Case("chunks that end with LF", chunks(b"3\nabc\n0\n\n"), BAD),
    Case("a chunk that ends with LF", chunks(b"3\r\nabc\n0\r\n\r\n"), BAD),
    Case("a chunk without its end", chunks(b"3\r\nabc0\r\n\r\n"), BAD),
    Case("chunks without the last", chunks(b"3\r\nabc\r\n"), LATE),
    Case("a last chunk without its end", chunks(b"3\r\nabc\r\n0\r\n"), LATE),
    Case("a last chunk of letters", chunks(b"3\r\nabc\r\n0x\r\n\r\n"), BAD),
    Case("a sound trailer", chunks(b"3\r\nabc\r\n0\r\nX: a\r\n\r\n"), FINE),
    Case("a trailer without a name", chunks(b"3\r\nabc\r\n0\r\n: a\r\n\r\n"), BAD),
    Case("a folded trailer", chunks(b"3\r\nabc\r\n0\r\nX: a\r\n b\r\n\r\n"), BAD),
    Case("a trailer with a NUL", chunks(b"3\r\nabc\r\n0\r\nX: \0\r\n\r\n"), BAD),
    Case("a very long trailer", chunks(b"3\r\nabc\r\n0\r\nX: " + b"a" * 500_000 + b"\r\n\r\n"), LARGE),
    Case("very many trailers", chunks(b"3\r\nabc\r\n0\r\n" + b"X: a\r\n" * 100_000 + b"\r\n"), LARGE),
    Case("a negative length", length(b" -1"), BAD),
    Case("a length with a plus", length(b" +3"), BAD),
    Case("a length with a space inside", length(b" 1 3"), BAD),
    Case("a list of equal lengths", length(b" 3, 3"), BAD),
    Case("a list of lengths", length(b" 3, 4"), BAD),
    Case("a length in hex", length(b" 0x3"), BAD),
    Case("a length with a dot", length(b" 3.0"), BAD),
    Case("a length with an exponent", length(b" 1e3"), BAD),
    Case("a length of letters", length(b" three"), BAD),
    Case("a length of nothing", length(b" "), BAD),
    Case("a length in other digits", length(" ٣".encode()), BAD),
    Case("a length of 64 bits", length(b" 18446744073709551615"), (413,)),
    Case("a length over 64 bits", length(b" 18446744073709551619"), BAD),
    Case("a length of many digits", length(b" " + b"9" * 4_000), BAD),
    Case("a length with zeros before", length(b" 0000000000000000000003"), FINE),
    Case("two equal lengths", length(b" 3\r\nContent-Length: 3"), BAD),
    Case("two lengths", length(b" 3\r\nContent-Length: 4"), BAD),
    Case("a length in quotes", length(b' "3"'), BAD),
    Case("a body that is shorter than it says", length(b" 4"), LATE),
    Case("a body that is longer than it says", length(b" 2"), (200, 400)),
    Case("no length and a body", b"POST /echo HTTP/1.1\r\nHost: a\r\n\r\n{}", (200, 400)),
]

CASES = [*LINES, *TARGETS, *HEADERS, *BODIES]
