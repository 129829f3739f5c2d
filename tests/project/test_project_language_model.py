from __future__ import annotations

from pathlib import Path

import pytest

from dagster_project.language_model import LanguageModel, Size, text_of, tokens_of, train, unigram_perplexity
from dagster_project.model_server.fable_model import fables, load_or_train

SMALL = Size(context=3, embedding=16, hidden=32, epochs=6)


@pytest.fixture(scope="module")
def teacher(tmp_path_factory: pytest.TempPathFactory) -> LanguageModel:
    return load_or_train(tmp_path_factory.mktemp("cache"))


def test_joining_tokens_gives_the_fables_back() -> None:
    for fable in fables():
        assert text_of(tokens_of(fable)).split() == fable.split()


def test_the_corpus_is_whole_fables_without_their_titles() -> None:
    texts = fables()
    assert len(texts) == 46
    assert texts[0].startswith("A Wolf, meeting with a Lamb")
    assert all(t.endswith((".", '"', "!")) for t in texts)


def test_training_learns_more_than_word_frequencies() -> None:
    texts = fables()
    model = train(texts[6:], SMALL, seed=1)
    assert model.perplexity(texts[:6]) < unigram_perplexity(texts[6:], texts[:6])
    assert model.perplexity(texts[6:]) < 0.5 * unigram_perplexity(texts[6:], texts[6:])


def test_the_same_seed_gives_the_same_model_and_text_and_another_seed_another_text() -> None:
    first, second = (train(fables()[:8], SMALL, seed=3) for _ in range(2))
    assert first.complete("A Wolf", seed=5) == second.complete("A Wolf", seed=5)
    assert first.complete("A Wolf", seed=5, temperature=1.2) != first.complete("A Wolf", seed=6, temperature=1.2)


def test_a_saved_model_answers_as_before(tmp_path: Path) -> None:
    model = train(fables()[:5], SMALL)
    model.save(tmp_path / "deep" / "model.npz")
    loaded = LanguageModel.load(tmp_path / "deep" / "model.npz")
    assert loaded.complete("A Bat", seed=2) == model.complete("A Bat", seed=2)
    assert [p.name for p in (tmp_path / "deep").iterdir()] == ["model.npz"]


def test_words_it_never_saw_neither_break_it_nor_come_out(teacher: LanguageModel) -> None:
    done = teacher.complete("Quantum §§ blockchain", max_tokens=30, temperature=1.5)
    assert done.prompt_tokens == 4
    assert "<unk>" not in done.text
    assert "<s>" not in done.text


def test_the_limit_is_kept_and_named(teacher: LanguageModel) -> None:
    done = teacher.complete("A Fox caught in", max_tokens=3, temperature=0)
    assert (done.completion_tokens, done.finish_reason) == (3, "length")


def test_training_on_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="no text"):
        train(["", "  "])


def test_the_cache_is_used(tmp_path: Path) -> None:
    load_or_train(tmp_path)
    [weights] = tmp_path.iterdir()
    before = weights.stat().st_mtime_ns
    load_or_train(tmp_path)
    assert weights.stat().st_mtime_ns == before
