"""Nested stacks in LocalStack, which makes and deletes them: here an update of one is a change set of its own stack."""

from typing import Any

CAPABILITIES = ["CAPABILITY_IAM", "CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND"]
STARTED = "portable_started"
"""In the context of a request that is made again until it is over."""


def install() -> None:
    from localstack.services.cloudformation import resource_provider as base
    from localstack.services.cloudformation.resource_providers import aws_cloudformation_stack

    def update(_: Any, request: Any) -> Any:
        client = request.aws_client_factory.cloudformation
        id = request.previous_state["Id"]
        model = {**request.previous_state, **request.desired_state, "Id": id}
        if not request.custom_context.get(STARTED):
            request.custom_context[STARTED] = True
            status, reason = ("IN_PROGRESS", "") if start(client, id, model) else ("SUCCESS", "")
        else:
            status, reason = state(client, id)
        return base.ProgressEvent(
            status=base.OperationStatus[status],
            resource_model=model,
            message=reason,
            custom_context=request.custom_context,
        )

    aws_cloudformation_stack.CloudFormationStackProvider.update = update


def start(client: Any, id: str, model: dict[str, Any]) -> bool:
    """Executes a change set of the nested stack; False if there is nothing to change.

    `UpdateStack` would do but for what is deleted later: LocalStack then goes by the template before.
    """
    made = client.create_change_set(
        StackName=id,
        ChangeSetName="nested",
        ChangeSetType="UPDATE",
        TemplateURL=model["TemplateURL"],
        Parameters=[
            {"ParameterKey": key, "ParameterValue": str(value)} for key, value in model.get("Parameters", {}).items()
        ],
        Tags=model.get("Tags", []),
        Capabilities=CAPABILITIES,
    )
    if client.describe_change_set(ChangeSetName=made["Id"])["Status"] == "FAILED":
        client.delete_change_set(ChangeSetName=made["Id"])
        return False
    client.execute_change_set(ChangeSetName=made["Id"])
    return True


def state(client: Any, id: str) -> tuple[str, str]:
    [stack] = client.describe_stacks(StackName=id)["Stacks"]
    status: str = stack["StackStatus"]
    if status.endswith("IN_PROGRESS"):
        return "IN_PROGRESS", ""
    return ("SUCCESS", "") if status == "UPDATE_COMPLETE" else ("FAILED", stack.get("StackStatusReason", status))
