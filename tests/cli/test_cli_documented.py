"""docs/cli.md says what the commands say. Rewrite its reference with:

python tests/cli/test_cli_documented.py
"""

from __future__ import annotations

import re
from pathlib import Path

import click
import pytest

from lineage_guard.cli import SECTIONS, cli

PAGE = Path(__file__).parents[2] / "docs" / "cli.md"
BEGIN, END = "<!-- reference: begin -->", "<!-- reference: end -->"


def commands() -> dict[str, click.Command]:
    """Every command by its words; a group is not a command, what it holds is."""
    found: dict[str, click.Command] = {}
    for name, command in cli.commands.items():
        held = command.commands if isinstance(command, click.Group) else {"": command}
        found |= {f"{name} {each}".strip(): c for each, c in held.items()}
    return dict(sorted(found.items()))


def reference() -> str:
    parts = []
    group = click.Context(cli, info_name="lineage-guard", **cli.context_settings)
    for name, command in commands().items():
        command._help_option = None  # click keeps the option of the first context that ever asked
        context = click.Context(command, parent=group, info_name=name, max_content_width=100, terminal_width=100)
        parts.append(f"### {name}\n\n```text\n{command.get_help(context)}\n```\n")
    return "\n".join(parts)


def rewrite() -> None:
    text = PAGE.read_text()
    head, rest = text.split(BEGIN)
    PAGE.write_text(f"{head}{BEGIN}\n\n{reference()}\n{END}{rest.split(END)[1]}")


def test_the_reference_is_what_the_commands_print():
    written = PAGE.read_text().split(BEGIN)[1].split(END)[0].strip()
    assert written == reference().strip(), "run: python tests/cli/test_cli_documented.py"


def test_the_help_lists_every_command_once_and_cuts_no_sentence():
    assert sorted(name for names in SECTIONS.values() for name in names) == sorted(cli.commands)
    shown = click.Context(cli, info_name="lineage-guard").get_help().partition("\nAsk:")[2]
    assert "..." not in shown
    assert shown.index("\n  check ") < shown.index("\n  doctor ") < shown.index("\n  prune ")


@pytest.mark.parametrize("name", commands())
def test_every_command_and_option_has_help(name):
    command = commands()[name]
    assert command.help
    for parameter in command.params:
        if isinstance(parameter, click.Option):
            assert parameter.help, parameter.name


def test_every_command_and_option_that_is_documented_exists():
    known = commands()
    docs = [*PAGE.parent.glob("*.md"), *(PAGE.parent / "runbooks").glob("*.md"), PAGE.parents[1] / "README.md"]
    for path in docs:
        text = path.read_text() if path.exists() else ""
        for line in re.findall(r"`lineage-guard ([a-z][^`\n]*)`|^ +lineage-guard ([a-z].*)$", text, re.MULTILINE):
            words = (line[0] or line[1]).split("#")[0].split()
            said = " ".join(words)
            name = next((n for n in (" ".join(words[:2]), words[0]) if n in known), None)
            if name is None and isinstance(cli.commands.get(words[0]), click.Group):
                assert len(words) == 1 or words[1] in ("--help", "|") or "|" in words[1], f"{path.name}: {said}"
                continue
            assert name is not None, f"{path.name}: lineage-guard {said}"
            options = {o for p in known[name].params for o in p.opts} | {"--help", "-h"}
            for word in words[1:]:
                if word.startswith("-"):
                    assert word.split("=")[0] in options, f"{path.name}: {word} of {name}"


def test_the_exit_codes_are_documented():
    from lineage_guard import cli as module

    text = PAGE.read_text()
    for code in (module.EXIT_ALLOW, module.EXIT_BLOCK, module.EXIT_UNKNOWN, module.EXIT_USAGE, module.EXIT_LEDGER):
        assert re.search(rf"^\| {code} \|", text, re.MULTILINE)


if __name__ == "__main__":
    rewrite()
