"""A server that cannot start fails the deploy early, with the reason out of its log; the next good deploy mends it."""

from __future__ import annotations

import pytest

from tests.integration.conftest import EAGER, play


@pytest.mark.usefixtures("fleet")
def test_the_reason_is_shown_and_a_rerun_converges() -> None:
    # The parser takes it; the model's own limit does not.
    too_long = {"vllm_args": {**EAGER["vllm_args"], "max_model_len": 100_000_000}}
    result = play("deploy", "--limit", "tpu-a*", extra=too_long)
    assert result.returncode != 0
    output = " ".join(result.output.split())
    assert "vLLM on tpu-a.us-east5-b is not ready after" in output
    assert "the container is in a restart loop" in output
    # vLLM's own words.
    assert "is greater than the derived max_model_len" in output
    assert "see `docker logs vllm-gemma4` on the host" in output

    assert play("deploy", "--limit", "tpu-a*").returncode == 0
