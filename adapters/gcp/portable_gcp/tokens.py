"""Access tokens: from the metadata server where Google runs the code, else from the credentials of gcloud.

`GOOGLE_APPLICATION_CREDENTIALS` and gcloud's file of application default credentials come first, as in Google's own
libraries, and are read by `google.auth`, which a laptop has and a deployed function does not need. Else the metadata
server is asked; `GCE_METADATA_HOST` names another one.
https://cloud.google.com/docs/authentication/application-default-credentials
"""

import json
import os
import time
from _thread import allocate_lock
from typing import Any, NamedTuple

from portable.errors import ConfigurationError, Unavailable

METADATA_HOST = "metadata.google.internal"
ACCOUNT_PATH = "/computeMetadata/v1/instance/service-accounts/default/"
EARLY_SECONDS = 300
"""A token is not used in its last 5 minutes: the metadata server has the next one by then.
https://cloud.google.com/compute/docs/access/authenticate-workloads#applications"""
METADATA_SECONDS = 5
METADATA_TRIES = 3
SCOPE = "https://www.googleapis.com/auth/cloud-platform"
HINT = "on a laptop: gcloud auth application-default login"


class Token(NamedTuple):
    """`ends` is when it does, by this machine's monotonic clock. `quota_project` pays for the calls of a person."""

    text: str
    ends: float
    quota_project: str | None = None


class Tokens:
    """The access tokens of this process; one object serves all threads.

    Raises ConfigurationError where there are no credentials, Unavailable where they could not be had now.
    """

    def __init__(self) -> None:
        self._lock = allocate_lock()
        self._token: Token | None = None
        self._credentials: Any = None
        self._account = ""

    def token(self) -> Token:
        """One that is good for some minutes more."""
        known = self._token
        if known is not None and time.monotonic() < known.ends - EARLY_SECONDS:
            return known
        with self._lock:
            known = self._token
            if known is not None and time.monotonic() < known.ends - EARLY_SECONDS:
                return known
            try:
                self._token = self._fetch()
            except Unavailable:
                # The old one is still taken for a while.
                if known is None or time.monotonic() >= known.ends:
                    raise
                return known
            return self._token

    def drop(self, refused: Token) -> None:
        """Forgets a token that was refused."""
        with self._lock:
            if self._token is refused:
                self._token = None

    def account(self) -> str:
        """The address of the service account that this code runs as. Raises ConfigurationError where it is a person."""
        if not self._account:
            if has_credentials_file():
                found = getattr(self._loaded(), "service_account_email", None)
                if not found or found == "default":
                    raise ConfigurationError("these credentials are no service account's", hint=HINT)
                self._account = str(found)
            else:
                self._account = metadata(ACCOUNT_PATH + "email").decode().strip()
        return self._account

    def _fetch(self) -> Token:
        if not has_credentials_file():
            asked = time.monotonic()
            found = json.loads(metadata(ACCOUNT_PATH + "token"))
            return Token(found["access_token"], asked + float(found["expires_in"]))
        from google.auth.exceptions import GoogleAuthError
        from google.auth.transport.requests import Request

        credentials = self._loaded()
        try:
            credentials.refresh(Request())
        except GoogleAuthError as error:
            if getattr(error, "retryable", False):
                raise Unavailable(f"no access token now: {error}") from error
            raise ConfigurationError(f"these credentials give no access token: {error}", hint=HINT) from error
        # google.auth's times are naive and UTC.
        from datetime import UTC, datetime

        left = (credentials.expiry.replace(tzinfo=UTC) - datetime.now(UTC)).total_seconds()
        return Token(credentials.token, time.monotonic() + left, getattr(credentials, "quota_project_id", None))

    def _loaded(self) -> Any:
        if self._credentials is None:
            try:
                import google.auth as google_auth
                from google.auth.exceptions import DefaultCredentialsError
            except ImportError as error:
                raise ConfigurationError(
                    "reading credentials from a file needs google-auth", hint="pip install 'portable[gcp]'"
                ) from error
            try:
                found: Any = google_auth.default(scopes=[SCOPE])  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
            except DefaultCredentialsError as error:
                raise ConfigurationError(f"no credentials of Google Cloud: {error}", hint=HINT) from error
            self._credentials = found[0]
        return self._credentials


def has_credentials_file() -> bool:
    """Whether credentials are named, or gcloud has left some."""
    if os.environ.get("GOOGLE_APPLICATION_CREDENTIALS"):
        return True
    folder = os.environ.get("CLOUDSDK_CONFIG") or os.path.join(os.path.expanduser("~"), ".config", "gcloud")
    return os.path.isfile(os.path.join(folder, "application_default_credentials.json"))


def metadata(path: str) -> bytes:
    """What the metadata server says. Raises ConfigurationError if there is none, Unavailable if it does not answer."""
    from http.client import HTTPConnection, HTTPException
    from socket import gaierror

    host = os.environ.get("GCE_METADATA_HOST") or METADATA_HOST
    fault: object = ""
    for attempt in range(METADATA_TRIES):
        if attempt:
            time.sleep(0.1 * 2**attempt)
        connection = HTTPConnection(host, timeout=METADATA_SECONDS)
        try:
            connection.request("GET", path, headers={"Metadata-Flavor": "Google"})
            answer = connection.getresponse()
            content = answer.read()
        except gaierror as error:
            raise ConfigurationError(
                f"no credentials of Google Cloud, and no {host} to ask for them", hint=HINT
            ) from error
        except (OSError, HTTPException) as error:
            fault = error
            continue
        finally:
            connection.close()
        if answer.status == 200:
            return content
        fault = f"{answer.status} {content[:200]!r}"
        if answer.status < 500 and answer.status != 429:
            raise ConfigurationError(f"the metadata server {host} answered {fault}", hint=HINT)
    raise Unavailable(f"the metadata server {host} did not answer: {fault}")
