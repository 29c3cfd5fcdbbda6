# Copyright (c) 2026, Turbo-Stable contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a container was started with, out of ``docker inspect``, without its secrets: they never leave the host."""

from __future__ import annotations

import re

HIDDEN = "(hidden)"
_SECRET_NAME = re.compile(r"(?:^|_)(?:TOKEN|SECRET|PASSWORD|CREDENTIALS?|(?:API|ACCESS|PRIVATE)_KEY)$", re.IGNORECASE)
_SECRET_VALUE = re.compile(r"\bhf_[A-Za-z0-9]{8,}|\bsk-[A-Za-z0-9_-]{16,}|\bya29\.[A-Za-z0-9_.-]+")
_SECRET_OPTION = re.compile(r"--?(?:api[-_]key|hf[-_]token)$")


def describe(container, image):
    """The part of *container* that a profile decides on; *image* is the inspected image that it runs, or None."""
    config, host = container["Config"], container["HostConfig"]
    inherited = (image or {}).get("Config", {}).get("Env") or []
    own = [entry for entry in config.get("Env") or [] if entry not in inherited]
    return {
        "id": container["Id"],
        "running": bool(container["State"]["Running"]),
        "started_at": container["State"]["StartedAt"],
        "image": config["Image"],
        "image_id": container["Image"],
        "entrypoint": config.get("Entrypoint") or [],
        "argv": hide_options(config.get("Cmd") or []),
        "env": variables(own),
        # The image's own; a profile may set one of them to the same value.
        "image_env": variables(inherited),
        "volumes": sorted(host.get("Binds") or []),
        "privileged": bool(host.get("Privileged")),
        "network": host.get("NetworkMode") or "default",
        "shm_size": host.get("ShmSize") or 0,
        "stop_timeout": config.get("StopTimeout"),
        "profile": (config.get("Labels") or {}).get("turbostable.profile"),
    }


def variables(entries):
    """``NAME=value`` lines as a mapping without secrets."""
    pairs = (entry.partition("=")[::2] for entry in entries)
    return {name: hide(name, value) for name, value in pairs}


def hide(name, value):
    """*value*, or what stands for it where the variable's name or the value itself says that it is a secret."""
    return HIDDEN if _SECRET_NAME.search(name) else _SECRET_VALUE.sub(HIDDEN, value)


def hide_options(argv):
    """The arguments without the values of those that take a secret."""
    shown, secret = [], False
    for argument in argv:
        option, equals, _value = argument.partition("=")
        if _SECRET_OPTION.match(option):
            shown.append(option + equals + (HIDDEN if equals else ""))
            secret = not equals
            continue
        secret = secret and not argument.startswith("--")
        shown.append(HIDDEN if secret else _SECRET_VALUE.sub(HIDDEN, argument))
    return shown
