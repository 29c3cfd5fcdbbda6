"""The emulator's command line: ``python -m lab.emulator --fleet FILE``."""

from __future__ import annotations

import argparse
import logging
import re
import signal
import sys
from pathlib import Path

from lab.emulator import Emulator

_ENDS = {signal.SIGTERM, signal.SIGINT}


def _address(text: str) -> str:
    if not re.fullmatch(r"[^:]+:\d+", text):
        raise argparse.ArgumentTypeError(f"ADDRESS:PORT is expected, as 127.0.0.1:8470, not {text!r}")
    return text


def main() -> int:
    """Serve until SIGTERM or SIGINT."""
    parser = argparse.ArgumentParser(prog="python -m lab.emulator", description=__doc__)
    parser.add_argument("--fleet", type=Path, required=True, help="YAML or .json file, read anew for each request")
    for name in ("grpc", "rest", "metadata"):
        told = "default: a free port"
        parser.add_argument(f"--{name}", type=_address, default="127.0.0.1:0", metavar="ADDRESS:PORT", help=told)
    args = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    # Before any thread starts: they inherit the mask, so that only sigwait sees the signals.
    signal.pthread_sigmask(signal.SIG_BLOCK, _ENDS)
    try:
        emulator = Emulator(args.fleet, grpc=args.grpc, rest=args.rest, metadata=args.metadata)
    except OSError as error:
        print(f"lab.emulator: {error}", file=sys.stderr)
        return 1
    with emulator:
        print(f"serving grpc={emulator.grpc} rest={emulator.rest} metadata={emulator.metadata}", flush=True)
        signal.sigwait(_ENDS)
    return 0


if __name__ == "__main__":
    sys.exit(main())
