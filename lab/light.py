"""Many light hosts, for figures at scale: the lab's VM with Docker in it and a stand-in for vLLM of a few kilobytes."""

from __future__ import annotations

import re
import tarfile
import tempfile
from pathlib import Path

import yaml

from lab import hosts
from lab.config import DIR, HERE, NAME, REGISTRY, Host
from lab.engine import docker
from lab.images import build, build_context
from lab.shell import LabError

LIGHT = f"{NAME}/light"
INVENTORY = DIR / "light" / "hosts.yml"
MOST = 100
_KNOWN_HOSTS = DIR / "light" / "known_hosts"
_STANDIN = f"{REGISTRY}/turbostable/standin:1"
_SHM_SIZE = "64m"
# A systemd host takes about six of the kernel's inotify instances, and many kernels allow 128 in all.
_INOTIFY = Path("/proc/sys/fs/inotify/max_user_instances")
_INOTIFY_WANTED = 2048
_INOTIFY_BEFORE = DIR / "light" / "inotify"


def fleet(count: int) -> tuple[Host, ...]:
    """The first *count* light hosts."""
    if not 0 <= count <= MOST:
        raise LabError(f"expected 0 to {MOST} light hosts; got: {count}")
    return tuple(Host(f"light-{k:03}", "us-east5-c", f"10.213.77.{100 + k}") for k in range(1, count + 1))


def start(count: int) -> None:
    """Have exactly *count* light hosts up, with an inventory of their own beside them."""
    chosen = fleet(count)
    existing = docker("ps", "--all", "--filter", f"name={NAME}-light-", "--format", "{{.Names}}").split()
    hosts.remove(tuple(host for host in fleet(MOST) if host.container in existing and host not in chosen))
    if not chosen:
        INVENTORY.unlink(missing_ok=True)
        if _INOTIFY_BEFORE.exists():
            _INOTIFY.write_text(_INOTIFY_BEFORE.read_text())
            _INOTIFY_BEFORE.unlink()
        return
    with build_context("light") as context:
        build(LIGHT, context)
    INVENTORY.parent.mkdir(exist_ok=True)
    if int(_INOTIFY.read_text()) < _INOTIFY_WANTED:
        _INOTIFY_BEFORE.write_text(_INOTIFY.read_text())
        _INOTIFY.write_text(str(_INOTIFY_WANTED))
    _write_inventory(chosen, _push_standin())
    hosts.start(chosen, image=LIGHT, shm_size=_SHM_SIZE, known_hosts=_KNOWN_HOSTS)


def ssh_command(host: Host) -> list[str]:
    return hosts.ssh_command(host, _KNOWN_HOSTS)


def _push_standin() -> str:
    """The stand-in's image: one script. Python and its libraries are the host's own, mounted at /usr."""
    with tempfile.TemporaryDirectory(dir=DIR) as directory:
        archive = Path(directory) / "standin.tar"
        with tarfile.open(archive, "w") as tar:
            tar.add(HERE / "images" / "standin" / "vllm", "opt/vllm")
            for name in ("bin", "lib", "lib64"):
                link = tarfile.TarInfo(name)
                link.type, link.linkname = tarfile.SYMTYPE, f"usr/{name}"
                tar.addfile(link)
        docker("import", "--change", "ENV PATH=/opt:/usr/bin", str(archive), _STANDIN)
    found = re.search(r"digest: (sha256:[0-9a-f]{64})", docker("push", _STANDIN))
    if not found:
        raise LabError(f"docker push {_STANDIN} told no digest")
    return f"{_STANDIN.removeprefix(REGISTRY + '/')}@{found.group(1)}"


def _write_inventory(chosen: tuple[Host, ...], image: str) -> None:
    variables = yaml.safe_load((HERE.parent / "inventory" / "lab" / "group_vars" / "all.yml").read_text())
    variables["ansible_ssh_common_args"] = f"-o UserKnownHostsFile={_KNOWN_HOSTS}"
    variables["vllm_profile"] = str(HERE / "light_profile.yml")
    variables["vllm_image"] = {"base": image}
    # Less memory than a real VM has: the share of it that /dev/shm takes is checked all the same.
    variables["shm_cache_min_free"] = "1m"
    machines = {
        host.inventory_name: {
            "ansible_host": host.address,
            "tpu_zone": host.zone,
            "tpu_project": "lab-project",
            "tpu_accelerator_type": "v6e-4",
        }
        for host in chosen
    }
    INVENTORY.write_text(yaml.safe_dump({"all": {"vars": variables, "children": {"tpu": {"hosts": machines}}}}))
