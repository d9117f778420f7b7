"""Writing params and secrets, and whose they are: for the command line and tests. No function ships this module."""

import re
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, cast

from .errors import error_code
from .names import Names
from .values import ABSENT, to_store

if TYPE_CHECKING:
    from .clients import Clients

Kind = Literal["param", "secret"]
DESCRIPTION = re.compile(r"(param|secret) (\S+) of (\S+) in (\S+), by portable", re.ASCII)


class Described(NamedTuple):
    """Whose a value is, as its description says it: names in AWS do not tell, `shop-dev-prod-key` may be two apps'."""

    kind: Kind
    name: str
    app: str
    stage: str

    def text(self) -> str:
        return f"{self.kind} {self.name} of {self.app} in {self.stage}, by portable"

    @classmethod
    def read(cls, text: object) -> "Described | None":
        """None for a value that portable has not made."""
        found = DESCRIPTION.fullmatch(str(text or ""))
        return None if found is None else cls(cast("Kind", found[1]), found[2], found[3], found[4])


def write_value(clients: "Clients", names: Names, kind: Kind, qualified: str, value: str) -> None:
    """Sets a param or secret, which is made if it is not there. Nothing shows it."""
    description = Described(kind, qualified, names.app, names.stage).text()
    if kind == "param":
        clients.ssm.put_parameter(
            Name=names.parameter(qualified),
            Description=description,
            Value=to_store(value),
            Type="String",
            # Standard to 4 KB; only what the mark makes longer is an advanced one.
            Tier="Intelligent-Tiering",
            Overwrite=True,
        )
        return
    name, stored = names.secret(qualified), to_store(value)
    manager: Any = clients.secretsmanager
    try:
        manager.put_secret_value(SecretId=name, SecretString=stored)
    except Exception as error:
        if error_code(error) not in ABSENT:
            raise
        manager.create_secret(Name=name, Description=description, SecretString=stored)
