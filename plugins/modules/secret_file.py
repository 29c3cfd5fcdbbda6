#!/usr/bin/python
# Copyright (c) 2026, Turbo-Stable contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: secret_file
short_description: Keep a secret in a file on tmpfs
version_added: 0.1.0
author:
  - Turbo-Stable contributors (@turbostable)
description:
  - Writes a secret to a file of mode 0600 in a directory of mode 0700, both owned by the user that it runs as, and
    refuses every file system but tmpfs and ramfs.
  - With O(secret) the host itself reads it from Secret Manager as the VM's service account, so that it never passes the
    controller; a systemd unit reads it again at each boot.
  - With O(content) the secret comes with the module's arguments. They reach the host through the standard input of
    the connection, so pipelining must be on; without it Ansible would write them to a temporary file on a disk, and
    this is refused.
  - Neither the result nor the diff holds the secret or anything computed from it.
  - Needs Python's standard library on the host, nothing more.
options:
  path:
    description:
      - Where the secret is kept, without a trailing newline.
      - Its directory is made if need be. It must not be a mount point, such as C(/dev/shm) itself.
    type: path
    required: true
  state:
    description: V(absent) removes the file and the unit.
    type: str
    choices: [present, absent]
    default: present
  content:
    description: The secret itself. Trailing newlines are stripped.
    type: str
  secret:
    description: Name of the secret in Secret Manager.
    type: str
  project:
    description: Project of O(secret); by default the VM's own.
    type: str
  version:
    description: Version of O(secret), a number, an alias or V(latest).
    type: str
    default: latest
  endpoint:
    description: Where Secret Manager is. An C(http://) address sends the access token in the clear, for emulators only.
    type: str
    default: https://secretmanager.googleapis.com
  unit:
    description:
      - Name of a systemd unit that fetches O(secret) again at each boot, before Docker starts.
      - With O(content) or O(state=absent) it is removed, for there is nothing it could fetch.
    type: str
attributes:
  check_mode:
    support: full
    description: Reads the secret too, and so finds out whether it can be read.
  diff_mode:
    support: full
    description: Says that the secret differs, never how.
seealso:
  - plugin: turbostable.tpu.gcp_secret
    plugin_type: lookup
"""

EXAMPLES = r"""
- name: Have the VM fetch the token as its own service account, now and at each boot
  turbostable.tpu.secret_file:
    path: /dev/shm/huggingface/token
    secret: hf-token
    unit: turbostable-hf-secret.service
  become: true

- name: Hand over a token that the controller has
  turbostable.tpu.secret_file:
    path: /dev/shm/huggingface/token
    content: "{{ lookup('turbostable.tpu.gcp_secret', 'hf-token', project='my-project') }}"
  become: true
"""

RETURN = r"""
path:
  description: Where the secret is kept.
  returned: success
  type: str
  sample: /dev/shm/huggingface/token
resource:
  description: Project, name and version of what was read.
  returned: with O(secret)
  type: str
  sample: projects/my-project/secrets/hf-token/versions/latest
"""

import inspect
import os

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.turbostable.tpu.plugins.module_utils import _boot_unit, _secret_manager


def converge_file(module, token):
    """The secret's file, gone where *token* is None; returns its diff."""
    path = module.params["path"]
    before = _secret_manager.state(path, token)
    after = dict(before, file="absent", content="absent") if token is None else _secret_manager.wanted()
    if before != after and not module.check_mode:
        if token is None:
            os.unlink(path)
        else:
            _secret_manager.write(path, token)
    return [entry(path, before, after)]


def converge_unit(module, options):
    """The unit with its script, gone where *options* is None; returns their diffs."""
    unit = module.params["unit"]
    script = inspect.getsource(_secret_manager)
    desired = _boot_unit.desired(unit, script, options)
    before = {path: _boot_unit.read(path) for path in desired}
    if before != desired and not module.check_mode:
        if options is None:
            # An attempt that waits for its next try would outlive its unit.
            module.run_command(["systemctl", "stop", unit])
        for path, content in desired.items():
            if before[path] != content:
                _boot_unit.write(path, content)
        module.run_command(["systemctl", "daemon-reload"], check_rc=True)
    # The script is this collection's own code: that it differs says enough.
    words = {None: None, script: "this version"}
    for contents in (before, desired):
        contents[_boot_unit.SCRIPT] = words.get(contents[_boot_unit.SCRIPT], "another version")
    return [entry(path, lines(before[path]), lines(desired[path])) for path in desired]


def lines(text):
    """*text* as a diff shows it best, with a newline at its end."""
    return text.rstrip("\n") + "\n" if text else ""


def entry(name, before, after):
    return {"before_header": name, "after_header": name, "before": before, "after": after}


def run(module):
    """The result of the module."""
    params = module.params
    options = token = None
    if params["unit"]:
        _secret_manager.check_names(unit=params["unit"])
    result = {"path": params["path"]}
    if params["state"] == "present":
        _secret_manager.check_path(params["path"])
        if params["secret"]:
            options = {name: params[name] for name in ("secret", "version", "endpoint", "path")}
            options["project"] = params["project"] or _secret_manager.Metadata().project()
            token = _secret_manager.fetch(options["project"], params["secret"], params["version"], params["endpoint"])
            result["resource"] = _secret_manager.resource(options["project"], params["secret"], params["version"])
        else:
            token = _secret_manager.clean(params["content"], "content")
        # Ansible masks it wherever it should turn up in the result all the same.
        module.no_log_values.add(token)
    diff = converge_file(module, token)
    if params["unit"]:
        diff += converge_unit(module, options)
    result["diff"] = [item for item in diff if item["before"] != item["after"]]
    result["changed"] = bool(result["diff"])
    return result


def main():
    module = AnsibleModule(
        argument_spec={
            "path": {"type": "path", "required": True},
            "state": {"type": "str", "choices": ["present", "absent"], "default": "present"},
            "content": {"type": "str", "no_log": True},
            # The secret's name is none; Ansible takes every argument with such a name for one.
            "secret": {"type": "str", "no_log": False},
            "project": {"type": "str"},
            "version": {"type": "str", "default": "latest"},
            "endpoint": {"type": "str", "default": _secret_manager.ENDPOINT},
            "unit": {"type": "str"},
        },
        mutually_exclusive=[("content", "secret")],
        required_if=[("state", "present", ("content", "secret"), True)],
        supports_check_mode=True,
    )
    try:
        module.exit_json(**run(module))
    except _secret_manager.SecretError as error:
        module.fail_json(msg=str(error))
    except OSError as error:
        module.fail_json(msg="{0}: {1}; expected a place that can be written".format(module.params["path"], error))


if __name__ == "__main__":
    main()
