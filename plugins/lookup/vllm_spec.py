# Copyright (c) 2026, Turbo-Stable contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
name: vllm_spec
short_description: What a host serves, computed from its profile
version_added: 0.1.0
author:
  - Turbo-Stable contributors (@turbostable)
description:
  - Reads a profile and all that it extends, lays O(args) and O(env) over it, and refuses by name every
    argument that vLLM's own parser does not have, and a host that cannot serve it.
  - Runs on the controller alone and connects to nothing, so a bad configuration is refused before any host is touched.
options:
  _terms:
    description: >-
      The profile, a name in the collection's C(profiles/) directory or the path of a file, relative to the inventory.
    type: list
    elements: str
    required: true
  args:
    description: Arguments of C(vllm serve) laid over the profile's, in snake case; null removes one.
    type: raw
    default: {}
  env:
    description: Environment variables laid over the profile's; null removes one.
    type: raw
    default: {}
  image:
    description: C(base) and C(packages) laid over the profile's image.
    type: raw
    default: {}
  accelerator_type:
    description: Type of the host's TPU, such as V(v6e-4); a compile cache is of use for this type alone.
    type: str
    default: ''
  topology:
    description: Topology of the host's TPU, such as V(2x2).
    type: str
    default: ''
  chips:
    description: Chips of the host's TPU; 0 where that is not known.
    type: int
    default: 0
  slice:
    description: The slice of several workers that the host belongs to; such a host is refused.
    type: str
    default: ''
  container:
    description: Name of the container.
    type: str
    default: vllm-gemma4
"""

EXAMPLES = r"""
- name: Show the command with one flag changed
  ansible.builtin.debug:
    msg: "{{ lookup('turbostable.tpu.vllm_spec', 'turbo_stable', args={'max_num_seqs': 128}).docker_command }}"
"""

RETURN = r"""
_raw:
  description: >-
    One dictionary for each term: C(fingerprint) (the key of its compile cache), C(image), C(image_base),
    C(image_packages), C(argv), C(env), C(docker),
    C(stop_timeout) and C(startup_timeout) in seconds, C(chips), C(port), C(hf_home), C(compile_cache), C(shm_size),
    C(shapes) (what the compiled graphs are padded to), C(model), C(served_model), C(omitted) and C(docker_command).
  type: list
  elements: dict
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ansible.errors import AnsibleError
from ansible.plugins.lookup import LookupBase

from ansible_collections.turbostable.tpu.plugins.plugin_utils import _command, _fingerprint, _profile, _validate


class LookupModule(LookupBase):
    def run(self, terms: list[Any], variables: dict[str, Any] | None = None, **kwargs: Any) -> list[dict[str, Any]]:
        self.set_options(var_options=variables, direct=kwargs)
        # A profile of one's own lies beside the inventory, or where the command is given.
        here = (variables or {}).get("inventory_dir")
        basedir = Path(str(here)) if here else Path.cwd()
        try:
            known = _profile.load_known()
            specs = [self._spec(str(term), basedir, known) for term in terms]
            host = str((variables or {}).get("inventory_hostname", "the host"))
            for spec in specs:
                _validate.validate_host(spec, host, self.get_option("chips"), self.get_option("slice"))
        except _profile.ProfileError as error:
            raise AnsibleError(f"vllm_spec: {error}") from error
        return specs

    def _spec(self, name: str, basedir: Path, known: dict[str, Any]) -> dict[str, Any]:
        profile = _profile.load_profile(name, basedir=basedir)
        over = {key: self._mapping(key) for key in ("args", "env", "image")}
        # Before the null ones go: a misspelt key that is null would remove nothing, and say nothing.
        _validate.validate_args(over["args"], known)
        _validate.validate_env(over["env"], known)
        profile = _profile.merge(profile, over)
        _validate.validate(profile, known)
        spec = _command.build_spec(profile, known, Path(name).stem, self.get_option("container"))
        accelerator = {"type": str(self.get_option("accelerator_type")), "topology": str(self.get_option("topology"))}
        return {**spec, "fingerprint": _fingerprint.fingerprint(profile, accelerator, _fingerprint.load_neutral())}

    def _mapping(self, key: str) -> dict[str, Any]:
        value = self.get_option(key) or {}
        if not isinstance(value, Mapping):
            raise _profile.ProfileError(
                f"vllm_{key} must be a mapping, e.g. {{max_num_seqs: 128}}; got: {value!r}; on the command line it "
                f"takes JSON: -e '{{\"vllm_{key}\": {{...}}}}'"
            )
        # Through JSON: Ansible hands over lazily templated, tagged values.
        mapping: dict[str, Any] = json.loads(json.dumps(dict(value)))
        return mapping
