"""Write what vLLM itself knows - flags and their kinds, environment variables - as profiles/known/vllm.json.

Runs inside a vLLM image, whose own parser is the only authority (docs/pins.md has the whole command):

    docker run --rm --entrypoint python3 -v $PWD/tools:/tools IMAGE /tools/vllm_known.py TPU_ENVS_PY \
        > profiles/known/vllm.json

TPU_ENVS_PY is tpu_inference/envs.py of the release that the TPU image carries, for the variables of the TPU backend.
"""

from __future__ import annotations

import argparse
import ast
import json
import sys
from pathlib import Path


def kind(action: argparse.Action) -> str:
    """``switch`` (--x and --no-x), ``flag`` (--x alone), ``list`` (several values); of one value what it must be:
    ``int``, ``float``, ``size`` (4096, 4k, auto), or ``value`` for anything.
    """
    if isinstance(action, argparse.BooleanOptionalAction):
        return "switch"
    if action.nargs == 0:
        return "flag"
    if action.nargs in ("+", "*"):
        return "list"
    numbers = {"int": "int", "float": "float", "human_readable_int": "size", "human_readable_int_or_auto": "size"}
    return numbers.get(getattr(action.type, "__name__", ""), "value")


def tpu_variables(envs: Path) -> list[str]:
    """The keys of the ``environment_variables`` table of tpu_inference/envs.py, read without importing it."""
    for node in ast.walk(ast.parse(envs.read_text())):
        target = getattr(node, "target", None) or (getattr(node, "targets", None) or [None])[0]
        table = getattr(node, "value", None)
        if getattr(target, "id", "") == "environment_variables" and isinstance(table, ast.Dict):
            return [str(key.value) for key in table.keys if isinstance(key, ast.Constant)]
    raise SystemExit(f"no environment_variables table in {envs}")


def main() -> None:
    import vllm
    from vllm import envs
    from vllm.entrypoints.launchers.cli_args import make_arg_parser
    from vllm.utils.argparse_utils import FlexibleArgumentParser

    parser = make_arg_parser(FlexibleArgumentParser())
    args = {}
    for action in parser._actions:
        long = [option for option in action.option_strings if option.startswith("--")]
        if not long or action.dest == "help":
            continue
        # An action with --no-x alone is called x, as one with both is.
        option = long[0].removeprefix("--no-") if len(action.option_strings) == 1 else long[0]
        args[option.removeprefix("--").replace("-", "_")] = kind(action)
    variables = sorted({*envs.environment_variables, *tpu_variables(Path(sys.argv[1]))})
    json.dump({"version": vllm.__version__, "args": dict(sorted(args.items())), "env": variables}, sys.stdout, indent=1)
    print()


if __name__ == "__main__":
    main()
