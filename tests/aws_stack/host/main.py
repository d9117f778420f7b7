"""LocalStack (its last open line, from PyPI) as a plain process on loopback: no container, no licence, no download.

Replaced are the two parts that would need a download, and added is what tests have to be able to do:
lambda_executor.py runs a deployed zip under AWS's own runtime client, dynamodb_link.py uses AWS's own DynamoDB Local,
resource_types.py has the types of CloudFormation that the open line lacks, nested_stacks.py updates of nested stacks,
s3_conditions.py two conditions of S3; clocks.py, schedules.py and control.py let a test move the time of one account.

    PORTABLE_DYNAMODB=http://127.0.0.1:PORT ... python -m tests.aws_stack.host.main
"""

from . import settings


def main() -> None:
    port = settings.free_port()
    settings.settle(port)
    settings.adapt_to_this_python()
    from . import (
        clocks,
        control,
        dynamodb_link,
        in_flight,
        lambda_executor,
        nested_stacks,
        new_accounts,
        recorder,
        resource_types,
        s3_conditions,
    )

    for module in (
        lambda_executor,
        dynamodb_link,
        resource_types,
        nested_stacks,
        clocks,
        in_flight,
        new_accounts,
        s3_conditions,
        recorder,
        control,
    ):
        module.install()
    print(f"portable: port {port}", flush=True)
    from localstack.runtime.main import main as run

    run()


if __name__ == "__main__":
    main()
