"""HTTP APIs in LocalStack: the interface is moto's (which LocalStack carries), the types of CloudFormation are ours.

A type is described by what creates, changes and deletes it, and by the schema of AWS's own that cfn-lint has: that says
what Ref is and what is replaced. An API that was made this way answers no requests.
"""

import copy
import uuid
from typing import Any, NamedTuple

API = "apigatewayv2"


class Type(NamedTuple):
    """`reads` are properties that the answer to `create` has; `keys` are those that `delete` asks for; `ref` is Ref."""

    create: str | None
    update: str | None
    delete: str | None
    reads: dict[str, str]
    keys: tuple[str, ...]
    ref: str | None = None


TYPES = {
    "AWS::ApiGatewayV2::Api": Type(
        "create_api", "update_api", "delete_api", {"ApiId": "ApiId", "ApiEndpoint": "ApiEndpoint"}, ("ApiId",)
    ),
    "AWS::ApiGatewayV2::Route": Type(
        "create_route", "update_route", "delete_route", {"RouteId": "RouteId"}, ("ApiId", "RouteId"), "RouteId"
    ),
    "AWS::ApiGatewayV2::Integration": Type(
        "create_integration",
        "update_integration",
        "delete_integration",
        {"IntegrationId": "IntegrationId"},
        ("ApiId", "IntegrationId"),
        "IntegrationId",
    ),
    # moto has no deployments: a name will do.
    "AWS::ApiGatewayV2::Deployment": Type(
        None, None, None, {"DeploymentId": "DeploymentId"}, ("ApiId", "DeploymentId"), "DeploymentId"
    ),
    "AWS::ApiGatewayV2::Stage": Type("create_stage", None, "delete_stage", {}, ("ApiId", "StageName"), "StageName"),
}


def install() -> None:
    from localstack.services.cloudformation import resource_provider

    add_service()
    references = {name: f"/properties/{found.ref}" for name, found in TYPES.items() if found.ref}
    resource_provider.PHYSICAL_RESOURCE_ID_SPECIAL_CASES.update(references)
    load = resource_provider.ResourceProviderExecutor.try_load_resource_provider

    def with_ours(name: str) -> Any:
        return provider(name)() if name in TYPES else load(name)

    resource_provider.ResourceProviderExecutor.try_load_resource_provider = staticmethod(with_ours)
    refuse_unknown_types(resource_provider)


def add_service() -> None:
    """Makes LocalStack offer the service, and hand its calls to moto."""
    from localstack.aws.skeleton import create_dispatch_table  # noqa: F401 - imported first, or its cycle fails
    from localstack.aws.spec import load_service
    from localstack.services import plugins
    from localstack.services.moto import call_moto
    from localstack.utils import bootstrap

    class Provider:
        version = None
        service = API

    def forward(context: Any, request: Any) -> Any:
        return call_moto(context)

    manager = plugins.ServicePluginManager
    exists, container, enabled = manager.exists, manager.get_service_container, bootstrap.get_enabled_apis

    def with_api(self: Any, name: str) -> Any:
        if name == API and name not in self._services:
            table = dict.fromkeys(load_service(API).operation_names, forward)
            service = plugins.Service.for_provider(Provider(), lambda _: table)
            plugins.ServiceManager.add_service(self, service)
        return container(self, name)

    def all_apis() -> set[str]:
        return {*enabled(), API}

    bootstrap.get_enabled_apis = plugins.get_enabled_apis = all_apis
    manager.exists = lambda self, name: name == API or exists(self, name)
    manager.get_service_container = with_api


def refuse_unknown_types(resource_provider: Any) -> None:
    """LocalStack asks a catalogue that it would download; whether there is a provider is what counts here."""
    import sys

    from localstack.services.cloudformation.engine.v2 import unsupported_resource

    name = "should_ignore_unsupported_resource_type"

    def is_known(resource_type: str, change_set_type: Any) -> bool:
        return resource_provider.ResourceProviderExecutor.try_load_resource_provider(resource_type) is not None

    setattr(unsupported_resource, name, is_known)
    for module in list(sys.modules.values()):
        if getattr(module, name, None) is not None:
            setattr(module, name, is_known)


def provider(type_name: str) -> Any:
    """The resource provider of one type."""
    from cfnlint.schema.manager import PROVIDER_SCHEMA_MANAGER
    from localstack.services.cloudformation import resource_provider as base

    known = TYPES[type_name]

    def call(request: Any, operation: str, parameters: dict[str, Any]) -> Any:
        client = request.aws_client_factory.apigatewayv2
        model = client.meta.service_model.operation_model(client.meta.method_to_api_mapping[operation])
        taken = {name: value for name, value in parameters.items() if name in model.input_shape.members}
        return getattr(client, operation)(**taken)

    def done(model: dict[str, Any]) -> Any:
        return base.ProgressEvent(status=base.OperationStatus.SUCCESS, resource_model=model)

    class HttpApiPart(base.ResourceProvider):  # type: ignore[misc]
        TYPE = type_name
        SCHEMA = PROVIDER_SCHEMA_MANAGER.get_resource_schema("us-east-1", type_name).schema

        def create(self, request: Any) -> Any:
            model = request.desired_state
            parameters = copy.deepcopy(model)
            if known.create is None:
                answer: Any = {"DeploymentId": uuid.uuid4().hex[:6]}
            else:
                answer = call(request, known.create, parameters)
            model.update({name: answer[read] for name, read in known.reads.items()})
            return done(model)

        def update(self, request: Any) -> Any:
            model = {**request.previous_state, **request.desired_state}
            if known.update is not None:
                call(request, known.update, model)
            return done(model)

        def delete(self, request: Any) -> Any:
            client, model = request.aws_client_factory.apigatewayv2, request.desired_state
            if known.delete is not None:
                try:
                    getattr(client, known.delete)(**{key: model[key] for key in known.keys})
                except client.exceptions.NotFoundException:
                    # The API went first, and took its routes along.
                    return done({})
            return done({})

    return HttpApiPart
