"""A configuration with which no server starts fails on two hosts, early and with its reason; the others go on as they
are. The next good deploy mends it.
"""

from __future__ import annotations

import pytest

from tests.integration.conftest import EAGER, on_host, play

HOSTS = ("tpu-a", "tpu-b", "tpu-c")


def started() -> dict[str, str]:
    template = "'{{.Id}} {{.State.StartedAt}}'"
    return {host: on_host(host, "docker", "inspect", "--format", template, "vllm-gemma4") for host in HOSTS}


@pytest.mark.usefixtures("fleet")
def test_two_fail_with_the_reason_and_the_third_serves_on() -> None:
    before = started()
    # The plan and the image's parser take any name; the server looks for it.
    result = play("deploy", extra={"vllm_args": {**EAGER["vllm_args"], "tokenizer": "/no/such/tokenizer"}})
    assert result.returncode != 0
    output = " ".join(result.output.split())
    assert "is not ready after" in output
    assert "the container is in a restart loop" in output
    # vLLM's own words.
    assert "/no/such/tokenizer" in output
    assert "see `docker logs vllm-gemma4` on the host" in output

    assert "held back as it is, for" in output
    assert sorted(counters["failed"] for host, counters in result.recap.items() if host.startswith("tpu-")) == [
        0,
        1,
        1,
        1,
    ]
    after = started()
    assert sum(before[host] == after[host] for host in HOSTS) == 1

    assert play("deploy").returncode == 0
