# Copyright (c) 2026, Turbo-Stable contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Who compiles, who restores whose compile cache, who just serves: decided for a whole fleet at once. Pure.

Of all hosts with one fingerprint a single one compiles, the canary; the others wait for its bundle and start warm.
Where canaries fail, the configuration is at fault and not the host, and the others are held back as they are.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

Step = dict[str, str]

# So many canaries may fail before the others are held back.
CANARIES = 2


def cache_plan(hosts: Iterable[Mapping[str, Any]], store: str) -> dict[str, Step]:
    """The step of each host by name: ``{"action", "source", "peer"}``.

    A host is ``{"name", "fingerprint", "failed", "cache"}``; its cache is what ``xla_cache`` with ``state: info`` tells
    (``warm``, ``local_bundle``, ``store_bundle``). *store* is ``peer``, ``local`` or an address of Cloud Storage.

    Actions: ``serve``, ``restore`` (from the source ``local``, ``store`` or ``peer``), ``compile`` (the canary),
    ``wait`` (for the canary; plan again after it) and ``hold`` (``peer`` names those who failed).
    """
    plan: dict[str, Step] = {}
    families: dict[str, list[Mapping[str, Any]]] = {}
    for host in hosts:
        families.setdefault(str(host["fingerprint"]), []).append(host)
    for family in families.values():
        plan.update(_family(family, store))
    return plan


def _family(family: list[Mapping[str, Any]], store: str) -> dict[str, Step]:
    good = [host for host in family if not host["failed"]]
    # Only those that failed while they compiled tell of the configuration.
    failed = [str(host["name"]) for host in family if host["failed"] and host.get("canary")]
    sources = [str(host["name"]) for host in good if host["cache"].get("local_bundle")]
    proven = any(host["cache"].get("warm") for host in good)
    plan: dict[str, Step] = {}
    canary = ""
    for host in good:
        name, cache = str(host["name"]), host["cache"]
        if cache.get("warm"):
            plan[name] = step("serve")
        elif cache.get("local_bundle"):
            plan[name] = step("restore", "local")
        elif cache.get("store_bundle"):
            plan[name] = step("restore", "store")
        elif store == "local":
            plan[name] = step("serve")
        elif sources:
            plan[name] = step("restore", "peer", sources[0]) if store == "peer" else step("restore", "store")
        elif proven:
            # It compiled nothing, or could not publish: nothing to wait for.
            plan[name] = step("serve")
        elif len(failed) >= CANARIES:
            plan[name] = step("hold", peer=" and ".join(failed))
        elif canary:
            plan[name] = step("wait", peer=canary)
        else:
            canary = name
            plan[name] = step("compile")
    return plan


def step(action: str, source: str = "", peer: str = "") -> Step:
    """One host's; ``none`` is that of a host without a plan, for it failed or was lost."""
    return {"action": action, "source": source, "peer": peer}
