"""Make a tiny Gemma 4 MoE with random weights, its tokenizer and chat template: about 1 M parameters.

Usage: make_tiny_gemma4.py OUT_DIR   (inside the lab's vLLM image; needs torch, transformers, tokenizers)
"""

from __future__ import annotations

import sys
from pathlib import Path

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import AutoModelForCausalLM, PreTrainedTokenizerFast
from transformers.models.gemma4.configuration_gemma4 import Gemma4TextConfig

VOCABULARY = 1024
CONTEXT = 16384
# Those that vLLM's gemma4 tool-call and reasoning parsers look for are among them.
SPECIAL = ["<pad>", "<eos>", "<bos>", "<unk>", "<|turn>", "<turn|>", "<|channel>", "<channel|>", "<|tool_call>"]
SPECIAL += ["<tool_call|>", "<|tool_response>", "<tool_response|>", "<|tool>", "<tool|>", '<|"|>', "<|think|>"]
TEMPLATE = (
    "{{ bos_token }}"
    "{% if tools %}<|turn>system\n{% for tool in tools %}<|tool>{{ tool | tojson }}<tool|>{% endfor %}<turn|>\n{% endif %}"
    "{% for m in messages %}<|turn>{{ m['role'] }}\n{{ m['content'] }}<turn|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|turn>model\n{% endif %}"
)


def tokenizer() -> PreTrainedTokenizerFast:
    """A byte-level BPE, trained on Python's own library: text that every image has."""
    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bpe.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=VOCABULARY, special_tokens=SPECIAL, initial_alphabet=alphabet)
    files = sorted(Path("/usr/lib").glob("python3*/*.py"))[:60]
    bpe.train_from_iterator((file.read_text(errors="ignore") for file in files), trainer)
    fast = PreTrainedTokenizerFast(
        tokenizer_object=bpe,
        pad_token="<pad>",
        eos_token="<eos>",
        bos_token="<bos>",
        unk_token="<unk>",
        model_max_length=CONTEXT,
    )
    fast.chat_template = TEMPLATE
    return fast


def config() -> Gemma4TextConfig:
    """Gemma 4's architecture with a MoE block, as small as it goes."""
    return Gemma4TextConfig(
        vocab_size=VOCABULARY,
        vocab_size_per_layer_input=VOCABULARY,
        hidden_size=64,
        intermediate_size=128,
        num_hidden_layers=6,
        num_attention_heads=4,
        num_key_value_heads=2,
        head_dim=32,
        global_head_dim=32,
        max_position_embeddings=CONTEXT,
        sliding_window=512,
        hidden_size_per_layer_input=0,
        enable_moe_block=True,
        num_experts=8,
        top_k_experts=2,
        moe_intermediate_size=64,
        pad_token_id=0,
        eos_token_id=1,
        bos_token_id=2,
    )


def main() -> None:
    out = Path(sys.argv[1])
    out.mkdir(parents=True)
    tokenizer().save_pretrained(out)
    torch.manual_seed(0)
    AutoModelForCausalLM.from_config(config()).to(torch.bfloat16).save_pretrained(out)


if __name__ == "__main__":
    main()
