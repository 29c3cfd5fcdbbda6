# Copyright (c) 2026, Turbo-Stable contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A bundle from one host to the others over HTTP, for a while and under an address that nobody can guess.

The receiver has the file's SHA-256 from the controller, so nothing on the way needs to be trusted.
"""

from __future__ import annotations

import contextlib
import hashlib
import http.client
import os
import secrets
import time
import urllib.parse
import urllib.request

from ansible_collections.turbostable.tpu.plugins.module_utils import _bundle

UNIT = "turbostable-cache-peer.service"
SCRIPT = "/usr/local/lib/turbostable/file_server.py"
# On tmpfs, root's alone.
KEY_FILE = "/run/turbostable-cache-peer"
# Seconds without a byte; seconds until the server answers.
_TIMEOUT = 30
_START = 10
_CHUNK = 1 << 20


def fetch(url, sha256, local, fingerprint):
    """Download a peer's bundle into *local*, whole and as promised or not at all."""
    path = _bundle.bundle_path(local, fingerprint)
    temporary, found = _bundle.temporary_path(path), hashlib.sha256()
    # An address of the internal network is behind no proxy.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    # Without the path, which is what keeps others out.
    host = urllib.parse.urlsplit(url).netloc
    try:
        os.makedirs(local, mode=0o700, exist_ok=True)
        _bundle.remove_leftovers(local)
        with opener.open(url, timeout=_TIMEOUT) as source, open(temporary, "xb") as output:
            os.chmod(temporary, 0o600)
            while chunk := source.read(_CHUNK):
                found.update(chunk)
                output.write(chunk)
        if found.hexdigest() != sha256:
            raise _bundle.BundleError("the bundle from {0} is not the one that was promised".format(host))
        os.replace(temporary, path)
    except (OSError, http.client.HTTPException) as error:
        reason = getattr(error, "reason", None) or error
        raise _bundle.BundleError("no bundle from {0}: {1}".format(host, reason)) from error
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary)


def share(run, path, address, port, seconds):
    """Have *path* served on *address* for *seconds*; its URL. *run* is AnsibleModule.run_command."""
    token = secrets.token_urlsafe(24)
    run(["systemctl", "stop", UNIT])
    with open(os.open(KEY_FILE, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="ascii") as file:
        file.write(token)
    command = ["systemd-run", "--quiet", "--collect", "--unit", UNIT, "--property", "RuntimeMaxSec={0}".format(seconds)]
    server = ["/usr/bin/python3", "-I", SCRIPT, path, address, str(port), KEY_FILE]
    rc, out, err = run([*command, "--property", "ProtectSystem=strict", *server])
    if rc:
        raise _bundle.BundleError("{0} does not start: {1}".format(UNIT, err.strip() or out.strip()))
    url = "http://{0}:{1}/{2}/{3}".format(address, port, token, os.path.basename(path))
    deadline = time.monotonic() + _START
    while not _answers(address, port):
        if time.monotonic() > deadline:
            raise _bundle.BundleError("nothing listens on {0}:{1} after {2} s".format(address, port, _START))
        time.sleep(0.1)
    return url


def _answers(address, port):
    connection = http.client.HTTPConnection(address, port, timeout=1)
    try:
        connection.request("GET", "/")
        return connection.getresponse().status == 404
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
