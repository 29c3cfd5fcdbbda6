# Copyright (c) 2026, Turbo-Stable contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a container and its log tell of a vLLM server. Pure; _verdict puts it together with what the server answers."""

from __future__ import annotations

import re
from datetime import datetime, timezone

# What each phase of a start writes into the log, latest phase last.
# tpu-inference: runner/compilation_manager.py and runner/utils.py; vLLM: model loaders and the compilation backend.
_PHASES = (
    ("loading", re.compile(r"Starting to load model|Loading (?:model )?weights|Loading safetensors", re.IGNORECASE)),
    (
        "compiling",
        re.compile(
            r"Precompile |Compiling |Compilation of .* finished|Dynamo bytecode transform|torch\.compile"
            r"|Warming up model"
        ),
    ),
)
_BACKBONE = re.compile(r"Precompile (?:worker\d+ )?backbone -->.*?num_tokens'?: (\d+)")
_BUCKETS = re.compile(r"Prepared token paddings: \[([\d, ]+)\]")
_SERVING = "Application startup complete"
# Lines that say why a start failed, the most telling first.
_REASONS = (
    re.compile(r"error: (?:unrecognized arguments|argument .*|the following arguments are required).*"),
    re.compile(
        r".*(?:RESOURCE_EXHAUSTED|Resource exhausted|[Oo]ut of memory|OutOfMemory|No space left on device"
        r"|Insufficient space).*"
    ),
    # Not the one that only points to the one before it.
    re.compile(r"(?:\S+\s+)?(?:\w+\.)*\w*(?:Error|Exception): (?!.*See root cause above).+"),
    re.compile(r"(?:\S+\s+)?(?:\w+\.)*\w*(?:Error|Exception): .+"),
)
# A container that Docker had to restart this often while it was not ready does not heal by waiting.
_RESTART_LOOP = 2
# What the server says once SIGTERM has reached it; it goes on answering /health with 200 for as long as it drains.
_DRAINING = re.compile(r"\[shutdown\] (?:API server|EngineCore)|cannot schedule new futures after shutdown")


def container_problem(container, restarts_before=0):
    """Why the container cannot become ready by itself, or None.

    *container* is one object of ``docker inspect``, or None when there is none. The first *restarts_before* restarts do
    not count: their cause may be mended since.
    """
    if container is None:
        return "there is no such container"
    state = container["State"]
    if state.get("OOMKilled"):
        return "the container was killed for lack of memory"
    if state["Status"] in ("exited", "dead"):
        return "the container has exited with code {0}".format(state["ExitCode"])
    if state["Status"] == "created":
        return "the container was created and never started{0}".format(
            ": " + state["Error"] if state.get("Error") else ""
        )
    if container.get("RestartCount", 0) - restarts_before >= _RESTART_LOOP:
        return "the container is in a restart loop: {0} restarts, last exit code {1}".format(
            container["RestartCount"], state["ExitCode"]
        )
    return None


def phase(lines):
    """What a starting server is doing: ``{"phase", "done", "total"}`` from the log *lines* of this start.

    ``done`` and ``total`` count token buckets where the backend's log tells them, else they are None.
    """
    found = "loading"
    order = [name for name, _pattern in _PHASES]
    for line in lines:
        for name, pattern in _PHASES:
            if pattern.search(line) and order.index(name) >= order.index(found):
                found = name
    text = "\n".join(lines)
    buckets = _BUCKETS.findall(text)
    return {
        "phase": found,
        "done": len(set(_BACKBONE.findall(text))) if buckets else None,
        "total": len(buckets[-1].split(",")) if buckets else None,
    }


def is_serving(lines):
    """Whether the server has said that it serves."""
    return any(_SERVING in line for line in lines)


def is_draining(lines):
    """Whether this start of the server was told to stop."""
    return any(_DRAINING.search(line) for line in lines)


def compile_lines(lines):
    """Those of the log *lines* that speak of a compile."""
    compiling = dict(_PHASES)["compiling"]
    return [line for line in lines if compiling.search(line)]


def reason(lines):
    """The line of the log that says why a start failed: the last of the most telling kind, or an empty string."""
    for pattern in _REASONS:
        matches = [match.group(0).strip() for match in map(pattern.search, lines) if match]
        if matches:
            return matches[-1]
    return ""


def parse_time(text):
    """Docker's RFC 3339 time with nanoseconds, as seconds since the epoch (float)."""
    match = re.match(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(\.\d+)?(Z|[+-]\d\d:\d\d)", text)
    if not match:
        raise ValueError("no time: {0!r}".format(text))
    base, fraction, zone = match.groups()
    moment = datetime.strptime(base + zone.replace("Z", "+0000").replace(":", ""), "%Y-%m-%dT%H:%M:%S%z")
    return moment.astimezone(timezone.utc).timestamp() + float(fraction or 0)


def ready_seconds(lines, started):
    """Seconds from the container's start (*started*, epoch) to the server's own word that it serves, or None.

    *lines* begin with Docker's time stamps (``docker logs --timestamps``); those of an earlier start do not count.
    """
    for line in lines:
        if _SERVING in line and parse_time(line) >= started:
            return round(parse_time(line) - started, 1)
    return None
