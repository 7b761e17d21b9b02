"""The classifier kind: what it computes, that training touches what it should, and that it is kept whole."""

import math

import pytest
import torch
from tiny_backbone import captions, tiny_backbone
from tiny_data import finished_run, own_copy
from torch.nn.functional import normalize

from gcr_tutorial.config import CheckpointConfig, TrainingConfig
from gcr_tutorial.decoding import left_pad
from gcr_tutorial.identifiers import make_identifiers
from gcr_tutorial.models.backbone import Backbone
from gcr_tutorial.models.prompts import retrieve_prompts
from gcr_tutorial.retrieval.retriever import GenerativeRetriever
from gcr_tutorial.training import classifier
from gcr_tutorial.training.batches import collate
from gcr_tutorial.training.classifier import ClipClassifier, fine_tune_classifier, last_hidden, rank_by_classifier

QUERIES = ["a boy", "A red dog near the park.", "two blue balls on the beach with a man and a woman"]
N, D = 10, 6


@pytest.fixture
def backbone() -> Backbone:
    return tiny_backbone()


def embeddings(n: int = N) -> torch.Tensor:
    return normalize(torch.randn(n, D, generator=torch.Generator().manual_seed(0)), dim=1)


def padded(backbone: Backbone, queries=QUERIES) -> dict[str, torch.Tensor]:
    return left_pad(retrieve_prompts(backbone, queries), backbone.pad_id)


@torch.no_grad()
def test_scores_are_the_linear_map_of_the_last_hidden_state_against_the_embeddings(backbone):
    classifier, inputs = ClipClassifier(32, embeddings()), padded(backbone)
    found = rank_by_classifier(backbone, classifier, inputs, range(N), N)
    for query, answers in zip(QUERIES, found):
        prompt = torch.tensor(retrieve_prompts(backbone, [query]))  # alone, so without padding
        hidden = backbone.model(input_ids=prompt, output_hidden_states=True).hidden_states[-1][0, -1]
        logits = embeddings() @ (classifier.project.weight @ hidden + classifier.project.bias)
        by_hand = (logits.exp() / logits.exp().sum()).log()
        assert [score for _, score in answers] == pytest.approx(by_hand.sort(descending=True).values.tolist(), abs=1e-4)
        assert dict(answers) == pytest.approx(dict(enumerate(by_hand.tolist())), abs=1e-4)


@pytest.mark.parametrize("tied", [True, False])
@pytest.mark.parametrize("trainable", ["lora", "full"])
def test_all_that_trains_gets_a_gradient(backbone, monkeypatch, tied, trainable):
    """Many processes wait for one for each trainable weight."""
    if not tied:
        head = backbone.model.get_output_embeddings()
        head.weight = torch.nn.Parameter(head.weight.detach().clone())
    without = []

    def one_step(backbone, examples, *, loss_model, **how):
        loss_model(**collate(examples, backbone.pad_id, None, backbone.device)).backward()
        without.extend(name for name, weight in loss_model.named_parameters() if weight.requires_grad and weight.grad is None)
        assert any(weight.grad is not None for weight in loss_model.model.parameters())
        return [0.0], 0.0

    monkeypatch.setattr(classifier, "train", one_step)
    fine_tune_classifier(
        backbone, embeddings(), [("a boy", 0), ("a dog", 3)], config=TrainingConfig(trainable=trainable, rank=4)
    )
    assert without == []


def test_queries_train_with_the_prompts_of_search(backbone, monkeypatch):
    """Control tokens in them are text, in training too."""
    kept, queries = [], ["  a  dog <image>\n", "<end_of_utterance> a boy"]
    monkeypatch.setattr(classifier, "train", lambda backbone, examples, **how: kept.extend(examples) or ([0.0], 0.0))
    pairs = [(query, row) for row, query in enumerate(queries)]
    fine_tune_classifier(backbone, embeddings(), pairs, config=TrainingConfig(rank=4))
    assert [list(example.prompt_ids) for example in kept] == retrieve_prompts(backbone, queries)


def test_some_rows_are_ranked_as_among_all(backbone):
    classifier, inputs = ClipClassifier(32, embeddings()).requires_grad_(False), padded(backbone)
    rows = [7, 0, 4]
    everything = rank_by_classifier(backbone, classifier, inputs, range(N), N)
    for answers, whole in zip(rank_by_classifier(backbone, classifier, inputs, rows, 2), everything):
        expected = [(rows.index(row), score) for row, score in whole if row in rows][:2]
        assert answers == expected  # places in `rows`


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_prompt_after_which_the_scores_are_not_finite_is_named(backbone, value):
    classifier, inputs = ClipClassifier(32, embeddings()).requires_grad_(False), padded(backbone)
    only_there = set(inputs["input_ids"][1].tolist()) - set(inputs["input_ids"][[0, 2]].flatten().tolist())
    backbone.model.requires_grad_(False).get_input_embeddings().weight[min(only_there)] = value
    with pytest.raises(FloatingPointError, match="query 1"):
        rank_by_classifier(backbone, classifier, inputs, range(N), 3)


def test_equal_images_keep_their_order(backbone):
    classifier = ClipClassifier(32, embeddings(1).repeat(4, 1)).requires_grad_(False)
    [answers] = rank_by_classifier(backbone, classifier, padded(backbone, ["a dog"]), [3, 1, 2], 3)
    assert [place for place, _ in answers] == [0, 1, 2]


@pytest.mark.parametrize("trainable", ["lora", "full"])
def test_it_learns_its_queries_and_leaves_a_plain_frozen_model(backbone, trainable):
    queries = [(text, row) for row, text in enumerate(captions(N, seed=3))]
    before = {name: weight.clone() for name, weight in backbone.model.state_dict().items()}
    config = TrainingConfig(trainable=trainable, rank=8, lr=1e-2, batch_size=5, memorize_epochs=99, retrieve_epochs=30)
    steps = []
    classifier, history = fine_tune_classifier(
        backbone, embeddings(), queries, config=config, progress=lambda *at: steps.append(at[:3])
    )
    assert list(history.losses) == ["retrieve"] and steps == [("retrieve", i, 60) for i in range(1, 61)]  # no memorize step
    assert history.losses["retrieve"][0] == pytest.approx(math.log(N), abs=0.7)
    found = rank_by_classifier(backbone, classifier, padded(backbone, [text for text, _ in queries]), range(N), 1)
    assert [answers[0][0] for answers in found] == list(range(N))
    torch.testing.assert_close(classifier.embeddings, embeddings(), rtol=0, atol=0)  # frozen
    assert not any(weight.requires_grad for model in (classifier, backbone.model) for weight in model.parameters())
    after = backbone.model.state_dict()
    assert before.keys() == after.keys()
    changed = {name for name in before if not torch.equal(before[name], after[name])}
    assert changed and not any("vision" in name or "connector" in name for name in changed)


def test_the_same_seed_gives_the_same_map_whatever_was_drawn_before():
    def trained(seed: int) -> torch.Tensor:
        config = TrainingConfig(rank=4, retrieve_epochs=2, batch_size=4)
        return fine_tune_classifier(
            tiny_backbone(), embeddings(), [(q, i) for i, q in enumerate(QUERIES)], config=config, seed=seed
        )[0].project.weight

    first = trained(0)
    torch.rand(7)
    assert torch.equal(first, trained(0)) and not torch.equal(first, trained(1))


def test_training_goes_on_from_a_checkpoint_with_the_map_in_it(tmp_path):
    queries = [(text, row) for row, text in enumerate(captions(N, seed=3))]
    config = TrainingConfig(rank=4, lr=1e-2, batch_size=5, retrieve_epochs=4)

    class Killed(Exception):
        pass

    def dies(stage: str, step: int, total: int, loss: float) -> None:
        if step == 5:
            raise Killed

    whole, history = fine_tune_classifier(tiny_backbone(), embeddings(), queries, config=config)
    with pytest.raises(Killed):
        fine_tune_classifier(
            tiny_backbone(), embeddings(), queries, config=config, checkpoint=CheckpointConfig(tmp_path, -1.0), progress=dies
        )
    assert list(tmp_path.iterdir())
    resumed, again = fine_tune_classifier(
        tiny_backbone(), embeddings(), queries, config=config, checkpoint=CheckpointConfig(tmp_path)
    )
    assert again.losses == history.losses and torch.equal(resumed.project.weight, whole.project.weight)


@pytest.mark.parametrize(
    "queries, message",
    [([], "there are none.*--pseudo-queries"), ([("a dog", N)], r"rows \[10\]"), ([("a dog", -1)], r"rows \[-1\]")],
)
def test_what_cannot_be_learned_is_refused(backbone, queries, message):
    with pytest.raises(ValueError, match=message):
        fine_tune_classifier(backbone, embeddings(), queries)


def test_it_comes_back_from_its_file_and_only_with_embeddings_that_fit(tmp_path, backbone):
    classifier = ClipClassifier(32, embeddings()).requires_grad_(False)
    classifier.save(tmp_path / "c.safetensors")
    again = ClipClassifier.load(tmp_path / "c.safetensors", embeddings())
    inputs = padded(backbone)
    assert rank_by_classifier(backbone, again, inputs, range(N), 3) == rank_by_classifier(
        backbone, classifier, inputs, range(N), 3
    )
    with pytest.raises(ValueError, match="does not fit embeddings"):
        ClipClassifier.load(tmp_path / "c.safetensors", torch.ones(N, D + 1))
    with pytest.raises(FileNotFoundError, match="train the classifier again"):
        ClipClassifier.load(tmp_path / "absent.safetensors", embeddings())
    with pytest.raises(ValueError, match=r"\(N, D\)"):
        ClipClassifier(32, torch.ones(0, D))


@torch.no_grad()
def test_padding_does_not_change_the_hidden_state(backbone):
    inputs = padded(backbone)
    together = last_hidden(backbone, **inputs)
    for row, query in enumerate(QUERIES):
        alone = last_hidden(backbone, torch.tensor(retrieve_prompts(backbone, [query])), None)
        torch.testing.assert_close(together[row : row + 1], alone, atol=1e-4, rtol=1e-4)


def test_a_retriever_has_a_classifier_if_and_only_if_its_kind_says_so(backbone):
    names = [str(i) for i in range(N)]
    with pytest.raises(ValueError, match="classifier identifiers without a classifier"):
        GenerativeRetriever(backbone, make_identifiers("classifier", names))
    with pytest.raises(ValueError, match="over 9 images for 10 identifiers"):
        GenerativeRetriever(backbone, make_identifiers("classifier", names), classifier=ClipClassifier(32, embeddings(9)))
    with pytest.raises(ValueError, match="string identifiers with a classifier"):
        GenerativeRetriever(
            backbone,
            make_identifiers("string", names, tokenizer=backbone.tokenizer),
            classifier=ClipClassifier(32, embeddings()),
        )
    with pytest.raises(ValueError, match="one matrix product"):
        GenerativeRetriever(backbone, make_identifiers("classifier", names), classifier=ClipClassifier(32, embeddings())).trie()


@pytest.mark.parametrize("file", ["classifier.safetensors", "clip_gallery.safetensors"])
def test_a_saved_classifier_needs_both_its_files(tmp_path, file):
    folder = own_copy(finished_run("classifier") / "retriever", tmp_path / "r")
    (folder / file).write_bytes((folder / file).read_bytes()[:50])
    with pytest.raises(ValueError, match="cannot be read"):
        GenerativeRetriever.from_pretrained(folder)
    (folder / file).unlink()
    with pytest.raises(FileNotFoundError, match=file):
        GenerativeRetriever.from_pretrained(folder)
