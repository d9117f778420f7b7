"""Whether an item that somebody edits in the console fits its table's model, which only the app knows.

A process of its own imports the app, as it is saved now: its modules and its output stay out of the console's process.
"""

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any, cast

from portable.adapter import Project
from portable.errors import ConfigurationError, InvalidArgument, Unavailable

if TYPE_CHECKING:
    from portable.tables import Table

SECONDS = 60.0
MOST_CHARACTERS = 8000
"""Of what is wrong with an item: less than a pipe holds."""


def check_item(project: Project, table: str, encoded: str) -> None:
    """Raises InvalidArgument, listing every fault of the item, and Unavailable for an app that does not load."""
    request = json.dumps([str(project.root), project.module, project.attribute, table, encoded])
    reading, writing = os.pipe()
    try:
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", "portable_local.item_check", str(writing)],
            stdin=subprocess.PIPE,
            stdout=sys.stderr.fileno(),
            cwd=project.root,
            pass_fds=(writing,),
        )
    except BaseException:
        os.close(reading)
        raise
    finally:
        os.close(writing)
    with os.fdopen(reading, "rb") as answers, process:
        try:
            process.communicate(request.encode("utf-8", "surrogatepass"), SECONDS)
        except subprocess.TimeoutExpired as error:
            process.kill()
            raise Unavailable(f"the app took more than {SECONDS:.0f} seconds to import") from error
        text = answers.read()
    if not text:
        raise ConfigurationError(f"importing the app ended its process with exit code {process.returncode}")
    answer = json.loads(text)
    if answer["fault"] is not None:
        raise Unavailable("the app cannot be loaded now, so its models are not known", hint=answer["fault"])
    if answer["error"] is not None:
        raise InvalidArgument(answer["error"], hint=answer["hint"], resource=f"table:{table}")


def answer_of(request: list[str]) -> dict[str, str | None]:
    """In the process of its own."""
    root, module, attribute, name, encoded = request
    from portable.cli.loading import load
    from portable.documents import decode

    found: dict[str, str | None] = {"fault": None, "error": None, "hint": None}
    loaded = load(root, module, attribute, "wiring")
    if "faults" in loaded:
        return {**found, "fault": loaded["faults"][0]["message"]}
    for part in getattr(sys.modules[module], attribute).parts():
        for resource in part.resources.values():
            if resource.id == f"table:{name}":
                declared: Any = cast("Table[Any]", resource)
                try:
                    declared._items.model.load(decode(encoded))
                except InvalidArgument as error:
                    return {**found, "error": error.message[:MOST_CHARACTERS], "hint": error.hint}
    return found


def main() -> None:
    """The process of its own: the request on stdin, the answer on the descriptor that is named."""
    writing = int(sys.argv[1])
    request = json.loads(sys.stdin.buffer.read().decode("utf-8", "surrogatepass"))
    answer = answer_of(request)
    with os.fdopen(writing, "wb") as answers:
        answers.write(json.dumps(answer).encode())
    # Threads that the app has started have no part in this.
    os._exit(0)


if __name__ == "__main__":
    main()
