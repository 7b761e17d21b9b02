import copy
from collections import Counter
from dataclasses import replace

import pytest
import torch
from tiny_backbone import captions, tiny_backbone

from gcr_tutorial.config import CheckpointConfig, TrainingConfig
from gcr_tutorial.models.features import merge_features
from gcr_tutorial.models.lora import add_lora, find_untrained_tokens, merge_lora
from gcr_tutorial.models.tokens import add_tokens
from gcr_tutorial.training import fine_tuning
from gcr_tutorial.training.batches import collate, length_bucketed_batches
from gcr_tutorial.training.checkpoints import load_checkpoint
from gcr_tutorial.training.examples import Example, caption_examples, memorize_examples, retrieve_examples, target_ids
from gcr_tutorial.training.fine_tuning import _stages, fine_tune
from gcr_tutorial.training.loop import train
from gcr_tutorial.training.loss import CompletionLoss

N = 6
FAST = TrainingConfig(batch_size=12, memorize_epochs=40, retrieve_epochs=40, rank=8, lr=1e-2, token_lr=1e-1)
SHORT = TrainingConfig(**(vars(FAST) | {"batch_size": 4, "memorize_epochs": 2, "retrieve_epochs": 2}))


@pytest.fixture
def task():
    """A backbone with six new identifiers (two of them two tokens long), random features, two queries an image."""
    backbone = tiny_backbone()
    codes = [["<a_0>"], ["<a_1>"], ["<a_2>"], ["<a_3>"], ["<a_4>", "<b_0>"], ["<a_4>", "<b_1>"]]
    add_tokens(backbone, sorted({code for path in codes for code in path}))
    generator = torch.Generator().manual_seed(0)
    features = torch.randn(N, 4, 32, generator=generator)
    queries = [(text, i % N) for i, text in enumerate(captions(2 * N, seed=1))]
    return backbone, target_ids(backbone, codes), queries, features


@torch.no_grad()
def most_likely(backbone, examples, features):
    """Greedy next tokens along each example's own target (teacher forcing)."""
    rows = []
    for example in examples:
        batch = collate([example], backbone.pad_id, features, "cpu")
        embeddings = backbone.model.get_input_embeddings()(batch["input_ids"])
        if "features" in batch:
            embeddings = merge_features(backbone, batch["input_ids"], batch["features"])
        logits = backbone.model(inputs_embeds=embeddings, logits_to_keep=len(example.completion_ids)).logits
        rows.append(tuple(logits[0].argmax(-1).tolist()))
    return rows


def test_target_ids(task):
    backbone, targets, _, _ = task
    assert [len(target) for target in targets] == [2, 2, 2, 2, 3, 3]
    assert all(target[-1] == backbone.end_id for target in targets)
    with pytest.raises(ValueError, match="add_tokens"):
        target_ids(backbone, [["<never_added>"]])


def test_examples(task):
    backbone, targets, queries, _ = task
    memorize = memorize_examples(backbone, targets)
    assert [example.image for example in memorize] == list(range(N))
    assert all(example.prompt_ids.count(backbone.image_token_id) == 4 for example in memorize)
    retrieve = retrieve_examples(backbone, queries, targets)
    text = backbone.tokenizer.decode(retrieve[3].prompt_ids)
    assert queries[3][0] in text and text.startswith("<|im_start|>User: ") and text.endswith("\nAssistant:")
    assert retrieve[3].completion_ids == tuple(targets[queries[3][1]]) and retrieve[3].image is None
    caption = caption_examples(backbone, [("A red dog.", 2)])[0]
    assert backbone.tokenizer.decode(caption.completion_ids) == " A red dog.<end_of_utterance>" and caption.image == 2
    assert retrieve_examples(backbone, [], targets) == caption_examples(backbone, []) == []


@torch.no_grad()
def test_loss_of_a_padded_mixed_batch_is_that_of_each_example_alone(task):
    backbone, targets, queries, features = task
    examples = memorize_examples(backbone, targets) + retrieve_examples(backbone, queries, targets)
    loss = CompletionLoss(backbone).eval()
    together = loss(**collate(examples, backbone.pad_id, features, "cpu"))
    alone = [loss(**collate([example], backbone.pad_id, features, "cpu")) * len(example.completion_ids) for example in examples]
    torch.testing.assert_close(together, sum(alone) / sum(len(example.completion_ids) for example in examples))


@torch.no_grad()
def test_loss_is_the_models_own_on_target_positions_only(task):
    backbone, _, _, _ = task
    example = Example((5, 6, 7, 8), (9, 10, 11))
    labels = torch.tensor([[-100] * 4 + [9, 10, 11]])
    own = backbone.model(input_ids=torch.tensor([[5, 6, 7, 8, 9, 10, 11]]), labels=labels).loss
    torch.testing.assert_close(CompletionLoss(backbone)(**collate([example], 0, None, "cpu")), own)


@pytest.mark.parametrize("schedule", ["sequential", "joint"])
@pytest.mark.parametrize("trainable", ["lora", "full"])
def test_model_memorizes_and_retrieves(task, trainable, schedule):
    backbone, targets, queries, features = task
    seen = []
    config = TrainingConfig(
        **(
            vars(FAST)
            | {"trainable": trainable, "schedule": schedule, "memorize_share": 0.5, "lr": 3e-2 if trainable == "lora" else 1e-2}
        )
    )
    history = fine_tune(
        backbone, targets, queries, features=features, config=config, progress=lambda *report: seen.append(report)
    )
    stages = ["memorize", "retrieve"] if schedule == "sequential" else ["joint"]
    assert list(history.losses) == list(history.seconds) == stages
    for stage in stages:
        losses = history.losses[stage]
        assert losses[-1] < 0.3 < losses[0]
        reports = [report for report in seen if report[0] == stage]
        assert [(step, loss) for _, step, _, loss in reports] == list(enumerate(losses, 1))
        assert {total for _, _, total, _ in reports} == {len(losses)}
    retrieve = retrieve_examples(backbone, queries, targets)
    assert most_likely(backbone, retrieve, features) == [example.completion_ids for example in retrieve]
    memorize = memorize_examples(backbone, targets)
    assert most_likely(backbone, memorize, features) == [example.completion_ids for example in memorize]


@pytest.mark.parametrize("trainable", ["lora", "full"])
def test_vision_stays_frozen_and_a_plain_tied_model_is_left(task, trainable):
    backbone, targets, queries, features = task
    before = copy.deepcopy(backbone.model.state_dict())
    config = TrainingConfig(**(vars(SHORT) | {"trainable": trainable}))
    fine_tune(backbone, targets, queries, features=features, config=config)
    after = backbone.model.state_dict()
    assert after.keys() == before.keys()
    changed = {name for name in before if not torch.equal(before[name], after[name])}
    assert changed and not any("vision" in name or "connector" in name for name in changed)
    assert {"model.text_model.embed_tokens.weight", "lm_head.weight"} <= changed
    assert torch.equal(after["lm_head.weight"], after["model.text_model.embed_tokens.weight"])
    assert not any(parameter.requires_grad for parameter in backbone.model.parameters())
    if trainable == "lora":  # old tokens' rows and norms are as they were
        old = before["lm_head.weight"][: -len({i for t in targets for i in t[:-1]})]
        assert torch.equal(after["lm_head.weight"][: len(old)], old)
        assert not any("norm" in name for name in changed)


def test_new_rows_learn_from_the_output_side_too(task):
    """An atomic identifier is never an input before it is predicted: its row learns through the (tied) head alone."""
    backbone, targets, queries, _ = task
    add_lora(backbone, rank=4, token_ids=sorted({i for t in targets for i in t[:-1]}))
    examples = retrieve_examples(backbone, [queries[0]], targets)  # identifier <a_0>
    CompletionLoss(backbone)(**collate(examples, backbone.pad_id, None, "cpu")).backward()
    deltas = [(n, p) for n, p in backbone.model.named_parameters() if "trainable_tokens" in n]
    assert len(deltas) == 1, "one shared parameter where input and output are tied"
    assert (deltas[0][1].grad.abs().sum(1) > 0).all()  # the softmax pushes every row


def alike(backbone, token_ids):
    """Make the embedding rows of `token_ids` all but equal, as those of tokens that pretraining never met are."""
    rows = backbone.model.get_input_embeddings().weight.data
    rows[token_ids] = rows[token_ids[0]] + 1e-4 * torch.randn(len(token_ids), rows.shape[1])
    return token_ids


def test_tokens_never_read_are_those_with_a_twin(task):
    backbone = task[0]
    never = alike(backbone, [7, 11, 13])
    assert find_untrained_tokens(backbone, [5, 7, 9, 11, 13, 15]) == never
    assert find_untrained_tokens(backbone, [5, 7, 9]) == []  # no other one to be mistaken for
    assert find_untrained_tokens(backbone, []) == []


@pytest.mark.parametrize("rows_trained", [True, False])
def test_identifiers_of_tokens_never_read_are_learned(task, monkeypatch, rows_trained):
    """Numbers as names: where the digits' rows are equal, only training those rows can tell one digit from another."""
    backbone, _, queries, features = task
    digits = alike(backbone, [7, 11, 13])
    targets = [[one, other, backbone.end_id] for one in digits for other in digits][:N]
    before = backbone.model.get_input_embeddings().weight.detach().clone()
    if not rows_trained:
        monkeypatch.setattr(fine_tuning, "find_untrained_tokens", lambda *_: [])
    fine_tune(backbone, targets, queries, features=features, config=FAST)
    changed = (backbone.model.get_input_embeddings().weight != before).any(dim=1).nonzero().flatten().tolist()
    assert changed == (digits if rows_trained else [])  # and no other word's
    expected = [tuple(targets[row]) for _, row in queries]
    assert (most_likely(backbone, retrieve_examples(backbone, queries, targets), features) == expected) is rows_trained


@torch.no_grad()
def test_merging_changes_nothing_but_the_shape_of_the_model(task):
    backbone, targets, queries, features = task
    with torch.enable_grad():
        fine_tune(backbone, targets, queries, features=features, config=SHORT, merge=False)
    ids = torch.tensor([list(retrieve_examples(backbone, queries, targets)[0].prompt_ids) + targets[0]])
    adapted = backbone.model(input_ids=ids).logits
    merge_lora(backbone)
    assert "Peft" not in type(backbone.model).__name__
    torch.testing.assert_close(backbone.model(input_ids=ids).logits, adapted, rtol=1e-4, atol=1e-4)


def test_adapting_twice_and_unknown_words_are_refused(task):
    backbone = task[0]
    add_lora(backbone, rank=2)
    with pytest.raises(ValueError, match="already"):
        add_lora(backbone, rank=2)
    adapted, (_, targets, queries, features) = backbone.model, task
    with pytest.raises(ValueError, match="already"):
        fine_tune(backbone, targets, queries, features=features, config=SHORT)
    assert backbone.model is adapted and any("lora_A" in name for name in adapted.state_dict())  # it is not taken off
    for wrong in (dict(schedule="both"), dict(trainable="some"), dict(mixed_precision="fp8")):
        with pytest.raises(ValueError, match="choose one of"):
            TrainingConfig(**wrong)


class Killed(Exception):
    pass


@pytest.mark.parametrize("kill_at", [("memorize", 2), ("retrieve", 3)])
def test_a_killed_run_goes_on_to_the_same_result(task, tmp_path, kill_at):
    backbone, targets, queries, features = task
    every_step = CheckpointConfig(tmp_path, seconds=-1.0)

    def kill(stage, step, total, loss):
        if (stage, step) == kill_at:
            raise Killed

    killed, unharmed = copy.deepcopy(backbone), copy.deepcopy(backbone)
    with pytest.raises(Killed):
        fine_tune(killed, targets, queries, features=features, config=SHORT, progress=kill, checkpoint=every_step)
    resumed = fine_tune(backbone, targets, queries, features=features, config=SHORT, checkpoint=CheckpointConfig(tmp_path))
    straight = fine_tune(unharmed, targets, queries, features=features, config=SHORT)
    assert resumed.losses == straight.losses
    for name, weight in unharmed.model.state_dict().items():
        assert torch.equal(weight, backbone.model.state_dict()[name]), name


def test_checkpoint_of_another_run_is_refused(task, tmp_path):
    backbone, targets, queries, features = task
    fine_tune(copy.deepcopy(backbone), targets, queries, features=features, config=SHORT, checkpoint=CheckpointConfig(tmp_path))
    with pytest.raises(ValueError, match="another run: seed was 0 and is 1. Go on"):
        fine_tune(backbone, targets, queries, features=features, config=SHORT, seed=1, checkpoint=CheckpointConfig(tmp_path))


def test_same_seed_same_weights_other_seed_other_weights(task):
    backbone, targets, queries, features = task
    losses = [
        fine_tune(copy.deepcopy(backbone), targets, queries, features=features, config=SHORT, seed=seed).losses
        for seed in (0, 0, 1)
    ]
    assert losses[0] == losses[1] != losses[2]


@pytest.mark.parametrize("parts", [2, 3, 5])
def test_a_batch_in_parts_is_the_same_batch(task, parts):
    """Identifiers are of two lengths, and the last batch of an epoch is smaller than the others, even than `parts`."""
    backbone, targets, queries, features = task
    losses = []
    for accumulation in (1, parts):
        trained = copy.deepcopy(backbone)
        add_lora(trained, rank=4, token_ids=sorted({token for target in targets for token in target[:-1]}))
        examples = memorize_examples(trained, targets) + retrieve_examples(trained, queries, targets)
        config = replace(SHORT, accumulation=accumulation, batch_size=8)  # 18 examples: 8, 8, 2
        losses.append(train(trained, examples, epochs=4, config=config, features=features)[0])
    assert len(losses[0]) == 12
    torch.testing.assert_close(losses[1], losses[0], rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    "wrong",
    [
        {"batch_size": 0},
        {"memorize_epochs": -1},
        {"retrieve_epochs": -1},
        {"lr": -0.1},
        {"lr": float("nan")},
        {"rank": 0},
        {"accumulation": 0},
        {"memorize_share": -0.5},
    ],
)
def test_impossible_numbers_are_refused(wrong):
    with pytest.raises(ValueError, match="or more"):
        TrainingConfig(**wrong)


def test_mismatched_rows_are_refused(task):
    backbone, targets, queries, features = task
    with pytest.raises(ValueError, match="one identifier a row"):
        fine_tune(backbone, targets, queries, features=features[:2])
    with pytest.raises(ValueError, match="queries name rows"):
        fine_tune(backbone, targets, [("a dog", N)], features=features)


def test_without_queries_only_memorizing_happens(task):
    backbone, targets, _, features = task
    assert list(fine_tune(backbone, targets, [], features=features, config=SHORT).losses) == ["memorize"]


def test_a_small_collection_gets_more_epochs() -> None:
    backbone, targets = tiny_backbone(), [[300, 1], [301, 1]]
    queries = [("a red ball", 0), ("a blue kite", 1)] * 10
    for schedule, stage in (("sequential", "retrieve"), ("joint", "joint")):
        config = TrainingConfig(schedule=schedule, batch_size=4, memorize_epochs=1, retrieve_epochs=2, least_steps=25)
        for least, passes in ((25, 5), (0, 2)):  # 20 queries are 5 batches: 5 epochs make 25 steps
            epochs = {
                name: visited for name, _, visited in _stages(backbone, targets, queries, replace(config, least_steps=least))
            }
            assert len(epochs[stage]) == passes


@pytest.mark.parametrize("least_steps", [0, 40])
@pytest.mark.parametrize("share", [0.0, 0.3])
def test_both_schedules_visit_every_query_and_every_image_equally_often(least_steps, share):
    """Also where there are many more passes than `retrieve_epochs`, or fewer images a pass than there are."""
    backbone, targets = tiny_backbone(), [[300 + row, 1] for row in range(7)]
    queries = [(text, row % 7) for row, text in enumerate(captions(20))]
    visits = {}
    for schedule in ("sequential", "joint"):
        config = TrainingConfig(
            schedule=schedule, memorize_epochs=6, retrieve_epochs=4, least_steps=least_steps, batch_size=4, memorize_share=share
        )
        counts = visits[schedule] = Counter()
        for _, examples, epochs in _stages(backbone, targets, queries, config):
            for batch in length_bucketed_batches([len(example) for example in examples], config.batch_size, epochs, 0):
                counts.update(examples[i] for i in batch)
    passes = 8 if least_steps else 4
    images = [[counts[example] for example in memorize_examples(backbone, targets)] for counts in visits.values()]
    asked = [[counts[example] for example in retrieve_examples(backbone, queries, targets)] for counts in visits.values()]
    assert asked[0] == asked[1] == [passes] * 20
    assert images[0] == images[1]
    assert sum(images[0]) == 6 * 7 + passes * round(share * 20) and max(images[0]) - min(images[0]) <= 1


@pytest.mark.parametrize("trainable", ["lora", "full"])
@pytest.mark.parametrize("stop_at", [("memorize", 2), ("retrieve", 3)])
def test_fine_tune_stopped_in_a_notebook_can_be_called_again(task, trainable, stop_at):
    """The model is the one from before: no adapter is on, no weight has changed, and the same call gives the same result."""
    backbone, targets, queries, features = task
    backbone.source, backbone.revision = "somewhere", "main"
    config = replace(SHORT, trainable=trainable)
    before, unharmed = copy.deepcopy(backbone.model.state_dict()), copy.deepcopy(backbone)

    def stop(stage, step, total, loss):
        if (stage, step) == stop_at:
            raise KeyboardInterrupt

    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            fine_tune(backbone, targets, queries, features=features, config=config, progress=stop)
        assert (backbone.source, backbone.revision) == ("somewhere", "main")
        assert type(backbone.model) is type(unharmed.model) and not backbone.model.training
        after = backbone.model.state_dict()
        assert after.keys() == before.keys() and all(torch.equal(after[name], before[name]) for name in before)
        assert not any(parameter.requires_grad for parameter in backbone.model.parameters())
    again = fine_tune(backbone, targets, queries, features=features, config=config)
    straight = fine_tune(unharmed, targets, queries, features=features, config=config)
    assert again.losses == straight.losses
    assert all(map(torch.equal, backbone.model.state_dict().values(), unharmed.model.state_dict().values()))


def test_a_second_precision_in_one_process_works(task):
    """accelerate keeps the first one, and refuses another."""
    backbone, targets, queries, features = task
    losses = [
        fine_tune(
            copy.deepcopy(backbone), targets, queries, features=features, config=replace(SHORT, mixed_precision=precision)
        )
        for precision in ("no", "bf16", "no")
    ]
    assert losses[0].losses == losses[2].losses != losses[1].losses
    assert losses[1].losses["retrieve"] == pytest.approx(losses[0].losses["retrieve"], abs=0.5)


def test_weights_that_the_last_step_spoils_are_noticed(task, tmp_path):
    """No loss follows the last step, so only a look at the weights can tell."""
    backbone, targets, queries, features = task

    def spoil(stage, step, total, loss):
        if (stage, step) == ("retrieve", total):
            next(weight for weight in backbone.model.parameters() if weight.requires_grad).data[0] = torch.inf

    for checkpoint in (CheckpointConfig(), CheckpointConfig(tmp_path, steps=1)):
        with pytest.raises(FloatingPointError, match="step 6 made the weight .* infinite or NaN: .*--lr") as error:
            fine_tune(backbone, targets, queries, features=features, config=SHORT, progress=spoil, checkpoint=checkpoint)
    assert f"the state after step 5 is in {tmp_path / '1_retrieve'}" in str(error.value)
    assert len(load_checkpoint(tmp_path / "1_retrieve")["losses"]) == 5
