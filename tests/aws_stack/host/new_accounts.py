"""An account that is new is cheap: every running app has one of its own.

moto notes in IAM when a key was last used, and makes an IAM for that with all the policies that AWS manages: half a
second. Here it does so only where an account has an IAM already.
"""

from typing import Any


def install() -> None:
    from moto.iam import models

    mark = models.mark_account_as_visited

    def mark_if_known(account_id: str, *args: Any, **kwargs: Any) -> None:
        # In moto's own dictionary to look is to make.
        if dict.__contains__(models.iam_backends, account_id):
            mark(account_id, *args, **kwargs)

    models.mark_account_as_visited = mark_if_known
