"""Python sources without their comments: lines and columns stay as they are, so that tracebacks show the same.

What is written in a comment is for those who read the repository. A zip lies in a bucket that others may read.
"""

import io
import re
import tokenize

CODING = re.compile(rb"^[ \t\f]*#.*?coding[:=][ \t]*([-\w.]+)")

LINE = re.compile(r"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+")
"""As Python counts them, which `str.splitlines` does not."""


def without_comments(source: bytes) -> bytes:
    """The source with its comments cut off, but for a `#!` line and a declaration of the encoding.

    Of what cannot be read as Python, the lines that hold nothing but a comment are emptied.
    """
    if b"#" not in source:
        return source
    try:
        encoding, _ = tokenize.detect_encoding(io.BytesIO(source).readline)
        text = source.decode(encoding)
        lines = LINE.findall(text)
        for token in tokenize.generate_tokens(iter([*lines, ""]).__next__):
            if token.type == tokenize.COMMENT:
                row, column = token.start
                line = lines[row - 1]
                if row <= 2 and (line.startswith("#!") or CODING.match(line.encode())):
                    continue
                ending = line[len(line.rstrip("\r\n")) :]
                lines[row - 1] = line[:column].rstrip(" \t\f") + ending
        return "".join(lines).encode(encoding)
    except (tokenize.TokenError, SyntaxError, UnicodeError, IndexError, StopIteration):
        return re.sub(rb"(?m)^[ \t]*#(?!!)[^\r\n]*", b"", source)
