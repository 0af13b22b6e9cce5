"""`engate <command>`: a table of commands, each in its own module with a `main(argv) -> exit status`."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence
from importlib.metadata import version

from engate_api.words import in_words

COMMANDS: dict[str, tuple[str, str]] = {
    "serve": ("engate_api.commands.serve", "the API, and (without Redis) the lanes; --sandboxes: with every installed sandbox beside it"),
    "worker": ("engate_api.worker", "one worker, for scale mode"),
    "demo": ("engate_api.demo.command", "a tour through two sandboxes"),
    "sandbox": ("engate_api.commands.sandbox", "one platform's sandbox"),
    "new-plugin": ("engate_api.commands.new_plugin", "a new plugin with its sandbox and tests, to go on from"),
    "conformance": ("engate_api.commands.conformance", "the suite that a plugin is held to, on an account"),
    "services": ("engate_api.commands.services", "a real PostgreSQL and a real Valkey on free local ports"),
    "call": ("engate_api.commands.call", "one hook of a plugin against an account, its pages and its calls"),
    "backup": ("engate_api.commands.backup", "the database into a file, while it is in use"),
    "restore": ("engate_api.commands.restore", "the database from such a file"),
}


def main(argv: Sequence[str] | None = None) -> int:
    given = list(sys.argv[1:] if argv is None else argv)
    if given == ["--version"]:
        print(f"engate {version('engate')}")
        return 0
    if not given or given[0] not in COMMANDS:
        asked = bool(given) and given[0] not in ("-h", "--help")
        print(_usage(), file=sys.stderr if asked else sys.stdout)
        return 2 if asked else 0
    module = COMMANDS[given[0]][0]
    try:
        command = importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name != module:
            raise
        print(f"engate {given[0]}: not in this installation", file=sys.stderr)
        return 2
    try:
        return command.main(given[1:])
    except KeyboardInterrupt:
        return 130
    except Exception as error:
        said = in_words(error)
        if said is None:
            raise
        print(f"engate: {said.text.pt} / {said.text.en}", file=sys.stderr)
        if said.hint.pt:
            print(f"        {said.hint.pt} / {said.hint.en}", file=sys.stderr)
        return 1


def _usage() -> str:
    width = max(map(len, COMMANDS))
    lines = [f"  {name:{width}}  {about}" for name, (_, about) in COMMANDS.items()]
    return "\n".join(["usage: engate <command> [--help]", "       engate --version", "", *lines])


if __name__ == "__main__":
    sys.exit(main())
