"""The functions of bench_cold.py: notes that are posted and checked by pydantic, in each one's own way.

All take a JSON body, refuse the one that they are sent with 422, and touch no cloud. Each is packed as its own tool
packs it, which ships no byte code: `chalice package`; for the others wheels of the function's platform unpacked into a
folder, as `pip install -t` and `sam build` do.
"""

import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

MODEL = """
from pydantic import BaseModel, ValidationError

class Note(BaseModel):
    owner: str
    id: str
    text: str
"""
BY_HAND = f"""
import base64
import json
{MODEL}
def handler(event, context):
    body = event.get("body") or ""
    if event.get("isBase64Encoded"):
        body = base64.b64decode(body)
    try:
        note = Note.model_validate_json(body)
    except ValidationError as error:
        return {{"statusCode": 422, "headers": {{"content-type": "application/json"}}, "body": error.json()}}
    return {{"statusCode": 200, "headers": {{"content-type": "application/json"}}, "body": note.model_dump_json()}}
"""
CHALICE = f"""
from chalice import Chalice, Response
{MODEL}
app = Chalice(app_name="notes")

@app.route("/notes", methods=["POST"])
def create():
    try:
        note = Note.model_validate(app.current_request.json_body)
    except ValidationError as error:
        return Response(error.json(), {{"content-type": "application/json"}}, 422)
    return note.model_dump()
"""
POWERTOOLS = f"""
from aws_lambda_powertools.event_handler import APIGatewayHttpResolver
{MODEL}
app = APIGatewayHttpResolver(enable_validation=True)

@app.post("/notes")
def create(note: Note) -> Note:
    return note

def handler(event, context):
    return app.resolve(event, context)
"""
STARLETTE = f"""
from mangum import Mangum
from starlette.applications import Starlette
from starlette.responses import Response
from starlette.routing import Route
{MODEL}
async def create(request):
    try:
        note = Note.model_validate_json(await request.body())
    except ValidationError as error:
        return Response(error.json(), 422, media_type="application/json")
    return Response(note.model_dump_json(), media_type="application/json")

handler = Mangum(Starlette(routes=[Route("/notes", create, methods=["POST"])]), lifespan="off")
"""
FASTAPI = """
from fastapi import FastAPI
from mangum import Mangum
from pydantic import BaseModel

class Note(BaseModel):
    owner: str
    id: str
    text: str

app = FastAPI()

@app.post("/notes")
async def create(note: Note) -> Note:
    return note

handler = Mangum(app, lifespan="off")
"""


class Packed(NamedTuple):
    """A function that lies unpacked in `folder`: `handler` of `module`; `takes_rest` an event of a REST API."""

    folder: Path
    module: str = "function"
    handler: str = "handler"
    takes_rest: bool = False


def with_wheels(folder: Path, code: str, *requirements: str) -> Packed:
    """A function beside its dependencies, of the same versions as the others have. Raises RuntimeError."""
    folder.mkdir()
    (folder / "function.py").write_text(code)
    beside = Path(sys.executable).with_name("uv")
    uv = str(beside) if beside.is_file() else shutil.which("uv")
    if uv is None:
        raise RuntimeError("there is no uv")
    command = [uv, "pip", "install", "--quiet", "--target", str(folder), "--only-binary", ":all:", *requirements]
    finish(command, folder)
    return Packed(folder)


def by_chalice(folder: Path, *requirements: str) -> Packed:
    """What `chalice package` makes, unpacked. Raises RuntimeError."""
    project, out, task = folder / "project", folder / "out", folder / "task"
    (project / ".chalice").mkdir(parents=True)
    (project / ".chalice/config.json").write_text('{"version": "2.0", "app_name": "notes", "stages": {"dev": {}}}')
    (project / "requirements.txt").write_text("\n".join(requirements) + "\n")
    (project / "app.py").write_text(CHALICE)
    command = [str(Path(sys.executable).with_name("chalice")), "package", str(out)]
    if not Path(command[0]).is_file():
        raise RuntimeError("it is not installed here")
    finish(command, project)
    with zipfile.ZipFile(out / "deployment.zip") as archive:
        archive.extractall(task)
    return Packed(task, "app", "app", takes_rest=True)


def finish(command: list[str], folder: Path) -> None:
    environment = {**os.environ, "AWS_DEFAULT_REGION": "eu-central-1"}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"{command[0]}: {(done.stdout + done.stderr).strip()[-300:]}")


PEERS: dict[str, Callable[[Path, dict[str, str]], Packed]] = {
    "Chalice": lambda folder, of: by_chalice(folder, of["pydantic"]),
    "Mangum + Starlette": lambda folder, of: with_wheels(
        folder, STARLETTE, of["mangum"], of["starlette"], of["pydantic"]
    ),
    "Powertools": lambda folder, of: with_wheels(folder, POWERTOOLS, of["aws-lambda-powertools"], of["pydantic"]),
    "Mangum + FastAPI": lambda folder, of: with_wheels(folder, FASTAPI, of["mangum"], of["fastapi"], of["pydantic"]),
}
"""Makers, by what they are called; each is given a folder, and a requirement of the version that is installed here."""
