"""Tokens, signatures and the metadata server of the stack, asked by google-auth."""

import itertools
import json
from http.client import HTTPConnection
from typing import Any
from urllib.parse import urlsplit

import pytest
from google.auth import iam
from google.auth.compute_engine import IDTokenCredentials
from google.auth.compute_engine.credentials import Credentials
from google.auth.credentials import AnonymousCredentials
from google.auth.transport.requests import AuthorizedSession, Request

from .fixtures import ACCOUNT, PROJECT, GcpServices, gcp_services

__all__ = ["gcp_services"]

numbers = itertools.count(1)


def asked(stack: GcpServices, path: str, **headers: str) -> tuple[int, bytes]:
    place = urlsplit(stack.services.endpoint)
    connection = HTTPConnection(place.hostname or "", place.port, timeout=30)
    try:
        connection.request("GET", path, headers={name.replace("_", "-"): value for name, value in headers.items()})
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def test_googles_library_gets_its_token_and_account_from_the_metadata_server(
    gcp_services: GcpServices, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = urlsplit(gcp_services.services.endpoint).netloc
    monkeypatch.setattr("google.auth.compute_engine._metadata._GCE_METADATA_HOST", place)
    session = Request()
    credentials: Any = Credentials()  # type: ignore[no-untyped-call]
    credentials.refresh(session)
    assert credentials.token
    assert credentials.service_account_email == ACCOUNT
    tokens: Any = IDTokenCredentials(  # type: ignore[no-untyped-call]
        session, "https://shop.example", use_metadata_identity_endpoint=True
    )
    tokens.refresh(session)
    claims = gcp_services.services.keys.claims(tokens.token)
    assert claims is not None
    assert (claims["aud"], claims["email"]) == ("https://shop.example", ACCOUNT)
    session.session.close()


def test_what_googles_library_lets_google_sign_is_signed_by_the_account(
    gcp_services: GcpServices, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = f"{gcp_services.services.endpoint}/v1/projects/-/serviceAccounts/{{}}:signBlob"
    monkeypatch.setattr("google.auth.iam._IAM_SIGN_ENDPOINT", url)

    class Anybody(AnonymousCredentials):
        """Who asks is not looked at."""

    account = f"signer-{next(numbers)}@{PROJECT}.iam.gserviceaccount.com"
    session: Any = AuthorizedSession(Anybody())  # type: ignore[no-untyped-call]
    signer: Any = iam.Signer(Request(session), Anybody(), account)  # type: ignore[no-untyped-call]
    signature = signer.sign(b"text")
    keys = gcp_services.services.keys
    assert keys.is_signed(account, b"text", signature)
    assert not keys.is_signed(account, b"texts", signature)
    assert not keys.is_signed(ACCOUNT, b"text", signature)
    session.close()


@pytest.mark.parametrize("token", ["", "a.b", "a.b.c", "e30.e30.e30", "...."])
def test_what_is_no_token_says_nothing(gcp_services: GcpServices, token: str) -> None:
    assert gcp_services.services.keys.claims(token) is None


def test_the_metadata_server_answers_who_asks_as_google_demands(gcp_services: GcpServices) -> None:
    path = "/computeMetadata/v1/project/project-id"
    assert asked(gcp_services, path)[0] == 403
    assert asked(gcp_services, path, Metadata_Flavor="Google") == (200, PROJECT.encode())
    default = "/computeMetadata/v1/instance/service-accounts/default"
    assert asked(gcp_services, f"{default}/identity", Metadata_Flavor="Google")[0] == 400
    assert asked(gcp_services, "/computeMetadata/v1/nowhere", Metadata_Flavor="Google")[0] == 404
    token = json.loads(asked(gcp_services, f"{default}/token", Metadata_Flavor="Google")[1])
    assert (token["token_type"], token["expires_in"] > 300) == ("Bearer", True)
