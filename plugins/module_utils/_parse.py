# Copyright (c) 2026, Turbo-Stable contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The question to a vLLM image's own argument parser, and what its answer says."""

from __future__ import annotations

import json

# Runs inside the image, whichever vLLM it has: the parser has moved between its versions.
# argv: the model's path, then the arguments of `vllm serve` without the subcommand.
SCRIPT = """
import contextlib, difflib, io, json, os, re, sys
try:
    from vllm.entrypoints.launchers.cli_args import make_arg_parser, validate_parsed_serve_args
except ImportError:
    from vllm.entrypoints.openai.cli_args import make_arg_parser, validate_parsed_serve_args
try:
    from vllm.utils.argparse_utils import FlexibleArgumentParser
except ImportError:
    from vllm.utils import FlexibleArgumentParser
import vllm
parser = make_arg_parser(FlexibleArgumentParser(prog="vllm serve"))
told, answer = io.StringIO(), {"version": vllm.__version__, "error": None, "near": {}}
try:
    with contextlib.redirect_stderr(told):
        validate_parsed_serve_args(parser.parse_args(sys.argv[2:]))
except SystemExit:
    answer["error"] = told.getvalue().strip()[-2000:]
except (TypeError, ValueError) as error:
    answer["error"] = str(error)[-2000:]
known = [option for action in parser._actions for option in action.option_strings]
for flag in re.findall(r"--[\\w.-]+", (answer["error"] or "").rpartition("unrecognized arguments:")[2]):
    if flag not in known:
        answer["near"][flag] = (difflib.get_close_matches(flag, known, n=1) or [None])[0]
model = sys.argv[1]
if os.path.isfile(os.path.join(model, "config.json")):
    read = lambda path: json.load(open(path))
    answer["model"] = {"config": read(os.path.join(model, "config.json")), "weights": 0, "source": model}
    for name in os.listdir(model):
        if name.endswith(".safetensors"):
            with open(os.path.join(model, name), "rb") as file:
                header = json.loads(file.read(int.from_bytes(file.read(8), "little")))
            header.pop("__metadata__", None)
            answer["model"]["weights"] += sum(t["data_offsets"][1] - t["data_offsets"][0] for t in header.values())
print("turbostable" + json.dumps(answer))
"""
_MARK = "turbostable"


def command(image, argv):
    """The docker command that asks *image* about *argv*, which starts with ``serve MODEL``."""
    run = ["docker", "run", "--rm", "--network", "none", "--pull", "never", "--entrypoint", "python3"]
    # CPU: the parser must not look for a TPU that the running server holds.
    return [*run, "--env", "JAX_PLATFORMS=cpu", image, "-c", SCRIPT, argv[1], *argv[1:]]


def answer(out):
    """What the script has printed: version, error, near and perhaps model; None where it came to no answer."""
    lines = [line for line in out.splitlines() if line.startswith(_MARK)]
    return json.loads(lines[-1][len(_MARK) :]) if lines else None


def refusal(said):
    """The parser's own message in one line, with the nearest valid flag; None where it took everything."""
    if not said["error"]:
        return None
    message = said["error"].splitlines()[-1]
    hints = ["did you mean {0}?".format(near) for near in said["near"].values() if near]
    return " ".join(
        ["vLLM {0}: {1}".format(said["version"], message)] + ["({0})".format(" ".join(hints))] * bool(hints)
    )
