#!/usr/bin/python
# Copyright (c) 2026, Turbo-Stable contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: vllm_plan
short_description: Gather what a plan needs to know of a host, and ask an image's own argument parser
version_added: 0.1.0
author:
  - Turbo-Stable contributors (@turbostable)
description:
  - Reads the container as it runs, C(/dev/shm), the memory, and the model's configuration with the size of its weights.
    Values that are secrets by their name or look are replaced on the host.
  - With O(parse), runs the image's own argument parser over O(argv) in a throw-away container without a network. Never
    pulls an image - where it is not on the host yet, RV(parsed) says so.
  - Needs the C(docker) command, where there is one, and Python's standard library.
options:
  container:
    description: Name of the container.
    type: str
    default: vllm-gemma4
  image:
    description: The image that shall run.
    type: str
    required: true
  argv:
    description: What it shall run - C(serve), the model, and its arguments.
    type: list
    elements: str
    required: true
  hf_home:
    description: The directory with Hugging Face's cache, and the token in its file C(token).
    type: path
    required: true
  compile_cache:
    description: The directory of the compile cache.
    type: path
    required: true
  parse:
    description: Ask the image's argument parser.
    type: bool
    default: false
  hub:
    description: >-
      Address of the hub that is asked for the model's two small description files where the host has none, e.g.
      V(https://huggingface.co). None is asked by default.
    type: str
attributes:
  check_mode:
    support: full
    description: Reads only.
  diff_mode:
    support: none
    description: Changes nothing.
extends_documentation_fragment: []
"""

EXAMPLES = r"""
- name: Gather what the plan needs to know
  turbostable.tpu.vllm_plan:
    image: "{{ _vllm_spec.image }}"
    argv: "{{ _vllm_spec.argv }}"
    hf_home: "{{ _vllm_spec.hf_home }}"
    compile_cache: "{{ _vllm_spec.compile_cache }}"
  become: true
"""

RETURN = r"""
container:
  description: >-
    What the container was started with - C(image), C(image_id), C(argv), C(env), C(volumes), C(running) and more; null
    where there is none.
  returned: always
  type: dict
image_id:
  description: Identifier of O(image) on the host; null where it is not there.
  returned: always
  type: str
shm:
  description: C(size), C(used), C(cache) and C(models) of C(/dev/shm), in bytes.
  returned: always
  type: dict
memory:
  description: The host's memory in bytes.
  returned: always
  type: int
model:
  description: C(config), C(weights) in bytes and C(source) of the model; null where its files are not there.
  returned: always
  type: dict
parsed:
  description: >-
    C(refusal) is the parser's own message or null; C(skipped) says why it was not asked; C(version) is the image's
    vLLM.
  returned: with O(parse)
  type: dict
"""

import json
import os

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.urls import open_url

from ansible_collections.turbostable.tpu.plugins.module_utils import _container, _model_files, _parse

SHM = "/dev/shm"  # noqa: S108 - this one is the point


def inspect(module, kind, name):
    """One object of ``docker KIND inspect``, or None where there is no such object, or no Docker."""
    if not module.get_bin_path("docker"):
        return None
    rc, out, err = module.run_command(["docker", kind, "inspect", name])
    if rc == 0:
        return json.loads(out)[0]
    # Without an engine there is no container either; the plan of such a host is a first start.
    if "no such" in err.lower() or "cannot connect" in err.lower():
        return None
    return module.fail_json(msg="docker {0} inspect {1} failed: {2}".format(kind, name, err.strip()))


def usage(folder):
    """Bytes of the files in *folder*; one that goes away meanwhile counts for nothing."""
    size = 0
    for parent, _folders, names in os.walk(folder):
        for name in names:
            try:
                status = os.lstat(os.path.join(parent, name))
            except FileNotFoundError:
                continue
            size += status.st_blocks * 512
    return size


def shm(params):
    space = os.statvfs(SHM)
    return {
        "size": space.f_blocks * space.f_frsize,
        "used": (space.f_blocks - space.f_bfree) * space.f_frsize,
        "cache": usage(params["compile_cache"]),
        "models": usage(os.path.join(params["hf_home"], "hub")),
    }


def memory():
    with open("/proc/meminfo", encoding="ascii") as file:
        return next(int(line.split()[1]) * 1024 for line in file if line.startswith("MemTotal:"))


def model(params):
    """The model's description: from the host's own files, else from the hub where one is named."""
    name = params["argv"][1]
    folder = _model_files.directory(name, params["hf_home"])
    if folder:
        return _model_files.read(folder)
    if not params["hub"] or os.path.isabs(name):
        return None
    base = "{0}/{1}/resolve/main/".format(params["hub"].rstrip("/"), name)
    config = from_hub(base + "config.json", params["hf_home"])
    index = from_hub(base + _model_files.INDEX, params["hf_home"]) if config else None
    return {"config": config, "weights": _model_files.total(index or {}), "source": base} if config else None


def from_hub(url, hf_home):
    """A JSON file of the hub; None where it has no such file, or does not answer: the plan does without then."""
    headers = {}
    try:
        with open(os.path.join(hf_home, "token"), encoding="ascii") as file:
            headers["Authorization"] = "Bearer " + file.read().strip()
    except FileNotFoundError:
        pass
    try:
        # The hub sends files on to its storage, which must not see the token.
        with open_url(url, headers=headers, unredirected_headers=["Authorization"], timeout=30) as answer:
            return json.loads(answer.read())
    except OSError:
        return None


def parsed(module, image_id):
    params = module.params
    if not image_id:
        return {"refusal": None, "version": None, "skipped": "the image is not on the host yet"}
    rc, out, err = module.run_command(_parse.command(params["image"], params["argv"]))
    said = _parse.answer(out)
    if said is None:
        last = (err.strip() or out.strip()).splitlines()[-1:] or [""]
        why = "the image's parser gave no answer (exit code {0}): {1}".format(rc, last[0])
        return {"refusal": None, "version": None, "skipped": why}
    return {"refusal": _parse.refusal(said), "version": said["version"], "skipped": None, "model": said.get("model")}


def main():
    module = AnsibleModule(
        argument_spec={
            "container": {"type": "str", "default": "vllm-gemma4"},
            "image": {"type": "str", "required": True},
            "argv": {"type": "list", "elements": "str", "required": True},
            "hf_home": {"type": "path", "required": True},
            "compile_cache": {"type": "path", "required": True},
            "parse": {"type": "bool", "default": False},
            "hub": {"type": "str"},
        },
        supports_check_mode=True,
    )
    container = inspect(module, "container", module.params["container"])
    image = inspect(module, "image", module.params["image"])
    image_id = image["Id"] if image else None
    result = {
        "container": container and _container.describe(container, inspect(module, "image", container["Image"])),
        "image_id": image_id,
        "shm": shm(module.params),
        "memory": memory(),
        "model": model(module.params),
    }
    if module.params["parse"]:
        result["parsed"] = parsed(module, image_id)
        # A model that lies in the image itself is nowhere on the host.
        inside = result["parsed"].pop("model", None)
        result["model"] = result["model"] or inside
    module.exit_json(changed=False, **result)


if __name__ == "__main__":
    main()
