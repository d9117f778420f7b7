"""Clients of one provider that the app makes itself, past its resources: what they do works on that provider only."""

import ast
from types import ModuleType

from .scopes import Piece

LIBRARIES = {
    "boto3": "aws",
    "botocore": "aws",
    "aioboto3": "aws",
    "aiobotocore": "aws",
    "google.cloud": "gcp",
    "firebase_admin": "gcp",
    "azure": "azure",
}
"""What the providers' own SDKs are imported as."""


def library_of(piece: Piece, call: ast.Call) -> tuple[str, str] | None:
    """The provider's library whose function or class is called by a name that was imported, and the provider.

    A client that was made is a variable: what is done with it is not told again. Errors may be made, to be raised.
    """
    name = _imported_name(piece, call.func)
    if name is None or "exceptions" in name.split("."):
        return None
    return next(
        ((library, provider) for library, provider in LIBRARIES.items() if f"{name}.".startswith(f"{library}.")), None
    )


def _imported_name(piece: Piece, node: ast.AST) -> str | None:
    """The whole name of what an expression like `firestore.Client` names, if its first part was imported."""
    attributes: list[str] = []
    while isinstance(node, ast.Attribute):
        attributes.append(node.attr)
        node = node.value
    if not isinstance(node, ast.Name):
        return None
    base = piece.imported_from.get(node.id)
    if base is None:
        value = piece.resolve(node)
        if isinstance(value, ModuleType):
            base = value.__name__
        else:
            # A class or function that was imported itself. An instance has only its class's module, and is none.
            home = getattr(value, "__module__", None) if hasattr(value, "__qualname__") else None
            base = home if isinstance(home, str) else None
    return ".".join((base, *reversed(attributes))) if base is not None else None
