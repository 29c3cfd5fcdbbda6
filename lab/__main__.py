"""The lab's command line: ``python -m lab up``."""

from __future__ import annotations

import argparse
import fcntl
import os
import shutil
import sys
import time
from collections.abc import Callable

from lab import engine, hosts, images, light, services
from lab.config import DIR, HOSTS, Host
from lab.shell import LabError, run


def up(args: argparse.Namespace) -> None:
    """Bring the whole lab up; what stands already is left as it is."""
    begin = time.monotonic()
    engine.install()
    engine.start()
    services.start()
    images.fetch_index()
    images.build_base()
    images.build_host()
    hosts.start()
    if not args.no_image:
        images.build_vllm()
    print(f"lab is up after {time.monotonic() - begin:.0f} s; {services.describe()}")


def stop(_args: argparse.Namespace) -> None:
    """Stop all processes and keep all data, so that the next `up` is quick."""
    services.stop()
    engine.stop()


def down(_args: argparse.Namespace) -> None:
    """Remove everything that the lab has made."""
    if not DIR.exists():
        return
    engine.start()
    light.start(0)
    hosts.remove()
    services.stop()
    engine.remove_network()
    engine.stop()
    shutil.rmtree(DIR)


def reset(args: argparse.Namespace) -> None:
    """Make the hosts bare again, and the fleet what it was."""
    chosen = tuple(_host(name) for name in args.host) or HOSTS
    hosts.remove(chosen)
    hosts.start()
    services.reset_fleet()


def reboot(args: argparse.Namespace) -> None:
    """Power-cycle one host."""
    hosts.reboot(_host(args.host))


def halt(args: argparse.Namespace) -> None:
    """Power off one host; `up` powers it on again."""
    hosts.halt(_host(args.host))


def many(args: argparse.Namespace) -> None:
    """Have this many light hosts up, for figures at scale; 0 removes them."""
    light.start(args.count)
    print(f"{args.count} light hosts are up: {light.INVENTORY}" if args.count else "no light hosts")


def ssh(args: argparse.Namespace) -> None:
    """Log in on one host."""
    command = [*hosts.ssh_command(_host(args.host)), *args.command]
    os.execvp(command[0], command)


def status(_args: argparse.Namespace) -> None:
    """Say what is up."""
    for host in HOSTS:
        print(f"{host.inventory_name:24} {host.address:14} {'up' if hosts.is_up(host) else 'down'}")
    print(services.describe())
    print(run(["du", "-sh", str(DIR)], check=False).strip())


def _host(name: str) -> Host:
    for host in HOSTS:
        if name in (host.name, host.inventory_name):
            return host
    raise LabError(f"no lab host {name!r}; there are: {', '.join(host.name for host in HOSTS)}")


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m lab", description=__doc__)
    commands = parser.add_subparsers(required=True)

    def command(function: Callable[[argparse.Namespace], None]) -> argparse.ArgumentParser:
        sub = commands.add_parser(function.__name__, help=function.__doc__)
        sub.set_defaults(function=function)
        return sub

    command(up).add_argument("--no-image", action="store_true", help="hosts and services only, no vLLM image")
    command(stop)
    command(down)
    command(reset).add_argument("host", nargs="*", help="all hosts where none is named")
    command(reboot).add_argument("host")
    command(halt).add_argument("host")
    command(many).add_argument("count", type=int)
    ssh_parser = command(ssh)
    ssh_parser.add_argument("host")
    ssh_parser.add_argument("command", nargs=argparse.REMAINDER)
    command(status)
    args = parser.parse_args()
    try:
        if args.function in (ssh, status):
            args.function(args)
            return 0
        DIR.mkdir(parents=True, exist_ok=True)
        with (DIR / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            args.function(args)
    except LabError as error:
        print(f"lab: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("lab: interrupted; the same command goes on from here", file=sys.stderr)
        return 130
    except PermissionError as error:
        print(f"lab: {error}; the lab needs root, run it with sudo", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
