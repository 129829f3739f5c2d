"""A small neural language model in numpy: the demo's teacher, and the kind of student it trains.

The architecture is the neural probabilistic language model of Bengio et al. (2003,
https://www.jmlr.org/papers/v3/bengio03a.html): the embeddings of the last few words go
through one hidden layer to a softmax over the vocabulary. It trains on the shipped fables in
seconds on one core, which makes it a real model to generate with and to distil, if a tiny one.
"""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

Floats = NDArray[np.float32]
Ids = NDArray[np.int64]

START, END, UNKNOWN = "<s>", "</s>", "<unk>"
_TOKEN = re.compile(r"[A-Za-z]+(?:['-][A-Za-z]+)*'?|\d+|[^\sA-Za-z\d]")
_GLUED_LEFT = set(".,;:!?)")


def tokens_of(text: str) -> list[str]:
    """Split text into words and punctuation marks.

    Example:
        >>> tokens_of("A Fox's tail, lost!")
        ['A', "Fox's", 'tail', ',', 'lost', '!']
    """
    return _TOKEN.findall(text)


def text_of(tokens: Iterable[str]) -> str:
    """Join tokens to readable text; the inverse of ``tokens_of`` up to spacing.

    Example:
        >>> text_of(["A", "Fox", ",", '"', "Come", '"', "!"])
        'A Fox, "Come"!'
    """
    parts: list[str] = []
    quoted, glue = False, True
    for token in tokens:
        closes = token == '"' and quoted
        if not (glue or closes or token in _GLUED_LEFT):
            parts.append(" ")
        parts.append(token)
        glue = token == "(" or (token == '"' and not quoted)
        quoted = quoted != (token == '"')
    return "".join(parts)


@dataclass(frozen=True)
class Size:
    """How big a model is and how long it trains.

    Attributes:
        context: words of context.
        embedding: dimensions of a word.
        hidden: width of the hidden layer.
        epochs: passes over the text.
        batch: positions per step.
        rate: Adam's step size.
    """

    context: int = 4
    embedding: int = 32
    hidden: int = 96
    epochs: int = 12
    batch: int = 96
    rate: float = 3e-3


@dataclass(frozen=True)
class Completion:
    """A continuation.

    Attributes:
        text: what the model wrote.
        finish_reason: ``"stop"`` at an end of text, ``"length"`` at the limit.
        prompt_tokens: tokens read.
        completion_tokens: tokens written.
    """

    text: str
    finish_reason: str
    prompt_tokens: int
    completion_tokens: int


class LanguageModel:
    """A trained model.

    Args:
        vocabulary: words by id; the first three are START, END and UNKNOWN.
        context: words of context.
        weights: arrays ``embed``, ``w1``, ``b1``, ``w2`` and ``b2``.
    """

    def __init__(self, vocabulary: tuple[str, ...], context: int, weights: dict[str, Floats]) -> None:
        self.vocabulary = vocabulary
        self.context = context
        self.weights = weights
        self._ids = {word: i for i, word in enumerate(vocabulary)}

    @property
    def parameters(self) -> int:
        """Number of trained parameters."""
        return sum(w.size for w in self.weights.values())

    def complete(self, prompt: str, *, max_tokens: int = 60, temperature: float = 0.7, seed: int = 0) -> Completion:
        """Continue a prompt.

        Args:
            prompt: the words to go on from.
            max_tokens: limit of words and marks to write.
            temperature: 0 takes the likeliest word each time.
            seed: the same seed and prompt give the same text.
        """
        rng = np.random.default_rng(seed)
        read = tokens_of(prompt)
        ids = [0] * self.context + [self._ids.get(t, 2) for t in read]
        written: list[str] = []
        for _ in range(max_tokens):
            logits = self._logits(np.array([ids[-self.context :]]))[0]
            logits[[0, 2]] = -np.inf  # never write START or UNKNOWN
            chosen = _sample(logits, temperature, rng)
            if chosen == 1:
                return Completion(text_of(written), "stop", len(read), len(written))
            ids.append(chosen)
            written.append(self.vocabulary[chosen])
        return Completion(text_of(written), "length", len(read), len(written))

    def perplexity(self, texts: Iterable[str]) -> float:
        """How surprised the model is by a text, per token; lower is better."""
        x, y = _windows(texts, self._ids, self.context)
        return float(np.exp(-np.log(_softmax(self._logits(x))[np.arange(len(y)), y] + 1e-9).mean()))

    @property
    def digest(self) -> str:
        """``sha256:...`` of everything the model consists of."""
        seen = sha256(repr((self.vocabulary, self.context)).encode())
        for name in sorted(self.weights):
            seen.update(name.encode() + self.weights[name].tobytes())
        return f"sha256:{seen.hexdigest()}"

    def save(self, path: Path) -> None:
        """Write the model so that a reader sees all of it or nothing."""
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=path.parent, suffix=".npz", delete=False) as f:
            words: dict[str, Any] = {"vocabulary": np.array(self.vocabulary), "context": np.array(self.context)}
            np.savez_compressed(f, **words, **cast("dict[str, Any]", self.weights))
        os.replace(f.name, path)

    @classmethod
    def load(cls, path: Path) -> LanguageModel:
        """Read what ``save`` wrote."""
        with np.load(path) as data:
            weights = {k: data[k] for k in ("embed", "w1", "b1", "w2", "b2")}
            return cls(tuple(str(w) for w in data["vocabulary"]), int(data["context"]), weights)

    def _logits(self, x: Ids) -> Floats:
        w = self.weights
        hidden = np.tanh(w["embed"][x].reshape(len(x), -1) @ w["w1"] + w["b1"])
        return hidden @ w["w2"] + w["b2"]


def train(texts: Iterable[str], size: Size | None = None, *, seed: int = 0) -> LanguageModel:
    """Train a model with Adam on the cross-entropy of the next word.

    Args:
        texts: documents; the model learns where each begins and ends.
        size: how big and how long; the default suits some thousand words.
        seed: the same texts, size and seed give the same model on one machine.

    Raises:
        ValueError: when there is no text.
    """
    size = size or Size()
    documents = [t for t in texts if t.strip()]
    if not documents:
        raise ValueError("there is no text to train on")
    words = sorted({t for d in documents for t in tokens_of(d)})
    vocabulary = (START, END, UNKNOWN, *words)
    rng = np.random.default_rng(seed)
    wide, n = size.context * size.embedding, len(vocabulary)
    shapes = {"embed": (n, size.embedding), "w1": (wide, size.hidden), "w2": (size.hidden, n)}
    weights: dict[str, Floats] = {
        k: rng.normal(0, 0.1 if k == "embed" else s[0] ** -0.5, s).astype(np.float32) for k, s in shapes.items()
    }
    weights |= {"b1": np.zeros(size.hidden, np.float32), "b2": np.zeros(n, np.float32)}
    model = LanguageModel(vocabulary, size.context, weights)
    x, y = _windows(documents, {w: i for i, w in enumerate(vocabulary)}, size.context)
    moments = {k: (np.zeros_like(w), np.zeros_like(w)) for k, w in weights.items()}
    step = 0
    # Matrices this small gain nothing from BLAS threads, and threads that wait for a core cost tenfold.
    with threadpool_limits(limits=1, user_api="blas"):
        for _ in range(size.epochs):
            order = rng.permutation(len(y))
            for at in range(0, len(y), size.batch):
                step += 1
                rows = order[at : at + size.batch]
                _adam(weights, _gradients(weights, x[rows], y[rows]), moments, step, size.rate)
    return model


def unigram_perplexity(train_texts: Iterable[str], test_texts: Iterable[str]) -> float:
    """Perplexity of guessing words by their frequency alone: what a model has to beat."""
    counts: dict[str, int] = {}
    for token in (t for d in train_texts for t in (*tokens_of(d), END)):
        counts[token] = counts.get(token, 0) + 1
    total = sum(counts.values()) + len(counts) + 1
    seen = [t for d in test_texts for t in (*tokens_of(d), END)]
    return float(np.exp(-np.mean([np.log((counts.get(t, 0) + 1) / total) for t in seen])))


def _windows(texts: Iterable[str], ids: dict[str, int], context: int) -> tuple[Ids, Ids]:
    x: list[list[int]] = []
    y: list[int] = []
    for text in texts:
        sequence = [0] * context + [ids.get(t, 2) for t in tokens_of(text)] + [1]
        for at in range(context, len(sequence)):
            x.append(sequence[at - context : at])
            y.append(sequence[at])
    return np.array(x, np.int64), np.array(y, np.int64)


def _gradients(w: dict[str, Floats], x: Ids, y: Ids) -> dict[str, Floats]:
    flat = w["embed"][x].reshape(len(x), -1)
    hidden = np.tanh(flat @ w["w1"] + w["b1"])
    error = _softmax(hidden @ w["w2"] + w["b2"])
    error[np.arange(len(y)), y] -= 1
    error /= np.float32(len(y))
    back = np.asarray((error @ w["w2"].T) * (1 - hidden**2), np.float32)
    embed = np.zeros_like(w["embed"])
    np.add.at(embed, x.reshape(-1), (back @ w["w1"].T).reshape(-1, embed.shape[1]))
    bias: dict[str, Floats] = {"b1": back.sum(0, dtype=np.float32), "b2": error.sum(0, dtype=np.float32)}
    return {"embed": embed, "w1": flat.T @ back, "w2": hidden.T @ error, **bias}


def _adam(
    weights: dict[str, Floats],
    gradients: dict[str, Floats],
    moments: dict[str, tuple[Floats, Floats]],
    step: int,
    rate: float,
) -> None:
    scale = np.float32(rate * (1 - 0.999**step) ** 0.5 / (1 - 0.9**step))
    for name, g in gradients.items():
        mean, square = moments[name]
        mean += np.float32(0.1) * (g - mean)
        square += np.float32(0.001) * (g * g - square)
        weights[name] -= scale * mean / (np.sqrt(square) + np.float32(1e-8))


def _softmax(logits: Floats) -> Floats:
    e = np.exp(logits - logits.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def _sample(logits: Floats, temperature: float, rng: np.random.Generator) -> int:
    if temperature <= 0:
        return int(logits.argmax())
    chances = _softmax(logits[None, :].astype(np.float32) / np.float32(temperature))[0].astype(np.float64)
    return int(rng.choice(len(chances), p=chances / chances.sum()))
