"""`portable completion SHELL`: the script that teaches a shell our verbs and options."""

import click
from click.shell_completion import get_completion_class

from .options import common
from .render import Output

SHELLS = {
    "bash": 'eval "$(portable completion bash)" in ~/.bashrc',
    "zsh": 'eval "$(portable completion zsh)" in ~/.zshrc',
    "fish": "portable completion fish > ~/.config/fish/completions/portable.fish",
}


@click.command("completion")
@click.argument("shell", type=click.Choice(list(SHELLS)))
@common
def command(output: Output, shell: str) -> None:
    """Print the completion script of SHELL.

    \b
    bash: eval "$(portable completion bash)" in ~/.bashrc
    zsh:  eval "$(portable completion zsh)" in ~/.zshrc
    fish: portable completion fish > ~/.config/fish/completions/portable.fish
    """
    from .commands import portable

    kind = get_completion_class(shell)
    if kind is None:
        raise click.UsageError(f"click knows no completion for {shell}")
    script = kind(portable, {}, "portable", "_PORTABLE_COMPLETE").source()
    output.data({"shell": shell, "script": script, "install": SHELLS[shell]}, script)
