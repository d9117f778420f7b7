"""Where clients take their region from: from AWS_REGION too, which every tool of AWS but botocore looks at."""

import pytest
from portable_aws.clients import Clients
from portable_aws.deploy_clients import DeployClients


@pytest.mark.parametrize("kind", [Clients, DeployClients])
@pytest.mark.parametrize(
    ("environment", "given", "region"),
    [
        ({"AWS_REGION": "eu-central-1"}, None, "eu-central-1"),
        ({"AWS_DEFAULT_REGION": "eu-west-3"}, None, "eu-west-3"),
        ({"AWS_REGION": "eu-central-1", "AWS_DEFAULT_REGION": "eu-west-3"}, None, "eu-central-1"),
        ({"AWS_REGION": "", "AWS_DEFAULT_REGION": "eu-west-3"}, None, "eu-west-3"),
        ({"AWS_REGION": "eu-central-1"}, "us-east-2", "us-east-2"),
    ],
    ids=["AWS_REGION", "AWS_DEFAULT_REGION", "both", "an empty one", "given"],
)
def test_the_region_is_the_environments_unless_it_is_given(
    kind: type[Clients], environment: dict[str, str], given: str | None, region: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    clients = kind(given)
    assert clients.sqs.meta.region_name == region
    clients.sqs.close()
