"""An app of 19 services and 289 functions, as portable has it and as Chalice has it: what packaging is measured with.

Each service has a few routes, which share one function of ours, and background handlers; Chalice's app has as many
functions, of the same code.
"""

from pathlib import Path

SERVICES = 19
FUNCTIONS = 289
HANDLER = """
    rows.put({{"id": str(payload["n"]), "name": "{name}", "total": payload["n"] * {number}}})
    return None
"""


def counts() -> list[int]:
    """Background handlers of each service: with one function for its routes, 289 in all."""
    whole, more = divmod(FUNCTIONS - SERVICES, SERVICES)
    return [whole + (1 if number < more else 0) for number in range(SERVICES)]


def write_portable(folder: Path) -> None:
    folder.mkdir(parents=True)
    head = ["from portable import App", "", 'app = App("large")', ""]
    for number, count in enumerate(counts()):
        name = f"part{number:02}"
        head += [f"import {name}", f'app.include({name}.service, prefix="/{name}")', ""]
        lines = ["from portable import Service", "", f'service = Service("{name}")', 'rows = service.table("rows")', ""]
        lines += [
            '@service.get("/{id}")', "def read(id: str) -> dict:", '    return rows.require(id)', "",
            '@service.post("/")', "def create(row: dict) -> dict:", "    rows.put(row)", "    work0.send(row)",
            "    return row", "",
        ]  # fmt: skip
        for other in range(count):
            body = HANDLER.format(name=f"{name}-{other}", number=other)
            lines += ["@service.task", f"def work{other}(payload: dict) -> None:{body}"]
        (folder / f"{name}.py").write_text("\n".join(lines))
    (folder / "app.py").write_text("\n".join(head))


def write_chalice(folder: Path) -> None:
    (folder / ".chalice").mkdir(parents=True)
    (folder / ".chalice/config.json").write_text('{"version": "2.0", "app_name": "large", "stages": {"dev": {}}}')
    (folder / "requirements.txt").write_text("")
    (folder / "chalicelib").mkdir()
    (folder / "chalicelib/__init__.py").write_text("")
    lines = ["from chalice import Chalice", "", 'app = Chalice(app_name="large")', "rows = {}", ""]
    for number in range(FUNCTIONS):
        lines += [
            "@app.lambda_function()",
            f"def work{number}(event, context):",
            f'    rows[str(event["n"])] = {{"name": "work{number}", "total": event["n"] * {number}}}',
            "    return None",
            "",
        ]
    (folder / "app.py").write_text("\n".join(lines))
