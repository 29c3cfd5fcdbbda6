# Copyright (c) 2026, Turbo-Stable contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
name: tpu_vm
short_description: TPU VMs of a Google Cloud project
version_added: 0.1.0
author:
  - Turbo-Stable contributors (@turbostable)
description:
  - Lists TPU VMs whichever way they were made - nodes and queued resources of the Cloud TPU API, and C(ct6e)
    instances of Compute Engine. The name of its configuration file ends with C(tpu_vm.yml) or C(tpu_vm.yaml).
  - One host for each worker, C(NAME.ZONE), or C(NAME-wK.ZONE) where a node is a slice of several workers. Short names
    are unique within a zone only.
  - Hosts that can serve are in the group C(tpu). All others are in C(tpu_unservable) with the variable
    C(tpu_unservable_reason) - those in another state than O(states), without the address that O(address) asks for, or
    with a bad health.
  - Both kinds are in C(tpu_zone_*), C(tpu_type_*), C(tpu_state_*), C(tpu_slice_*) (slices of several workers) and
    C(tpu_spot), so that C(tpu:&tpu_zone_us_east5_b) are the servable hosts of a zone.
  - A source that fails ends the run, whatever other inventories there are, for half a fleet must not pass as all of
    it. Zones which the APIs could not reach are named in a warning, and such an answer is not cached.
requirements:
  - google-auth
  - google-cloud-tpu
  - jmespath (for O(select))
  - requests
extends_documentation_fragment:
  - ansible.builtin.constructed
  - ansible.builtin.inventory_cache
notes:
  - Host variables, all prefixed C(tpu_) - C(name), C(zone), C(project), C(source) (C(tpu) or C(compute)), C(state),
    C(health) (empty for Compute Engine), C(accelerator_type) (C(v6e-4)), C(topology) (C(2x2)), C(chips),
    C(runtime_version) (empty for Compute Engine), C(worker_id), C(slice) (C(NAME.ZONE), empty on a node of one worker),
    C(spot), C(labels), C(internal_ip), C(external_ip) and C(queued_resource) (short name).
  - C(tpu_accelerator_type), C(tpu_topology) and C(tpu_chips) are those of the whole node, so 16 chips on each of the
    four workers of a v6e-16. C(tpu_chips) is 0 where the API does not tell.
  - A state or health that the client library does not know appears with its number, as C(STATE_99).
  - Instances of Compute Engine each count as a node of their own, for that API does not list slices.
  - Labels are never templated; what looks like a template in them stays text.
options:
  plugin:
    description: Marks the file as one of this plugin.
    type: str
    required: true
    choices: [turbostable.tpu.tpu_vm]
  project:
    description: ID of the Google Cloud project.
    type: str
    required: true
  zones:
    description: Zones to list, such as C(us-east5-b); all of them when empty.
    type: list
    elements: str
    default: []
  sources:
    description:
      - The APIs that are asked. V(tpu) is the Cloud TPU API, V(compute) is Compute Engine (machine types C(ct6e-*)).
    type: list
    elements: str
    choices: [tpu, compute]
    default: [tpu, compute]
  select:
    description:
      - A JMESPath expression over the list of nodes, whose result are the nodes to keep, such as
        C([?labels.env=='prod']).
      - A node has the host variables' names without their prefix, but for C(worker_id), C(slice), C(internal_ip) and
        C(external_ip), and has C(workers), a list of C(internal_ip) and C(external_ip).
    type: str
    default: ''
  address:
    description:
      - How hosts are reached. V(internal) and V(external) set C(ansible_host) to that address.
      - V(iap) tunnels through Identity-Aware Proxy with C(gcloud compute start-iap-tunnel), one for each host, kept
        open by ControlPersist. It sets C(ansible_ssh_common_args), with the host's name as the alias under which its
        host key is looked up; arguments of one's own go into C(ansible_ssh_extra_args).
      - With V(iap) the instance's name of a Cloud TPU API node comes from its guest attributes, by one call more for
        each node; without them the host is not servable.
    type: str
    choices: [internal, external, iap]
    default: internal
  states:
    description: States in which a node can serve.
    type: list
    elements: str
    default: [READY, RUNNING]
  tpu_endpoint:
    description:
      - Where the Cloud TPU API is, for private endpoints and emulators. One that begins with C(http://) is asked in
        plaintext and without credentials, with either O(transport).
    type: str
    default: tpu.googleapis.com
  compute_endpoint:
    description: Where the Compute Engine API is; C(http://) as for O(tpu_endpoint).
    type: str
    default: https://compute.googleapis.com
  transport:
    description: How the Cloud TPU API is asked. Compute Engine has REST only.
    type: str
    choices: [grpc, rest]
    default: grpc
"""

EXAMPLES = r"""
# inventory/tpu_vm.yml: all TPU VMs of a project
plugin: turbostable.tpu.tpu_vm
project: my-project

---
# Those of two zones that have a label, through Identity-Aware Proxy
plugin: turbostable.tpu.tpu_vm
project: my-project
zones: [us-east5-b, europe-west4-a]
select: "[?labels.env=='prod']"
address: iap

---
# From a cache of one hour, with groups by a label of one's own
plugin: turbostable.tpu.tpu_vm
project: my-project
cache: true
cache_plugin: ansible.builtin.jsonfile
cache_connection: ~/.cache/turbostable
cache_timeout: 3600
keyed_groups:
  - key: tpu_labels.team
    prefix: team
"""

import difflib
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ansible.errors import AnsibleError, AnsibleParserError
from ansible.plugins.inventory import BaseInventoryPlugin, Cacheable, Constructable

from ansible_collections.turbostable.tpu.plugins.plugin_utils import _hosts, _nodes

# What decides on which nodes the APIs list: a cache made with other values is of no use.
_QUERY = ("project", "zones", "sources", "tpu_endpoint", "compute_endpoint", "transport")
_OWN = (*_QUERY, "select", "address", "states")


class InventoryFailedError(AnsibleParserError):
    """Ends the run with its one line.

    Ansible's inventory manager takes any other error for a file of another plugin: it tries them all, prints what each
    has to say, and goes on with what hosts there are. First it gives the error an origin, and from there this one
    leaves the manager.
    """

    @property
    def obj(self) -> None:
        """No origin; the line names the file itself."""

    @obj.setter
    def obj(self, origin: object) -> None:
        if origin is not None:
            raise self


class InventoryModule(BaseInventoryPlugin, Constructable, Cacheable):
    """Options in, hosts out; the rest is in plugin_utils."""

    NAME = "turbostable.tpu.tpu_vm"

    def verify_file(self, path: str) -> bool:
        if not super().verify_file(path) or not path.endswith(("tpu_vm.yml", "tpu_vm.yaml")):
            return False
        # A static inventory may have such a name too, and its own plugin takes it.
        return self.NAME in Path(path).read_text(encoding="utf-8")

    def parse(self, inventory: Any, loader: Any, path: str, cache: bool = True) -> None:  # noqa: FBT001, FBT002
        super().parse(inventory, loader, path, cache)
        try:
            self._parse(path, read_cache=cache)
        except (AnsibleError, _nodes.NodesError) as error:
            raise InventoryFailedError(f"{path}: {' '.join(str(error).split())}") from None

    def _parse(self, path: str, *, read_cache: bool) -> None:
        options = self._own_options(path)
        # Before any call: a typing error need not wait for an API.
        selection = self._selection(options["select"])
        records, doubles = _nodes.unique(self._records(path, options, read_cache=read_cache))
        for double in doubles:
            self.display.warning(f"{path}: listed twice, the first is taken: {double}")
        self._populate(_hosts.hosts(selection(records), options["address"], options["states"]))

    def _own_options(self, path: str) -> dict[str, Any]:
        """The plugin's own options, templated and as plain data."""
        see = f"see `ansible-doc -t inventory {self.NAME}`."
        try:
            config = self._read_config_data(path)
        except AnsibleError as error:
            raise AnsibleParserError(f"{str(error).rstrip('.')}; {see}") from None
        for key in config:
            if key not in self._options:
                near = difflib.get_close_matches(key, self._options, 1)
                hint = f"did you mean {near[0]!r}?" if near else see
                raise AnsibleParserError(f"unknown option {key!r}; {hint}")
        templated = {name: self.templar.template(self.get_option(name)) for name in _OWN}
        options: dict[str, Any] = json.loads(json.dumps(templated))
        for name in ("project", "sources", "states"):
            if not options[name]:
                raise AnsibleParserError(f"option {name!r} is empty; leave it out or give it a value.")
        return options

    def _selection(self, expression: str) -> Callable[[list[_nodes.Record]], list[_nodes.Record]]:
        if not expression:
            return lambda records: records
        try:
            from ansible_collections.turbostable.tpu.plugins.plugin_utils import _select  # noqa: PLC0415
        except ImportError as error:
            raise AnsibleParserError(f"select: {error}; install the library: pip install jmespath") from None
        compiled = _select.compile_select(expression)
        return lambda records: _select.select(records, compiled)

    def _records(self, path: str, options: dict[str, Any], *, read_cache: bool) -> list[_nodes.Record]:
        query = {name: options[name] for name in _QUERY}
        # Only the tunnel needs the instances' names, and they cost a call for each node.
        query["name_states"] = options["states"] if options["address"] == "iap" else []
        key = self.get_cache_key(path)
        caching = self.get_option("cache")
        if caching and read_cache:
            try:
                cached = self._cache[key]
            except KeyError:
                cached = {}
            if cached.get("query") == query:
                found: list[_nodes.Record] = json.loads(json.dumps(cached["nodes"]))
                return found
        records, unreachable = self._fetch(query)
        if unreachable:
            self.display.warning(
                f"{path}: zones unreachable, their TPU VMs are missing from the inventory: {', '.join(unreachable)}"
            )
        elif caching:
            self._cache[key] = {"query": query, "nodes": records}
        return records

    def _fetch(self, query: dict[str, Any]) -> tuple[list[_nodes.Record], list[str]]:
        # Read when gRPC is imported: beside the error that is raised, it would print each try.
        os.environ.setdefault("GRPC_VERBOSITY", "ERROR")
        try:
            # Not at the top: what comes from the cache needs none of Google's libraries.
            from ansible_collections.turbostable.tpu.plugins.plugin_utils import _google, _sources  # noqa: PLC0415
        except ImportError as error:
            raise AnsibleParserError(
                f"{error}; install the libraries: pip install google-cloud-tpu google-auth requests"
            ) from None
        try:
            return _sources.fetch(query)
        except _google.ApiError as error:
            raise AnsibleParserError(str(error)) from None

    def _populate(self, hosts: Any) -> None:
        inventory = self.inventory
        constructed = {name: self.get_option(name) for name in ("compose", "groups", "keyed_groups")}
        strict = self.get_option("strict")
        for group in ("tpu", "tpu_unservable"):
            inventory.add_group(group)
        for host in hosts:
            name = inventory.add_host(host.name)
            for group in host.groups:
                inventory.add_child(inventory.add_group(group), name)
            # Not set_variable: to copy and tag each value is a quarter of the run with 10,000 hosts. Text without a tag
            # is never taken for a template.
            inventory.get_host(name).vars.update(host.variables)
            if any(constructed.values()):
                self._set_composite_vars(constructed["compose"], host.variables, name, strict)
                self._add_host_to_composed_groups(constructed["groups"], host.variables, name, strict)
                self._add_host_to_keyed_groups(constructed["keyed_groups"], host.variables, name, strict)
