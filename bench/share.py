"""How long 1 to 8 hosts take to restore what another one hands over, all at once, against a bare download on one."""

from __future__ import annotations

import json
import subprocess
import time
from typing import Any

from bench.shared import ENVIRONMENT, ROOT, lab
from lab import light

COUNTS = (1, 2, 4, 8)
MEGABYTES = 200
CACHE = "/dev/shm/vllm_cache"  # noqa: S108 - the hosts' own, root's alone
SOURCE = light.fleet(1)[0]
ARGS = {"fingerprint": "bench", "directory": CACHE, "local": "/var/lib/turbostable/bench"}
# A cache on the first host, as a warmed server leaves it.
FILL = (
    f"mkdir -p /usr/local/lib/turbostable /run/turbostable {CACHE}; rm -rf {ARGS['local']} {CACHE}/*; "
    f"for i in $(seq {MEGABYTES // 2}); do head -c 2000000 /dev/urandom > {CACHE}/jit_$i; done"
)


def run() -> list[dict[str, Any]]:
    """One row for each number of receivers."""
    lab("many", str(max(COUNTS) + 1))
    everybody = ",".join(host.inventory_name for host in light.fleet(max(COUNTS) + 1))
    _ansible(everybody, "shell", {"cmd": "mount -o remount,size=1g /dev/shm"})
    for name in ("bundle", "file_server"):
        source = ROOT / "plugins" / "module_utils" / f"_{name}.py"
        destination = f"/usr/local/lib/turbostable/{name}.py"
        _ansible(SOURCE.inventory_name, "file", {"path": "/usr/local/lib/turbostable", "state": "directory"})
        _ansible(SOURCE.inventory_name, "copy", {"src": str(source), "dest": destination})
    _ansible(SOURCE.inventory_name, "shell", {"cmd": FILL})
    pack = (
        f"from sys import path; path.insert(0, '/usr/local/lib/turbostable'); import bundle; bundle.publish({CACHE!r}, "
    )
    pack += f"{ARGS['local']!r}, 'bench')"
    _ansible(SOURCE.inventory_name, "command", {"argv": ["python3", "-c", pack]})
    served = {"serve_on": SOURCE.address, "serve_seconds": 600}
    shared = _ansible(SOURCE.inventory_name, "turbostable.tpu.xla_cache", {**ARGS, "state": "shared", **served})
    given = {**ARGS, "state": "restored", "peer": shared["url"], "sha256": shared["sha256"]}
    download = f"import urllib.request; urllib.request.urlretrieve({shared['url']!r}, '/var/lib/floor')"
    receivers = light.fleet(max(COUNTS) + 1)[1:]
    begin = time.monotonic()
    _ansible(receivers[0].inventory_name, "command", {"argv": ["python3", "-c", download]})
    floor = time.monotonic() - begin
    rows = [_measure(count, given, floor) for count in COUNTS]
    lab("many", "0")
    return rows


def _measure(count: int, given: dict[str, Any], floor: float) -> dict[str, Any]:
    hosts = ",".join(host.inventory_name for host in light.fleet(count + 1)[1:])
    _ansible(hosts, "shell", {"cmd": f"rm -rf {ARGS['local']} {CACHE}"})
    begin = time.monotonic()
    _ansible(hosts, "turbostable.tpu.xla_cache", given)
    seconds = time.monotonic() - begin
    return {
        "receivers": count,
        "bundle MB": MEGABYTES,
        "seconds": round(seconds, 1),
        "MB/s in all": round(MEGABYTES * count / seconds),
        "floor: one bare download s": round(floor, 1),
    }


def _ansible(hosts: str, module: str, args: dict[str, Any]) -> dict[str, Any]:
    """Run one module on *hosts*; the result of the first one."""
    command = [f"{ROOT}/.venv/bin/ansible", "-i", str(light.INVENTORY), hosts, "--become", "--one-line"]
    command += ["-m", module, "-a", json.dumps(args)]
    done = subprocess.run(command, cwd=ROOT, env=ENVIRONMENT, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"bench: {module} on {hosts} failed: {done.stdout[-2000:]}{done.stderr[-2000:]}")
    told = done.stdout.splitlines()[0].partition("=> ")[2]
    result: dict[str, Any] = json.loads(told) if told else {}
    return result
