"""Writes a language model with random weights: half a megabyte, the same bytes each time. It produces syllables.
usage: tiny_model.py FILE"""

import sys

import numpy
from gguf import GGUFWriter, TokenType

WIDTH, LAYERS, HEADS, INNER, CONTEXT = 64, 2, 4, 128, 4096
SYLLABLES = [consonant + vowel for consonant in "bcdfghjklmnpqrstvwxyz" for vowel in "aeiou"]
# A SentencePiece vocabulary: three marks, each byte, then pieces; U+2581 is its space.
MARKS = [("<unk>", TokenType.UNKNOWN), ("<s>", TokenType.CONTROL), ("</s>", TokenType.CONTROL)]
BYTES = [(f"<0x{byte:02X}>", TokenType.BYTE) for byte in range(256)]
PIECES = [("\u2581", TokenType.NORMAL), *((space + s, TokenType.NORMAL) for space in ("\u2581", "") for s in SYLLABLES)]
# Begins a call of a tool. The model never produces it by itself, but llama-server can be told to.
CALL = [("<tool_call>\n", TokenType.USER_DEFINED)]
VOCABULARY = MARKS + BYTES + CALL + PIECES


def write(path):
    writer = GGUFWriter(path, "llama")
    writer.add_name("tiny")
    writer.add_context_length(CONTEXT)
    writer.add_embedding_length(WIDTH)
    writer.add_block_count(LAYERS)
    writer.add_feed_forward_length(INNER)
    writer.add_head_count(HEADS)
    writer.add_head_count_kv(HEADS)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_dimension_count(WIDTH // HEADS)
    writer.add_vocab_size(len(VOCABULARY))
    writer.add_tokenizer_model("llama")
    writer.add_token_list([text for text, _ in VOCABULARY])
    writer.add_token_scores([-float(at) for at in range(len(VOCABULARY))])
    writer.add_token_types([kind for _, kind in VOCABULARY])
    writer.add_unk_token_id(0)
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    writer.add_chat_template("{% for message in messages %}{{ message['role'] }}: {{ message['content'] }}\n{% endfor %}")

    random = numpy.random.default_rng(7)
    tensor = lambda *shape: random.normal(0, shape[-1] ** -0.5, shape).astype(numpy.float32)
    ones = numpy.ones(WIDTH, numpy.float32)
    writer.add_tensor("token_embd.weight", tensor(len(VOCABULARY), WIDTH))
    output = tensor(len(VOCABULARY), WIDTH)
    output[: len(MARKS + BYTES + CALL)] *= 0.01  # so that it produces only pieces: it never ends by itself and never produces half a letter
    writer.add_tensor("output.weight", output)
    writer.add_tensor("output_norm.weight", ones)
    for layer in range(LAYERS):
        for name in ("attn_q", "attn_k", "attn_v", "attn_output"):
            writer.add_tensor(f"blk.{layer}.{name}.weight", tensor(WIDTH, WIDTH))
        for name, shape in (("ffn_gate", (INNER, WIDTH)), ("ffn_up", (INNER, WIDTH)), ("ffn_down", (WIDTH, INNER))):
            writer.add_tensor(f"blk.{layer}.{name}.weight", tensor(*shape))
        for name in ("attn_norm", "ffn_norm"):
            writer.add_tensor(f"blk.{layer}.{name}.weight", ones)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


write(sys.argv[1])
