"""Params and secrets of a deployed stage: what `portable config` and `portable secret` write with --stage."""

from typing import Any

from portable.errors import ConfigurationError

from .deploy_clients import DeployClients, told
from .errors import ABSENT, error_code
from .names import Names
from .values import SsmValue
from .written_values import Described, Kind, write_value


class AwsValues:
    """Implements portable.adapter.Values. No value is ever in a message."""

    def __init__(self, app: str, stage: str, clients: DeployClients | None = None) -> None:
        self._clients = clients or DeployClients()
        self._app = app
        self._stage = stage

    def _names(self) -> Names:
        # What these names are made of needs no account.
        return Names(self._app, self._stage, "", "")

    def names(self, kind: Kind) -> list[str]:
        """Of the values that are this stage's: by what their descriptions say.

        What somebody has made by hand is described by nobody, and counts by its name.
        """
        with told(f"list the {kind}s"):
            names = self._names()
            prefix = f"{names.prefix}-"
            found: set[str] = set()
            for one in self._params(prefix) if kind == "param" else self._secrets(prefix):
                described = Described.read(one.get("Description"))
                if described is None:
                    found.add(str(one["Name"]).removeprefix(prefix))
                elif described == Described(kind, described.name, names.app, names.stage):
                    found.add(described.name)
            return sorted(found)

    def _params(self, prefix: str, option: str = "BeginsWith") -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        token: str | None = None
        filters = [{"Key": "Name", "Option": option, "Values": [prefix]}]
        while True:
            more = {"NextToken": token} if token else {}
            answer: Any = self._clients.ssm.describe_parameters(ParameterFilters=filters, **more)
            found += answer["Parameters"]
            token = answer.get("NextToken")
            if not token:
                return found

    def _secrets(self, prefix: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        token: str | None = None
        while True:
            more = {"NextToken": token} if token else {}
            answer: Any = self._clients.secretsmanager.list_secrets(
                Filters=[{"Key": "name", "Values": [prefix]}], **more
            )
            # AWS's filter takes a prefix of any word of a name.
            found += [one for one in answer["SecretList"] if str(one["Name"]).startswith(prefix)]
            token = answer.get("NextToken")
            if not token:
                return found

    def _check_owner(self, kind: Kind, name: str) -> None:
        """Raises ConfigurationError for a value of another app or stage: names of two can be one."""
        names = self._names()
        physical = names.parameter(name) if kind == "param" else names.secret(name)
        if kind == "param":
            there = self._params(physical, "Equals")
        else:
            try:
                there = [self._clients.secretsmanager.describe_secret(SecretId=physical)]
            except Exception as error:
                if error_code(error) not in ABSENT:
                    raise
                there = []
        for one in there:
            described = Described.read(one.get("Description"))
            if described is not None and described != Described(kind, name, names.app, names.stage):
                raise ConfigurationError(
                    f"{kind} {physical} is {described.kind} {described.name} of {described.app} in {described.stage}, "
                    f"and not {kind} {name} of {names.app} in {names.stage}",
                    hint="give the app, the stage or what is declared another name",
                )

    def read_param(self, name: str) -> str | None:
        with told(f"read the param {name}"):
            return SsmValue(self._clients, self._names().parameter(name)).read()

    def write(self, kind: Kind, name: str, value: str | None) -> None:
        """A secret that is removed can be restored for 7 days, and its name is free for no other one until then."""
        with told(f"{'write' if value is not None else 'remove'} the {kind} {name}"):
            self._check_owner(kind, name)
            if value is not None:
                self._set(kind, name, value)
                return
            try:
                if kind == "param":
                    self._clients.ssm.delete_parameter(Name=self._names().parameter(name))
                else:
                    self._clients.secretsmanager.delete_secret(
                        SecretId=self._names().secret(name), RecoveryWindowInDays=7
                    )
            except Exception as error:
                if error_code(error) not in ABSENT:
                    raise

    def _set(self, kind: Kind, name: str, value: str) -> None:
        if kind == "secret":
            manager, id = self._clients.secretsmanager, self._names().secret(name)
            try:
                if "DeletedDate" in manager.describe_secret(SecretId=id):
                    # It was removed a short while ago, and waits for its end.
                    manager.restore_secret(SecretId=id)
            except Exception as error:
                if error_code(error) not in ABSENT:
                    raise
        write_value(self._clients, self._names(), kind, name, value)
