#!/usr/bin/env python3
"""Attention that the standard operator cannot say, or only with a mask of (queries, keys) in memory, as FlexAttention. usage: graphs.py FOLDER

Writes one model for each function below, whose text is the reason why it is here, and beside it inputs and the result that NumPy gives (.npz).
"""

import argparse
import pathlib

import numpy as np
import onnx
from onnx import TensorProto

from modifier import BATCH, HEAD, KEY, QUERY, Modifier, attention_model


def softmax(scores):
    scores = scores - scores.max(axis=-1, keepdims=True)
    weights = np.exp(scores)
    return weights / weights.sum(axis=-1, keepdims=True)


def attend(inputs, change_scores=lambda s, *_: s, change_probabilities=lambda p: p):
    """Attention in float64, every score in memory. `change_scores` gets the scores and the four indices."""
    q, k, v = (inputs[name].astype(np.float64) for name in "QKV")
    k, v = (np.repeat(x, q.shape[1] // x.shape[1], axis=1) for x in (k, v))
    scores = q @ k.swapaxes(2, 3) / np.sqrt(q.shape[3])
    indices = np.ogrid[tuple(slice(0, n) for n in scores.shape)]
    return (change_probabilities(softmax(change_scores(scores, *indices))) @ v).astype(np.float32)


def random_inputs(rng, batch=2, heads=4, kv_heads=2, queries=80, keys=80, size=32):
    return {"Q": rng.standard_normal((batch, heads, queries, size)).astype(np.float32),
            "K": rng.standard_normal((batch, kv_heads, keys, size)).astype(np.float32),
            "V": rng.standard_normal((batch, kv_heads, keys, size)).astype(np.float32)}


def bias_before_softcap(rng):
    """Gemma caps scores by cap * tanh(score / cap). A relative bias that a model learns before the cap is bounded with the score; the
    standard operator adds its mask after the cap, where it can outweigh any score. The two are not equal for any mask."""
    cap, reach = 5.0, 16
    m = Modifier()
    distance = m.op("Clip", m.op("Sub", m.index(KEY), m.index(QUERY)), m.constant(-reach), m.constant(reach))
    place = m.op("Add", distance, m.constant(reach))
    bias = m.look_up("bias", m.index(HEAD), place)
    biased = m.op("Add", m.score, bias)
    capped = m.op("Mul", m.op("Tanh", m.op("Div", biased, m.number(cap))), m.number(cap))
    result = m.hide_unless(m.op("LessOrEqual", m.index(KEY), m.index(QUERY)), capped)
    model = attention_model("bias_before_softcap", {"bias": (TensorProto.FLOAT, ["heads", 2 * reach + 1])}, score_mod=m.graph(result))
    inputs = random_inputs(rng) | {"bias": 4 * rng.standard_normal((4, 2 * reach + 1)).astype(np.float32)}

    def change(s, b, h, q, k):
        s = cap * np.tanh((s + inputs["bias"][h, np.clip(k - q, -reach, reach) + reach]) / cap)
        return np.where(k <= q, s, -np.inf)
    return model, inputs, attend(inputs, change)


def quantised_probabilities(rng):
    """Sage-style attention rounds probabilities to 8 bits before they meet V. The standard operator has nothing between softmax and V; in
    standard operators the probabilities of all queries and keys stand in memory to be rounded."""
    m = Modifier("prob_mod")
    step, zero = m.number(1 / 255), m.constant(0, np.uint8)
    result = m.op("DequantizeLinear", m.op("QuantizeLinear", m.score, step, zero), step, zero)
    inputs = random_inputs(rng)
    inputs["Q"] *= 3
    return (attention_model("quantised_probabilities", {}, prob_mod=m.graph(result)), inputs,
            attend(inputs, change_probabilities=lambda p: np.rint(p * 255) / 255))


def documents(rng):
    """Several documents in one row of a batch, none of which sees another: packed training and prefill. As a mask it takes (queries, keys)
    for each row; here it is one number per token, and tiles between two documents are never computed."""
    m = Modifier()
    same = m.op("Equal", *(m.look_up("document", m.index(axis)) for axis in (QUERY, KEY)))
    seen = m.op("And", same, m.op("LessOrEqual", m.index(KEY), m.index(QUERY)))
    model = attention_model("documents", {"document": (TensorProto.INT64, ["tokens"])}, score_mod=m.graph(m.hide_unless(seen, m.score)))
    document = np.repeat(np.arange(4), [70, 130, 20, 36])
    inputs = random_inputs(rng, queries=256, keys=256) | {"document": document}
    return model, inputs, attend(inputs, lambda s, b, h, q, k: np.where((document[q] == document[k]) & (k <= q), s, -np.inf))


def prefix_lm(rng):
    """A prompt whose tokens see each other both ways, an answer that sees what came before it: another prefix for each row of the batch,
    so the mask is (batch, queries, keys) in memory, and one number per row here."""
    m = Modifier()
    prefix = m.op("Reshape", "prefix", m.constant([-1, 1, 1, 1]))
    seen = m.op("Or", m.op("Less", m.index(KEY), prefix), m.op("LessOrEqual", m.index(KEY), m.index(QUERY)))
    model = attention_model("prefix_lm", {"prefix": (TensorProto.INT64, ["batch"])}, score_mod=m.graph(m.hide_unless(seen, m.score)))
    inputs = random_inputs(rng) | {"prefix": np.int64([17, 50])}
    return model, inputs, attend(inputs, lambda s, b, h, q, k: np.where((k < inputs["prefix"][b]) | (k <= q), s, -np.inf))


def alibi(rng):
    """A bias linear in the distance with a slope for each head. As a mask it is (heads, queries, keys) floats, more than the scores' own
    inputs from some hundred tokens on; here it is a number per head."""
    m = Modifier()
    distance = m.to_real(m.op("Sub", m.index(KEY), m.index(QUERY)))
    biased = m.op("Add", m.score, m.op("Mul", distance, m.op("Reshape", "slopes", m.constant([1, -1, 1, 1]))))
    result = m.hide_unless(m.op("LessOrEqual", m.index(KEY), m.index(QUERY)), biased)
    model = attention_model("alibi", {"slopes": (TensorProto.FLOAT, ["heads"])}, score_mod=m.graph(result))
    slopes = np.float32(2.0 ** -np.arange(2, 10, 2))
    inputs = random_inputs(rng) | {"slopes": slopes}
    return model, inputs, attend(inputs, lambda s, b, h, q, k: np.where(k <= q, s + slopes[h] * (k - q), -np.inf))


def dilated_window(rng):
    """Every fourth key of a window behind the query, as in sparse long-context layers: no (left, right) window size says that, and as a
    mask it is (queries, keys) of mostly nothing."""
    window, step = 64, 4
    m = Modifier()
    back = m.op("Sub", m.index(QUERY), m.index(KEY))
    seen = m.op("And", m.op("GreaterOrEqual", back, m.constant(0)), m.op("Less", back, m.constant(window)))
    seen = m.op("And", seen, m.op("Equal", m.op("Mod", back, m.constant(step)), m.constant(0)))
    model = attention_model("dilated_window", {}, score_mod=m.graph(m.hide_unless(seen, m.score)))
    inputs = random_inputs(rng, queries=200, keys=200)
    return model, inputs, attend(inputs, lambda s, b, h, q, k: np.where((q >= k) & (q - k < window) & ((q - k) % step == 0), s, -np.inf))


def paged(rng):
    """A cache in pages: K and V are the whole pool, shared by all sequences, and captured tables say which logical page of which sequence
    lies in a physical one. Standard operators gather every sequence's pages into a copy of its cache first. Here nothing is copied, and pages
    of other sequences are not visited. The pool's batch is 1 when it runs and a name in the model: the schema refuses a
    written 1 against another batch of Q."""
    page, pages, batch, keys_of = 128, 8, 2, np.int64([300, 200])
    logical_of = np.full((batch, pages), -1, np.int64)  # sequence, physical page -> logical page
    free = iter(rng.permutation(pages))
    for sequence, length in enumerate(keys_of):
        for logical in range(-(-length // page)):
            logical_of[sequence, next(free)] = logical
    m = Modifier()
    size = m.constant(page)
    logical_page = m.look_up("logical_page", m.index(BATCH), m.op("Div", m.index(KEY), size))
    logical_key = m.op("Add", m.op("Mul", logical_page, size), m.op("Mod", m.index(KEY), size))
    length = m.op("Reshape", "lengths", m.constant([-1, 1, 1, 1]))
    # The queries are the last tokens of their sequence.
    queries = m.op("Gather", m.op("Shape", m.score), m.constant(QUERY))
    logical_query = m.op("Add", m.op("Sub", length, queries), m.index(QUERY))
    seen = m.op("And", m.op("GreaterOrEqual", logical_page, m.constant(0)), m.op("LessOrEqual", logical_key, logical_query))
    captured = {"logical_page": (TensorProto.INT64, ["batch", "pages"]), "lengths": (TensorProto.INT64, ["batch"])}
    model = attention_model("paged", captured, kv_batch="pool", score_mod=m.graph(m.hide_unless(seen, m.score)))
    inputs = random_inputs(rng, batch=batch, queries=4, keys=page * pages)
    inputs |= {"logical_page": logical_of, "lengths": keys_of}
    inputs["K"], inputs["V"] = inputs["K"][:1], inputs["V"][:1]

    # What a runtime without pages does: each sequence alone, its pages gathered in order.
    results = []
    for sequence, length in enumerate(keys_of):
        order = np.argsort(np.where(logical_of[sequence] < 0, pages, logical_of[sequence]))
        rows = (order[:, None] * page + np.arange(page)).reshape(-1)[:length]
        own = {"Q": inputs["Q"][sequence:sequence + 1], "K": inputs["K"][:, :, rows], "V": inputs["V"][:, :, rows]}
        results.append(attend(own, lambda s, b, h, q, k, n=length: np.where(k <= n - 4 + q, s, -np.inf)))
    return model, inputs, np.concatenate(results)


GRAPHS = (bias_before_softcap, quantised_probabilities, documents, prefix_lm, alibi, dilated_window, paged)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=pathlib.Path)
    folder = parser.parse_args().folder
    folder.mkdir(parents=True, exist_ok=True)
    for make in GRAPHS:
        model, inputs, expected = make(np.random.default_rng(1))
        onnx.save(model, folder / f"{make.__name__}.onnx")
        np.savez(folder / f"{make.__name__}.npz", **inputs, Y=expected)
        print(folder / f"{make.__name__}.onnx")


if __name__ == "__main__":
    main()
