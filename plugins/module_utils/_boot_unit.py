# Copyright (c) 2026, Turbo-Stable contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The files of a systemd unit that fetches a secret again at each boot, before Docker starts."""

from __future__ import annotations

import os

SCRIPT = "/usr/local/lib/turbostable/secret_manager.py"
_UNITS = "/etc/systemd/system"

_UNIT = """\
# Written by turbostable.tpu.secret_file
[Unit]
Description=Secret for {path}, from Secret Manager
Wants=network-online.target
After=network-online.target
# Containers that Docker starts again at boot find the secret there.
Before=docker.service
StartLimitIntervalSec=0

[Service]
Type=oneshot
RemainAfterExit=yes
UMask=0077
# Docker does not wait for longer than this; later attempts go on without it.
TimeoutStartSec=180
Restart=on-failure
RestartSec=30
ExecStart=/usr/bin/python3 -I {script} --project {project} --secret {secret} --version {version} \
--endpoint {endpoint} --path {path}

[Install]
WantedBy=multi-user.target
"""


def desired(unit, script, options):
    """``{path: content}`` of the unit, its *script* and its enablement; all None where *options* is None."""
    directory = os.path.join(_UNITS, "multi-user.target.wants")
    found = {
        SCRIPT: script,
        os.path.join(_UNITS, unit): _UNIT.format(script=SCRIPT, **options) if options else None,
        # What `systemctl enable` makes; the content of a link is its target.
        os.path.join(directory, unit): os.path.join(_UNITS, unit),
    }
    return found if options else dict.fromkeys(found)


def read(path):
    """The text of a file, the target of a link, or None where there is nothing."""
    if os.path.islink(path):
        return os.readlink(path)
    try:
        with open(path, encoding="utf-8") as handle:
            return handle.read()
    except FileNotFoundError:
        return None


def write(path, content):
    """*content* to *path*, which appears whole or not at all; None removes it."""
    if content is None:
        os.unlink(path)
        return
    os.makedirs(os.path.dirname(path), mode=0o755, exist_ok=True)
    temporary = path + ".new"
    if os.path.lexists(temporary):
        os.unlink(temporary)
    if content.startswith("/"):
        os.symlink(content, temporary)
    else:
        with open(temporary, "w", encoding="utf-8") as output:
            output.write(content)
        os.chmod(temporary, 0o644)
    os.replace(temporary, path)
