"""``python -m bench [NAME...]``: run the benchmarks, all where none is named, and print their tables."""

from __future__ import annotations

import argparse

from tabulate import tabulate

from bench import bundle, deploy, health, inventory, plan, share, start

BENCHMARKS = {
    "inventory": inventory,
    "plan": plan,
    "deploy": deploy,
    "bundle": bundle,
    "start": start,
    "share": share,
    "health": health,
}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("name", nargs="*", help=f"of: {', '.join(BENCHMARKS)}")
    names = parser.parse_args().name or list(BENCHMARKS)
    for name in names:
        if name not in BENCHMARKS:
            parser.error(f"no benchmark {name!r}; there are: {', '.join(BENCHMARKS)}")
    for name in names:
        benchmark = BENCHMARKS[name]
        print(f"\n{name}: {(benchmark.__doc__ or '').strip()}\n", flush=True)
        print(tabulate(benchmark.run(), headers="keys"), flush=True)


if __name__ == "__main__":
    main()
