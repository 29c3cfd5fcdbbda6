"""The simulated TPU VMs: privileged systemd containers with their own Docker volume."""

from __future__ import annotations

from pathlib import Path

from lab.config import DIR, GATEWAY, HOSTS, NAME, SHM_SIZE, Host
from lab.engine import docker
from lab.images import HOST
from lab.shell import wait_for

KNOWN_HOSTS = DIR / "known_hosts"


def start(
    hosts: tuple[Host, ...] = HOSTS, *, image: str = HOST, shm_size: str = SHM_SIZE, known_hosts: Path = KNOWN_HOSTS
) -> None:
    """Have every host up with sshd answering, and its host key known."""
    running = docker("ps", "--format", "{{.Names}}").split()
    existing = docker("ps", "--all", "--format", "{{.Names}}").split()
    for host in hosts:
        if host.container not in existing:
            _create(host, image, shm_size)
        elif host.container not in running:
            docker("start", host.container)
    for host in hosts:
        wait_for(f"sshd of {host.inventory_name}", lambda host=host: bool(_keys(host)))  # type: ignore[misc]
    _write_known_hosts(hosts, known_hosts)


def _create(host: Host, image: str, shm_size: str) -> None:
    # A private cgroup namespace always: with the machine's own, the host's systemd would remount its cgroups.
    # /dev/shm by --tmpfs, for --shm-size mounts it noexec and compiled code could not be loaded from there.
    options = ["--privileged", "--cgroupns=private", "--restart=unless-stopped", f"--network={NAME}"]
    options += [f"--name={host.container}", f"--hostname={host.name}", f"--ip={host.address}"]
    options += ["--tmpfs=/run:rw,nosuid,nodev,mode=755", "--tmpfs=/run/lock", "--tmpfs=/tmp:exec"]
    options += [f"--tmpfs=/dev/shm:rw,nosuid,nodev,exec,mode=1777,size={shm_size}"]
    options += [f"--add-host=metadata.google.internal:{GATEWAY}", f"--volume={host.container}:/var/lib/docker"]
    docker("run", "--detach", *options, image)


def _keys(host: Host) -> list[str]:
    """The host's public keys, once its sshd listens: read inside, as a real fleet reads guest attributes."""
    script = "ss -ltn | grep -q ':22 ' && cat /etc/ssh/ssh_host_*_key.pub"
    return docker("exec", host.container, "sh", "-c", script, check=False).splitlines()


def _write_known_hosts(hosts: tuple[Host, ...], known_hosts: Path) -> None:
    lines = [f"{host.address} {' '.join(key.split()[:2])}" for host in hosts for key in _keys(host)]
    known_hosts.write_text("\n".join(lines) + "\n")


def remove(hosts: tuple[Host, ...] = HOSTS) -> None:
    """Remove the hosts with all that is on them."""
    if not hosts:
        return
    names = [host.container for host in hosts]
    docker("rm", "--force", "--volumes", *names, check=False)
    docker("volume", "rm", "--force", *names, check=False)


def reboot(host: Host) -> None:
    """As a power cycle: /dev/shm, /run and /tmp are gone, Docker's data stays."""
    docker("restart", "--time=10", host.container)
    # All of them, for known_hosts is written as a whole.
    start()


def halt(host: Host) -> None:
    """Power off."""
    docker("stop", "--time=10", host.container)


def is_up(host: Host) -> bool:
    return host.container in docker("ps", "--format", "{{.Names}}", check=False).split()


def ssh_command(host: Host, known_hosts: Path = KNOWN_HOSTS) -> list[str]:
    return ["ssh", "-i", f"{DIR}/id_ed25519", "-o", f"UserKnownHostsFile={known_hosts}", f"ubuntu@{host.address}"]
