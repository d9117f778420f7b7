"""The command `portable`: its verbs, the options that all share, and the one place where errors become exit codes.

Exit codes: 0 done, 1 the app or a step failed, 2 usage, 3 the app cannot be loaded or is misconfigured, 4 credentials
or permission, 5 provider or network, 6 conflict, 70 a bug of portable, 130 interrupted.
"""

import importlib
from collections.abc import Sequence

import click

from portable import __version__
from portable.errors import ConfigurationError, PortableError

from .render import Output, OutputLost, ReaderGone, escape
from .streams import silence_stdout

FAILED, USAGE, BUG, INTERRUPTED = 1, 2, 70, 130
ISSUES = "https://github.com/portable-serverless/portable/issues"
VERBS = {
    "check": "Report what is wrong, or would be on some provider.",
    "completion": "Shell completion for bash, zsh or fish.",
    "config": "Set, read and list the app's params.",
    "cost": "Estimate the month at the observed traffic.",
    "deploy": "Deploy the app: shown, asked about, applied.",
    "destroy": "Delete a deployed stage, but for its data.",
    "dev": "Run the app on this machine, with reload.",
    "doctor": "Check this machine and the project.",
    "explain": "Explain an error code.",
    "inspect": "Show what the app declares: its manifest.",
    "invocations": "List what ran on this machine.",
    "invoke": "Run one background handler now.",
    "logs": "Print logs, of this machine or a deployed stage.",
    "new": "Start a new app.",
    "openapi": "Print the app's OpenAPI 3.1 document.",
    "outputs": "Show where a deployed stage answers.",
    "package": "Make what is deployed: templates and zips.",
    "plan": "Show what a deploy would change.",
    "releases": "List what was deployed.",
    "replay": "Run a recorded invocation again.",
    "rollback": "Go back to a release.",
    "routes": "List the app's HTTP routes.",
    "secret": "Set and list the app's secrets.",
    "status": "Show what runs on this machine, and where.",
    "trace": "Show one transaction with all of its steps.",
}


class Verbs(click.Group):
    """The verbs by name; a verb's module is imported when it is asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        if cmd_name not in VERBS:
            return None
        found: click.Command = importlib.import_module(f".{cmd_name}", __package__).command
        return found

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        with formatter.section("Verbs"):
            formatter.write_dl(list(VERBS.items()))

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as error:
            import difflib

            near = difflib.get_close_matches(args[0], VERBS, 1)
            hint = f"did you mean `portable {near[0]}`?" if near else "`portable --help` lists the verbs"
            raise click.UsageError(f"there is no verb {args[0]!r}; {hint}", ctx) from error


@click.group(cls=Verbs, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(__version__, prog_name="portable", message="%(prog)s %(version)s")
def portable() -> None:
    """One Python app on a laptop, AWS, Google Cloud or Azure.

    Start with `portable new hello`, then `cd hello` and `portable dev`.
    """


def run(arguments: Sequence[str]) -> int:
    """Runs the command line; returns its exit code. Whatever goes wrong is said here, and only here."""
    output = Output(as_json="--json" in arguments, verbose="--verbose" in arguments)
    try:
        code: object = portable.main(list(arguments), prog_name="portable", standalone_mode=False)
        return code if isinstance(code, int) else 0
    except click.exceptions.Exit as error:
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        output.say("interrupted")
        return INTERRUPTED
    except (ReaderGone, SystemExit):
        # SystemExit: click, if it was to print a help that nobody reads to its end.
        silence_stdout()
        return 0
    except OutputLost as error:
        return _lost(error, output)
    except Exception as error:
        try:
            return _failed(error, arguments, output)
        except ReaderGone:
            silence_stdout()
            return _exit_code(error)
        except OutputLost as lost:
            return _lost(lost, output)


def _failed(error: Exception, arguments: Sequence[str], output: Output) -> int:
    """Says what went wrong."""
    if isinstance(error, click.UsageError):
        _usage(error, output)
    elif isinstance(error, click.ClickException):
        output.say(f"error: {escape(error.format_message())}")
    elif isinstance(error, PortableError | OSError):
        if output.verbose:
            _own_traceback(output)
        output.fault(error if isinstance(error, PortableError) else _refused(error))
    else:
        _bug(error, arguments, output)
    return _exit_code(error)


def _exit_code(error: Exception) -> int:
    if isinstance(error, click.ClickException | PortableError):
        return error.exit_code
    return ConfigurationError.exit_code if isinstance(error, OSError) else BUG


def _refused(error: OSError) -> ConfigurationError:
    """What the system did not let us do, with the file it was about."""
    what = f"{error.filename}: " if error.filename is not None else ""
    hint = "see whether it is there, who may read and write there, and whether the disk is full"
    if isinstance(error, FileNotFoundError) and error.filename is None:
        what, hint = "the current folder: ", "it may have been removed: cd into one that is there"
    return ConfigurationError(f"{what}{error.strerror or error}", hint=f"{hint}; --verbose shows where in portable")


def _lost(error: OutputLost, output: Output) -> int:
    silence_stdout()
    output.say(f"error: stdout cannot be written: {error}")
    return FAILED


def _usage(error: click.UsageError, output: Output) -> None:
    message = escape(error.format_message())
    command = error.ctx.command_path if error.ctx is not None else "portable"
    output.say(f"error: {message}\n  hint: {command} --help")
    if output.as_json:
        output.data(
            {"error": {"code": "usage", "message": message, "hint": f"{command} --help", "exit_code": USAGE}}, ""
        )


def _own_traceback(output: Output) -> None:
    import traceback

    output.say(traceback.format_exc().rstrip())


def _bug(error: Exception, arguments: Sequence[str], output: Output) -> None:
    what = f"{type(error).__name__}: {error}"
    if output.verbose:
        _own_traceback(output)
    verb = next((argument for argument in arguments if argument in VERBS), "")
    output.say(
        f"error: portable has a bug: {escape(what)}\n"
        f"  hint: run it again with --verbose and send what it prints to {ISSUES}"
    )
    if output.as_json:
        output.data(
            {
                "error": {
                    "code": "bug",
                    "message": what,
                    "hint": f"portable {verb} --verbose, and report it: {ISSUES}",
                    "exit_code": BUG,
                }
            },
            "",
        )
