"""A plan of a fleet of which all facts are in, against reading and writing the same facts as JSON."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

from ansible_collections.turbostable.tpu.plugins.plugin_utils import _command, _plan, _plan_text, _profile
from ansible_collections.turbostable.tpu.plugins.plugin_utils._wanted import Limits

SIZES = (1_000, 10_000)
REPEATS = 3


def run() -> list[dict[str, Any]]:
    """One row for each size; one host in ten has a flag of its own to change, and one in a hundred is new."""
    return [_measure(count) for count in SIZES]


def _measure(count: int) -> dict[str, Any]:
    hosts = fleet(count)
    known = _profile.load_known()["env"]
    records = [{"model": hosts[0]["spec"]["model"], "type": "v6e-4", "start": "cold", "seconds": 1440.0}] * 1_000

    def plan() -> str:
        return _plan_text.text(_plan.plan(hosts, Limits(), known, records))

    summary = plan().splitlines()[-1]
    if not summary.startswith(f"Plan: {count // 10 + count // 100} of {count} hosts to change"):
        raise RuntimeError(f"bench: not the plan that was to be measured: {summary}")
    # By turns, so that both meet the same load of the machine.
    pairs = [(_timed(plan), _timed(lambda: json.loads(json.dumps(hosts)))) for _ in range(REPEATS)]
    seconds, floor = (min(times) for times in zip(*pairs, strict=True))
    return {"hosts": count, "seconds": round(seconds, 2), "floor_seconds": round(floor, 2), "ratio": seconds / floor}


def _timed(work: Callable[[], object]) -> float:
    begin = time.monotonic()
    work()
    return time.monotonic() - begin


def fleet(count: int) -> list[dict[str, Any]]:
    """Hosts with their facts, as the role plan has gathered them."""
    profile = _profile.load_profile("turbo_stable")
    spec = _command.build_spec(profile, _profile.load_known(), "turbo_stable", "vllm-gemma4")
    hosts = []
    for i in range(count):
        argv = [*spec["argv"], f"--seed={i}"] if i % 10 == 1 else spec["argv"]
        container = {
            "running": True,
            "image": spec["image"],
            "image_id": "sha256:1",
            "entrypoint": ["vllm"],
            "argv": argv,
            "env": spec["env"],
            "image_env": {},
            "volumes": ["/dev/shm:/dev/shm:rw"],  # noqa: S108 - as Docker has it
            "privileged": True,
            "network": "host",
            "shm_size": 10 << 30,
            "stop_timeout": spec["stop_timeout"],
            "profile": "turbo_stable",
        }
        facts = {
            "container": None if i % 100 == 0 else container,
            "image_id": "sha256:1",
            "shm": {"size": 100 << 30, "cache": 1 << 30},
            "memory": 720 << 30,
            "model": None,
        }
        hosts.append({"name": f"tpu-{i}", "spec": spec, "type": "v6e-4", "chips": 4, "facts": facts})
    return hosts
