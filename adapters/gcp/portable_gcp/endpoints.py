"""Where each service of Google Cloud answers, by the variables that Google's own tools look at.

`FIRESTORE_EMULATOR_HOST`, `PUBSUB_EMULATOR_HOST` (host:port) and `STORAGE_EMULATOR_HOST` (a URL) are those of Google's
client libraries; what they name is an emulator, and gets no token. `CLOUDSDK_API_ENDPOINT_OVERRIDES_<SERVICE>` is
gcloud's, of every service: what that names stands for the service itself. https://cloud.google.com/sdk/docs/properties
"""

import os
from typing import NamedTuple

from portable.errors import ConfigurationError

EMULATORS = {
    "firestore": "FIRESTORE_EMULATOR_HOST",
    "pubsub": "PUBSUB_EMULATOR_HOST",
    "storage": "STORAGE_EMULATOR_HOST",
}
OVERRIDE = "CLOUDSDK_API_ENDPOINT_OVERRIDES_"
LOOPBACK = ("127.0.0.1", "localhost", "::1")


class Endpoint(NamedTuple):
    """Where requests of one service go. `prefix` comes before every path, and has no slash at its end."""

    host: str
    port: int
    is_secure: bool
    prefix: str = ""
    is_emulator: bool = False

    @property
    def url(self) -> str:
        """Without a slash at the end."""
        scheme, usual = ("https", 443) if self.is_secure else ("http", 80)
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{scheme}://{host}{'' if self.port == usual else f':{self.port}'}{self.prefix}"


def endpoint(service: str) -> Endpoint:
    """Where `service` answers, by the first part of its host's name: `firestore`, `cloudtasks`, `iamcredentials`.

    Raises ConfigurationError for a variable that names no place, and for one that would send tokens without TLS to
    another machine.
    """
    variable = EMULATORS.get(service, "")
    named = os.environ.get(variable)
    if named:
        return parsed(named if "://" in named else f"http://{named}", variable)._replace(is_emulator=True)
    variable = OVERRIDE + service.upper()
    named = os.environ.get(variable)
    if not named:
        return Endpoint(f"{service}.googleapis.com", 443, True)
    found = parsed(named, variable)
    if not found.is_secure and found.host not in LOOPBACK:
        raise ConfigurationError(
            f"{variable}={named} would send access tokens unencrypted to another machine", hint="use https"
        )
    return found


def parsed(url: str, variable: str) -> Endpoint:
    """The endpoint that a URL names; `variable` is where it stands."""
    scheme, _, rest = url.partition("://")
    place, slash, path = rest.partition("/")
    host, _, port = place.rpartition(":") if ":" in place.rpartition("]")[2] else (place, "", "")
    if scheme not in ("http", "https") or not (host or port) or (port and not port.isascii()) or "@" in place:
        raise wrong(url, variable)
    try:
        number = int(port) if port else 443 if scheme == "https" else 80
    except ValueError:
        raise wrong(url, variable) from None
    if not 0 < number < 65536 or not host:
        raise wrong(url, variable)
    return Endpoint(host.strip("[]"), number, scheme == "https", (slash + path).rstrip("/"))


def wrong(url: str, variable: str) -> ConfigurationError:
    return ConfigurationError(
        f"{variable}={url} names no place where a service could answer",
        hint="host:port for an emulator, or a URL such as http://127.0.0.1:8085",
    )
