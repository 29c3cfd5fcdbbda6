"""The Docker Engine around the lab: one of its own beside any other, so that a user's images and settings stay his."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from lab.config import BRIDGE, DIR, GATEWAY, NAME, SUBNET
from lab.shell import LabError, run, start_daemon, stop_daemon, succeeds, wait_for

_SOCKET = DIR / "docker.sock"
_HOST = f"unix://{_SOCKET}"
_PACKAGES = {
    "dockerd": "docker.io",
    "iptables": "iptables",
    "debootstrap": "debootstrap",
    "docker-registry": "docker-registry",
    "ssh": "openssh-client",
    "ssh-keygen": "openssh-client",
    "ip": "iproute2",
}
_CAP_SYS_RESOURCE = 24
# The hosts' way out, for packages: table, chain, match and target.
_RULES = (
    ("nat", "POSTROUTING", f"--source {SUBNET} ! --out-interface {BRIDGE} --jump MASQUERADE"),
    ("filter", "FORWARD", f"--in-interface {BRIDGE} --jump ACCEPT"),
    ("filter", "FORWARD", f"--out-interface {BRIDGE} --match conntrack --ctstate RELATED,ESTABLISHED --jump ACCEPT"),
)


def install() -> None:
    """Install by apt what is missing."""
    if os.geteuid() != 0:
        raise LabError("the lab needs root (it makes a network and privileged containers); run it with sudo")
    path = os.environ["PATH"] + ":/usr/sbin:/sbin"
    missing = {package for program, package in _PACKAGES.items() if not shutil.which(program, path=path)}
    if missing:
        print(f"installing {' '.join(sorted(missing))}", flush=True)
        run(["apt-get", "update", "-qq"])
        # No service starts by itself: the lab starts what it needs, with its own directories.
        policy = Path("/usr/sbin/policy-rc.d")
        ours = not policy.exists()
        if ours:
            policy.write_text("#!/bin/sh\nexit 101\n")
            policy.chmod(0o755)
        try:
            env = {"DEBIAN_FRONTEND": "noninteractive"}
            run(["apt-get", "install", "-y", "-qq", "--no-install-recommends", *sorted(missing)], env=env)
        finally:
            if ours:
                policy.unlink()


def docker(*args: str, check: bool = True, quiet: bool = True) -> str:
    """Run the docker client against the lab's engine."""
    return run([_client(), *args], check=check, quiet=quiet, env={"DOCKER_HOST": _HOST, "DOCKER_BUILDKIT": "1"})


def _client() -> str:
    # Debian's client builds with BuildKit by itself; another one on PATH may lack the plugin for it.
    return "/usr/bin/docker" if Path("/usr/bin/docker").exists() else "docker"


def start() -> None:
    """Have an engine and the lab's network. The network comes before anything that listens on its gateway."""
    DIR.mkdir(parents=True, exist_ok=True, mode=0o755)
    # A packet to a lab address while the bridge is down must not take the default route out of the machine.
    run(["ip", "route", "replace", "unreachable", SUBNET, "metric", "4278198272"])
    _start_daemon()
    if NAME not in docker("network", "ls", "--format", "{{.Name}}").split():
        option = f"com.docker.network.bridge.name={BRIDGE}"
        docker("network", "create", "--subnet", SUBNET, "--gateway", GATEWAY, "--opt", option, NAME)
    for rule in _RULES:
        if not succeeds(["iptables", *_rule("--check", rule)]):
            run(["iptables", *_rule("--insert", rule)])


def _start_daemon() -> None:
    argv = ["--host", _HOST, "--data-root", f"{DIR}/docker", "--exec-root", f"{DIR}/exec"]
    # No docker0 and no rules of the packet filter: those belong to a user's own engine.
    argv += ["--bridge=none", "--iptables=false", "--ip6tables=false"]
    argv += ["--pidfile", f"{DIR}/dockerd-own.pid", f"--insecure-registry={GATEWAY}:5000"]
    path = f"{os.environ['PATH']}:/usr/sbin:/sbin"
    if needs_runc_wrapper():
        wrapper = DIR / "bin" / "runc"
        wrapper.parent.mkdir(exist_ok=True)
        shutil.copy(Path(__file__).parent / "images" / "host" / "runc", wrapper)
        wrapper.chmod(0o755)
        path = f"{wrapper.parent}:{path}"
    start_daemon("dockerd", ["dockerd", *argv], DIR, env={"PATH": path})
    wait_for("dockerd", lambda: _SOCKET.exists() and succeeds([_client(), "--host", _HOST, "info"]), 60)


def needs_runc_wrapper() -> bool:
    """Whether this machine's capability bounding set lacks what `docker run --privileged` asks for."""
    status = Path("/proc/self/status").read_text()
    bounding = int(next(line.split()[1] for line in status.splitlines() if line.startswith("CapBnd")), 16)
    return not bounding >> _CAP_SYS_RESOURCE & 1


def stop() -> None:
    """Stop the engine that the lab has started; and only that."""
    stop_daemon("dockerd", DIR)
    _SOCKET.unlink(missing_ok=True)


def _rule(command: str, rule: tuple[str, str, str]) -> list[str]:
    table, chain, specification = rule
    return ["--table", table, command, chain, *specification.split()]


def remove_network() -> None:
    """Take the network down, and what start has told the machine's kernel of it."""
    docker("network", "rm", NAME, check=False)
    for rule in _RULES:
        run(["iptables", *_rule("--delete", rule)], check=False)
    run(["ip", "route", "del", "unreachable", SUBNET, "metric", "4278198272"], check=False)
