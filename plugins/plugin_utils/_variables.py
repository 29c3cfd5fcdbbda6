# Copyright (c) 2026, Turbo-Stable contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Environment variables that nobody reads, that do nothing here, or that do harm, each by name."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import NamedTuple

from ansible_collections.turbostable.tpu.plugins.plugin_utils._wanted import NOTE, WARN, Finding, Wanted


class Variable(NamedTuple):
    """What a variable does when it is set to something that means yes."""

    name: str
    id: str
    severity: str
    message: str


_VARIABLES = (
    Variable("SKIP_JAX_PRECOMPILE", "env_late", WARN, "moves the compiling to the first requests: leave it out"),
    Variable("VLLM_XLA_CHECK_RECOMPILATION", "env_recompile", WARN, "fails requests that compile: it is for tests"),
    Variable("VLLM_DISABLE_COMPILE_CACHE", "env_no_cache", WARN, "switches the compile cache off: every start is cold"),
    Variable(
        "JAX_COMPILATION_CACHE_MAX_SIZE",
        "env_evict",
        WARN,
        "needs a package that the image lacks, and then nothing hits",
    ),
    Variable("VLLM_SERVER_DEV_MODE", "env_dev", WARN, "opens /sleep, /pause and more to every client"),
)
_INERT_PREFIXES = ("CUDA_", "NCCL_", "ROCM_", "HIP_", "VLLM_CPU_", "VLLM_CUDA_", "VLLM_ROCM_")
_FAMILIES = ("JAX_", "TPU_", "XLA_", "LIBTPU_")
# Read by JAX and libtpu, which have no list to take: those that their documentation names.
_READ_ELSEWHERE = {
    *("JAX_COMPILATION_CACHE_DIR", "JAX_COMPILATION_CACHE_MAX_SIZE", "JAX_DEBUG_NANS", "JAX_ENABLE_COMPILATION_CACHE"),
    *("JAX_ENABLE_X64", "JAX_LOG_COMPILES", "JAX_PERSISTENT_CACHE_ENABLE_XLA_CACHES", "JAX_TRACEBACK_FILTERING"),
    *("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES"),
    *("JAX_RAISE_PERSISTENT_CACHE_ERRORS", "JAX_EXPLAIN_CACHE_MISSES", "JAX_COORDINATOR_ADDRESS", "JAX_PROCESS_ID"),
    *(
        "JAX_NUM_PROCESSES",
        "JAX_DEFAULT_MATMUL_PRECISION",
        "XLA_FLAGS",
        "LIBTPU_INIT_ARGS",
        "TPU_CHIPS_PER_HOST_BOUNDS",
    ),
    *(
        "TPU_CHIPS_PER_PROCESS_BOUNDS",
        "TPU_HOST_BOUNDS",
        "TPU_LIBRARY_PATH",
        "TPU_MIN_LOG_LEVEL",
        "TPU_PROCESS_ADDRESSES",
    ),
    *("TPU_PROCESS_BOUNDS", "TPU_PROCESS_PORT", "TPU_SKIP_MDS_QUERY", "TPU_STDERR_LOG_LEVEL", "TPU_TOPOLOGY"),
    *("TPU_VISIBLE_CHIPS", "TPU_VISIBLE_DEVICES", "TPU_WORKER_HOSTNAMES", "TPU_PREMAPPED_BUFFER_SIZE"),
}


def findings(asked: Wanted, known: Iterable[str]) -> list[Finding]:
    """*known* are vLLM's and tpu-inference's variables (profiles/known/vllm.json)."""
    found = [
        Finding(variable.id, variable.severity, f"{variable.name} {variable.message}.")
        for variable in _VARIABLES
        if asked.set(variable.name)
    ]
    return found + _inert(asked) + _unknown(asked, {*known, *_READ_ELSEWHERE})


def _inert(asked: Wanted) -> list[Finding]:
    """What nothing on a TPU reads."""
    told = {name: "nothing on a TPU reads it" for name in asked.env if name.startswith(_INERT_PREFIXES)}
    if "JAX_COMPILATION_CACHE_DIR" in asked.env:
        told["JAX_COMPILATION_CACHE_DIR"] = "vLLM sets it from VLLM_XLA_CACHE_PATH"
    if "ATTN_CUSTOM_NUM_REQS_BUCKETS" in asked.env and not asked.set("ATTN_BUCKETIZED_NUM_REQS"):
        told["ATTN_CUSTOM_NUM_REQS_BUCKETS"] = "it is read with ATTN_BUCKETIZED_NUM_REQS=1 alone"
    return [Finding("env_inert", NOTE, f"{name} does nothing: {why}.") for name, why in told.items()]


def _unknown(asked: Wanted, known: set[str]) -> list[Finding]:
    found = []
    for name in asked.env:
        if name.startswith(_FAMILIES) and name not in known:
            near = difflib.get_close_matches(name, sorted(known), n=1, cutoff=0.8)
            hint = f"; did you mean {near[0]}?" if near else "; it may do nothing"
            found.append(
                Finding("env_unknown", WARN, f"{name} is no variable that vLLM, JAX or libtpu documents{hint}")
            )
    return found
