# Copyright (c) 2026, Turbo-Stable contributors
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Is this vLLM server really serving? Pure: what was observed of each layer goes in, a verdict comes out.

A verdict is ``{"status", "evidence", "can_heal", "next_step"}``; its status is None where the layer is content.
"""

from __future__ import annotations

from ansible_collections.turbostable.tpu.plugins.module_utils import _completion, _health, _metrics

# The cheap ones first.
LAYERS = ("container", "http", "engine", "completion", "compile")


def content(evidence):
    return {"status": None, "evidence": evidence, "can_heal": True, "next_step": ""}


def verdict(status, evidence, next_step, *, can_heal=True):
    return {"status": status, "evidence": evidence, "can_heal": can_heal, "next_step": next_step}


def container(found, log, history, *, answers, restarts_before=0):
    """*found* is one object of ``docker inspect`` or None, *answers* whether somebody answers on the server's port.

    *log* has the lines of this start. A container in a restart loop may just have begun its next one, whose log says
    nothing yet; *history* gives the lines before it too.
    """
    problem = _health.container_problem(found, restarts_before)
    if problem and not found:
        return verdict("down", problem, "run playbooks/deploy.yml", can_heal=False)
    # A container that came through its restarts runs, and what it answers decides.
    if problem and not (found["State"]["Running"] and answers):
        why = _health.reason(log) or _health.reason(history())
        evidence = problem + (": " + why if why else "")
        return verdict("down", evidence, "mend that, and deploy again", can_heal=False)
    if not found["State"]["Running"]:
        evidence = "the container is {0}".format(found["State"]["Status"])
        return verdict("down", evidence, "wait: Docker starts it again")
    if _health.is_draining(log):
        return verdict("draining", "SIGTERM has reached it: running requests end, new ones get HTTP 500", "wait")
    return content("running, {0} restarts".format(found.get("RestartCount", 0)))


def http(health, models, expected, log):
    """*health* is the status of ``/health`` (0: no connection), *models* is (status, list of names or an error)."""
    status, listed = models
    if status in (401, 403):
        evidence = "/v1/models: HTTP {0}: the server wants another API key".format(status)
        return verdict("down", evidence, "give the server's own key as api_key", can_heal=False)
    if status != 200:
        at = _health.phase(log)
        evidence = "/v1/models: {0}".format("HTTP {0}".format(status) if status else listed)
        if _health.is_serving(log):
            return verdict(
                "down", evidence + "; it had served since its start", "wait: vLLM ends and Docker restarts it"
            )
        return dict(verdict(at["phase"], evidence, "wait"), done=at["done"], total=at["total"])
    if health != 200:
        evidence = "/health: HTTP {0}: the engine has died".format(health)
        return verdict("down", evidence, "wait: vLLM ends and Docker restarts it")
    if expected not in listed:
        evidence = "expected model {0}; listed: {1}".format(expected, ", ".join(listed) or "none")
        return verdict("wrong_model", evidence, "deploy the profile that serves it, or correct `model`", can_heal=False)
    return content("/health 200, lists {0}".format(expected))


def engine(before, after, seconds):
    """What two reads of the metrics, *seconds* apart and with a completion between them, tell; never decides alone."""
    steps = after.get("iterations", 0) - before.get("iterations", 0)
    tokens = after.get("generation_tokens", 0) - before.get("generation_tokens", 0)
    told = "{0} steps and {1} generated tokens in {2:.1f} s".format(steps, tokens, seconds)
    told += ", {0} running, {1} waiting".format(after.get("running", "?"), after.get("waiting", "?"))
    return dict(content(told), advances=_metrics.advanced(before, after))


def is_busy(metrics):
    """Whether the engine has others' requests to work on beside ours."""
    return metrics.get("running", 0) + metrics.get("waiting", 0) > 1


def completion(status, answer, budget, expected_tokens, engine_layer, *, busy):
    """*answer* is a _completion.Answer or, where *status* is not 200, the error; *budget* has ``ttft_ms``, ``e2e_ms``.

    A busy engine is not a dead one: where it advances with others' requests, ours may wait its turn.
    """
    restart = "see the engine's log; restart the container if it stays"
    if status == 500 and "after shutdown" in str(answer):
        return verdict("draining", "HTTP 500: {0}".format(answer), "wait")
    if status not in (0, 200):
        return verdict("stuck", "HTTP {0}: {1}".format(status, answer), restart)
    if "timeout" in (answer, getattr(answer, "error", None)):
        told = "no whole answer within {0:.0f} ms, and the engine {1}"
        advances = engine_layer["advances"]
        told = told.format(budget["e2e_ms"], "advances" if advances else "does not advance")
        return content(told + ", under load") if busy and advances else verdict("stuck", told, restart)
    problem = answer if status == 0 else _completion.problem(answer, expected_tokens)
    if problem:
        return verdict("stuck", problem, restart)
    times = answer.timings()
    for name in ("ttft_ms", "e2e_ms"):
        if times[name] > budget[name] and not busy:
            evidence = "{0} is {1:.0f} with nothing else to do, expected at most {2:.0f}"
            return verdict("stuck", evidence.format(name, times[name], budget[name]), restart)
    told = "{0} tokens, TTFT {1:.0f} ms, {2:.0f} ms in all"
    return content(told.format(answer.tokens, times["ttft_ms"], times["e2e_ms"]))


def compiled(before, after, lines):
    """Whether the probe met a shape that was not compiled: entries of the cache *before* and *after*, log *lines*."""
    if after > before or lines:
        evidence = "compiled during the probe: {0} new cache entries{1}".format(
            after - before, ", " + lines[-1] if lines else ""
        )
        return verdict("compiling", evidence, "wait, or warm it up with playbooks/warm_cache.yml")
    return content("no compile during the probe")


def decide(layers):
    """The verdict of the first layer (by LAYERS) that is not content, with its name; or ``ready``."""
    for name in LAYERS:
        found = layers.get(name)
        if found and found["status"]:
            return dict(found, layer=name)
    last = [name for name in LAYERS if name in layers][-1]
    evidence = layers.get("completion", layers[last])["evidence"]
    return dict(verdict("ready", evidence, ""), layer="completion")
