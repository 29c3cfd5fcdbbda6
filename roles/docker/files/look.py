# ruff: noqa: INP001
"""Print as JSON what the role decides on: one look instead of a task for each question."""

import importlib.util
import json
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

DAEMON_JSON = Path("/etc/docker/daemon.json")
PACKAGES = ["docker.io", "docker-ce", "containerd", "containerd.io", "python3-requests"]


def output(*argv):
    try:
        return subprocess.run(argv, capture_output=True, text=True, check=False).stdout.strip()
    except OSError:
        return ""


def daemon():
    """The content of daemon.json, or an error."""
    try:
        content = json.loads(DAEMON_JSON.read_text(encoding="utf-8") or "{}")
    except FileNotFoundError:
        return {"daemon": {}}
    except (OSError, ValueError) as error:
        return {"daemon": None, "daemon_error": str(error)}
    if not isinstance(content, dict):
        return {"daemon": None, "daemon_error": "expected a JSON object"}
    return {"daemon": content}


def packages():
    """The state of each package that dpkg knows."""
    states = output("dpkg-query", "--show", "--showformat=${Package} ${db:Status-Status}\n", *PACKAGES)
    return dict(line.split() for line in states.splitlines())


def is_stale(taken_up):
    """Whether daemon.json is newer than the engine's last start or reload: an earlier run was lost between the two."""
    try:
        return DAEMON_JSON.stat().st_mtime > time.time() - time.monotonic() + int(taken_up) / 1e6
    except OSError:
        return False


engine = re.search(r"version ([0-9.]+)", output("dockerd", "--version"))
properties = "--property=ActiveState,UnitFileState,StateChangeTimestampMonotonic"
service = dict(line.split("=", 1) for line in output("systemctl", "show", "docker.service", properties).splitlines())
active = service.get("ActiveState") == "active"
states = packages()
# What an interrupted dpkg has left behind.
half = sorted(name for name in states if states[name] not in ("installed", "not-installed", "config-files"))
look = {
    "engine": engine.group(1) if engine else "0",
    "client": bool(shutil.which("docker")),
    "requests": bool(importlib.util.find_spec("requests")),
    "active": active,
    "enabled": service.get("UnitFileState") == "enabled",
    "docker_ce": states.get("docker-ce") == "installed",
    "half_installed": half,
    "interrupted": bool(half or any(Path("/var/lib/dpkg/updates").glob("[0-9]*"))),
    "stale": active and is_stale(service["StateChangeTimestampMonotonic"]),
    "apparmor": Path("/sys/kernel/security/apparmor").exists(),
    **daemon(),
}
json.dump(look, sys.stdout)
