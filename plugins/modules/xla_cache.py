#!/usr/bin/python
# Copyright (c) 2026, Turbo-Stable contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: xla_cache
short_description: Keep, restore and share a compile cache as a bundle
version_added: 0.1.0
author:
  - Turbo-Stable contributors (@turbostable)
description:
  - A bundle is one file that holds all entries of a compile cache, with a manifest of their SHA-256, under a
    fingerprint of everything that changes the compiled graphs. Each host keeps its bundles on its own disk; a store in
    Cloud Storage or another host gives it one that it has not.
  - A bundle is verified entry by entry before it is visible, and takes the place of the cache at once. One that is
    truncated, tampered with or for another fingerprint is refused with one warning, and the host compiles instead.
options:
  state:
    description:
      - V(published) keeps the cache as a bundle, on the disk and in O(store); only while the container runs and after
        turbostable.tpu.vllm_warmup has warmed this start of it. The same content again changes nothing.
      - V(restored) puts the bundle in the place of the cache - from the disk, else from O(peer) or O(store). It never
        fails because of a bundle; RV(outcome) is V(miss) then.
      - V(shared) hands the bundle on the disk to other hosts over HTTP, for a while.
      - V(info) looks and changes nothing.
    type: str
    choices: [published, restored, shared, info]
    required: true
  fingerprint:
    description: Key of the bundle.
    type: str
    required: true
  directory:
    description: The compile cache.
    type: path
    required: true
  local:
    description: Where the host keeps bundles, on a disk that survives a reboot.
    type: path
    default: /var/lib/turbostable/xla_cache
  local_max_bytes:
    description: What the bundles there may take, e.g. V(20g). The oldest go first, that of O(fingerprint) never.
    type: str
    default: 20g
  store:
    description: V(gs://BUCKET/PREFIX).
    type: str
    default: ''
  store_max_bytes:
    description: As O(local_max_bytes), for the store.
    type: str
    default: 200g
  store_endpoint:
    description: Where Cloud Storage is; C(http://) is plaintext and without credentials, for emulators.
    type: str
    default: https://storage.googleapis.com
  peer:
    description: For O(state=restored), the address of another host's bundle. Who has it can read the bundle.
    type: str
  sha256:
    description: What the file at O(peer) must be.
    type: str
  container:
    description: Name of the container that uses the cache.
    type: str
    default: vllm-gemma4
  compile_seconds:
    description: What compiling took; told in the manifest.
    type: float
  serve_on:
    description: For O(state=shared), the address on which the bundle is served.
    type: str
  serve_port:
    description: For O(state=shared), the port.
    type: int
    default: 8010
  serve_seconds:
    description: For O(state=shared), for how long.
    type: int
    default: 3600
requirements:
  - zstd on the host
  - google-cloud-storage on the host, for a store in Cloud Storage
attributes:
  check_mode:
    support: full
    description: Says what would change.
  diff_mode:
    support: full
    description: The fingerprint and the number of entries, before and after.
seealso:
  - module: turbostable.tpu.vllm_warmup
"""

EXAMPLES = r"""
- name: Start warm
  turbostable.tpu.xla_cache:
    state: restored
    fingerprint: 0f9c4e3b7a5d8c21
    directory: /dev/shm/vllm_cache
    store: gs://my-bucket/xla-cache
  become: true

- name: Keep what was compiled
  turbostable.tpu.xla_cache:
    state: published
    fingerprint: 0f9c4e3b7a5d8c21
    directory: /dev/shm/vllm_cache
    store: gs://my-bucket/xla-cache
  become: true
"""

RETURN = r"""
outcome:
  description: V(restored), V(already) (the cache was complete) or V(miss).
  returned: with O(state=restored)
  type: str
reason:
  description: Why it is a miss.
  returned: with O(state=restored)
  type: str
source:
  description: Where the bundle came from - V(local), V(store) or V(peer).
  returned: with O(state=restored)
  type: str
fingerprint:
  description: Key of the bundle.
  returned: always
  type: str
warm:
  description: Whether the cache is a proven, complete set of entries of O(fingerprint).
  returned: always
  type: bool
entries:
  description: Entries in the cache.
  returned: always
  type: int
bytes:
  description: Their size.
  returned: always
  type: int
free_bytes:
  description: What is free where the cache is.
  returned: always
  type: int
local_bundle:
  description: Whether the host has the bundle on its disk.
  returned: always
  type: bool
store_bundle:
  description: Whether the store has it; asked only where the disk has not. Null where it could not be asked.
  returned: with O(state=info)
  type: bool
bundle:
  description: The manifest of the bundle on the disk but for its entries, with their number in C(count).
  returned: when there is one
  type: dict
has_all:
  description: Whether the cache has all that the running server has compiled, so that it may be published.
  returned: with O(state=info)
  type: bool
last_start:
  description: C(written) entries since the container's start, and so V(hit) or V(miss) as C(result).
  returned: with O(state=info), when there is a container
  type: dict
swept:
  description: Entries that were removed because they would fail at every start.
  returned: with O(state=restored) or O(state=published)
  type: list
  elements: str
url:
  description: Where the bundle is served.
  returned: with O(state=shared)
  type: str
sha256:
  description: What it is there.
  returned: with O(state=shared)
  type: str
zstd:
  description: Whether the host has the command zstd.
  returned: with O(state=info)
  type: bool
boot:
  description: SHA-256 of each file that restores the cache at boot; null where there is none.
  returned: with O(state=info)
  type: dict
"""

import json
import os
import re
import shutil

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.turbostable.tpu.plugins.module_utils import _bundle, _bundle_gcs, _bundle_peer, _vllm_server

NOTES = "/run/turbostable"
BOOT = (
    "/usr/local/lib/turbostable/bundle.py",
    "/usr/local/lib/turbostable/file_server.py",
    "/etc/systemd/system/turbostable-xla-cache.service",
)


def human_bytes(text):
    """The number of bytes in ``20g``, ``512m`` or a plain number."""
    match = re.fullmatch(r"(\d+)([kmgt]?)b?", text.strip().lower())
    if not match:
        raise _bundle.BundleError("{0!r} is no size; expected e.g. 20g".format(text))
    return int(match.group(1)) << 10 * " kmgt".index(match.group(2) or " ")


class Cache:
    """The cache and its bundle, as *params* mean them."""

    def __init__(self, module):
        self.module = module
        self.params = module.params
        self.directory, self.local, self.fingerprint = (
            self.params[name] for name in ("directory", "local", "fingerprint")
        )

    def facts(self):
        found = _vllm_server.cache_entries(self.directory)
        bundle = self.bundle()
        result = {
            "fingerprint": self.fingerprint,
            "warm": _bundle.is_warm(self.directory, self.fingerprint),
            "entries": found["entries"],
            "bytes": found["bytes"],
            "free_bytes": shutil.disk_usage(_existing(self.directory)).free,
            "local_bundle": bundle is not None,
        }
        return dict(result, bundle=bundle) if bundle else result

    def bundle(self):
        """The manifest of the bundle on the disk, or None."""
        try:
            manifest = _bundle.read_manifest(_bundle.bundle_path(self.local, self.fingerprint))
        except (_bundle.BundleError, OSError):
            return None
        return dict({key: value for key, value in manifest.items() if key != "entries"}, count=len(manifest["entries"]))

    def bucket(self):
        return _bundle_gcs.Bucket(self.params["store"], self.params["store_endpoint"])

    def info(self):
        result = self.facts()
        result.update(changed=False, zstd=bool(shutil.which("zstd")), store_bundle=False)
        result["boot"] = {path: _bundle.digest(path) if os.path.isfile(path) else None for path in BOOT}
        if self.params["store"] and not result["local_bundle"]:
            result["store_bundle"] = self.in_store()
        server = _vllm_server.Server(self.module.run_command, self.params["container"], 0)
        if server.container:
            written = _vllm_server.cache_entries(self.directory, server.started)["written"]
            result["last_start"] = {"written": written, "result": "miss" if written else "hit"}
        since = server.started if server.container else 0
        result["has_all"] = _bundle.has_all_since(self.directory, self.fingerprint, since)
        return result

    def in_store(self):
        """None where that is not known."""
        # A plan looks before the role has brought the client.
        if _bundle_gcs.MISSING:
            return None
        try:
            return self.bucket().has(self.fingerprint)
        except _bundle.BundleError as error:
            self.module.warn("no bundle of the compile cache can be had: {0}".format(error))
            return None

    def restored(self):
        before = self.facts()
        if before["warm"] and before["entries"]:
            return dict(before, changed=False, outcome="already", reason="", source="", swept=[])
        if self.module.check_mode:
            return dict(before, changed=True, outcome="restored", reason="", source="", swept=[])
        swept = [] if not os.path.isdir(self.directory) else _bundle.sweep(self.directory)
        source, reason = "local", ""
        try:
            if not os.path.exists(_bundle.bundle_path(self.local, self.fingerprint)):
                if not self.params["store"] and not self.params["peer"]:
                    return self.missed(before, swept)
                source = self.fetch()
            _bundle.restore(self.local, self.fingerprint, self.directory)
            _bundle.choose(self.local, self.fingerprint, self.directory)
            _bundle.evict(self.local, self.fingerprint, human_bytes(self.params["local_max_bytes"]))
        except _bundle.BundleError as error:
            reason = str(error)
            self.module.warn("the compile cache is not restored, the host compiles: {0}".format(reason))
            self.discard()
            _bundle.begin(self.directory, self.fingerprint)
        outcome = "miss" if reason else "restored"
        result = dict(self.facts(), outcome=outcome, reason=reason, source="" if reason else source, swept=swept)
        return dict(result, changed=bool(swept) or not reason, diff=self.diff(before, result))

    def missed(self, before, swept):
        """Nobody has a bundle yet, which is no trouble."""
        _bundle.begin(self.directory, self.fingerprint)
        result = dict(self.facts(), outcome="miss", reason="there is no bundle yet", source="", swept=swept)
        return dict(result, changed=bool(swept), diff=self.diff(before, result))

    def fetch(self):
        """Have the bundle on the disk; where it came from."""
        if self.params["peer"]:
            _bundle_peer.fetch(self.params["peer"], self.params["sha256"], self.local, self.fingerprint)
            return "peer"
        self.bucket().fetch(self.local, self.fingerprint)
        return "store"

    def discard(self):
        """A bundle of no use goes, so that the next run fetches it anew; one that only found no room stays."""
        path = _bundle.bundle_path(self.local, self.fingerprint)
        if os.path.exists(path) and not _bundle.is_sound(path, self.fingerprint):
            os.unlink(path)

    def published(self):
        before = self.facts()
        self.require_warmed()
        changed, swept = not before["warm"], []
        if not self.module.check_mode:
            swept = _bundle.sweep(self.directory)
            if _bundle.entries(self.directory):
                changed |= self.keep()
            _bundle.write_marker(self.directory, self.fingerprint)
        result = dict(self.facts(), swept=swept)
        return dict(result, changed=changed or bool(swept), diff=self.diff(before, result))

    def keep(self):
        """The cache as a bundle on the disk and in the store; whether that changed anything. Trouble is a warning."""
        changed = False
        try:
            seconds = self.params["compile_seconds"]
            changed, _manifest = _bundle.publish(self.directory, self.local, self.fingerprint, seconds)
            _bundle.choose(self.local, self.fingerprint, self.directory)
            _bundle.evict(self.local, self.fingerprint, human_bytes(self.params["local_max_bytes"]))
            if self.params["store"]:
                most = human_bytes(self.params["store_max_bytes"])
                changed |= self.bucket().publish(self.local, self.fingerprint, most)
        except _bundle.BundleError as error:
            self.module.warn("the compile cache is not published everywhere: {0}".format(error))
        return changed

    def require_warmed(self):
        """Only a cache that the whole warm-up has been through is worth keeping."""
        server = _vllm_server.Server(self.module.run_command, self.params["container"], 0)
        path = os.path.join(NOTES, "warmup-{0}.json".format(server.name))
        try:
            with open(path, encoding="utf-8") as note:
                warmed = json.load(note)
        except (OSError, ValueError):
            warmed = {}
        running = server.container and server.container["State"]["Running"]
        if running and not _bundle.has_all_since(self.directory, self.fingerprint, server.started):
            raise _bundle.BundleError(
                "{0} has lost entries since {1} was started; expected all that this start has compiled; it is kept "
                "after the next start".format(self.directory, server.name)
            )
        if not running or warmed.get("started_at") != server.started_at or warmed.get("compiled"):
            raise _bundle.BundleError(
                "{0} was not warmed since its start, or its second pass compiled; expected a server that meets no new "
                "shape; run playbooks/warm_cache.yml".format(server.name)
            )

    def shared(self):
        path = _bundle.bundle_path(self.local, self.fingerprint)
        if not self.params["serve_on"]:
            raise _bundle.BundleError("state is shared and serve_on is not set; expected an address of this host")
        if self.module.check_mode:
            return dict(self.facts(), changed=True)
        if not os.path.exists(path):
            raise _bundle.BundleError("there is no bundle {0}; publish it first".format(path))
        address, port, seconds = (self.params[name] for name in ("serve_on", "serve_port", "serve_seconds"))
        url = _bundle_peer.share(self.module.run_command, path, address, port, seconds)
        # It ends by itself, and nothing on the host is other than before.
        return dict(self.facts(), changed=False, url=url, sha256=_bundle.digest(path))

    def diff(self, before, after):
        def text(facts):
            state = "complete for " + self.fingerprint if facts["warm"] else "incomplete"
            return "{0}: {1} entries, {2}\n".format(self.directory, facts["entries"], state)

        return {"before": text(before), "after": text(after)}


def _existing(path):
    """*path*, or the nearest directory above it that is there."""
    while not os.path.isdir(path):
        path = os.path.dirname(path)
    return path


def main():
    module = AnsibleModule(
        argument_spec={
            "state": {"type": "str", "choices": ["published", "restored", "shared", "info"], "required": True},
            "fingerprint": {"type": "str", "required": True},
            "directory": {"type": "path", "required": True},
            "local": {"type": "path", "default": "/var/lib/turbostable/xla_cache"},
            "local_max_bytes": {"type": "str", "default": "20g"},
            "store": {"type": "str", "default": ""},
            "store_max_bytes": {"type": "str", "default": "200g"},
            "store_endpoint": {"type": "str", "default": _bundle_gcs.ENDPOINT},
            "peer": {"type": "str", "no_log": True},
            "sha256": {"type": "str"},
            "container": {"type": "str", "default": "vllm-gemma4"},
            "compile_seconds": {"type": "float"},
            "serve_on": {"type": "str"},
            "serve_port": {"type": "int", "default": 8010},
            "serve_seconds": {"type": "int", "default": 3600},
        },
        supports_check_mode=True,
    )
    if not re.fullmatch(r"[0-9a-zA-Z_-]{1,128}", module.params["fingerprint"]):
        module.fail_json(msg="fingerprint is {0!r}; expected letters and digits".format(module.params["fingerprint"]))
    try:
        module.exit_json(**getattr(Cache(module), module.params["state"])())
    except (_bundle.BundleError, _vllm_server.ServerError) as error:
        module.fail_json(msg=str(error))


if __name__ == "__main__":
    main()
