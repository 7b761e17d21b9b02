"""SmolVLM, SmolVLM2, Qwen2.5-VL, Qwen3-VL and Gemma 3 in miniature: each goes the whole way that tiny-vlm goes."""

import json
import os
import subprocess
import sys
from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from peft import PeftModel
from PIL import Image
from safetensors.torch import load_file
from tiny_backbone import CountedTokens, captions
from tiny_data import scratch
from tiny_families import FAMILIES, UNTIED, checkpoint
from transformers import AutoModelForImageTextToText, AutoProcessor

from gcr_tutorial.config import TrainingConfig
from gcr_tutorial.decoding import constrained_beam_search, left_pad, trie_search
from gcr_tutorial.models.adapter_files import load_adapter, save_adapter
from gcr_tutorial.models.backbone import Backbone
from gcr_tutorial.models.features import grid_positions, image_features, model_inputs
from gcr_tutorial.models.loading import load_backbone, save_backbone
from gcr_tutorial.models.lora import add_lora, make_trainable, merge_lora, unfreeze_language_model
from gcr_tutorial.models.prompts import MEMORIZE_INSTRUCTION, prompt_ids, prompt_text, retrieve_prompts
from gcr_tutorial.models.tokens import add_tokens
from gcr_tutorial.training.batches import collate
from gcr_tutorial.training.examples import Example, memorize_examples, retrieve_examples, target_ids
from gcr_tutorial.training.fine_tuning import fine_tune
from gcr_tutorial.training.loss import CompletionLoss
from gcr_tutorial.training.prefix_cache import common_prefix_length
from gcr_tutorial.training.pseudo_queries import sample_captions
from gcr_tutorial.trie import TrieIndex

KINDS = [(family, True) for family in FAMILIES] + [(family, False) for family in UNTIED]
N = 20
VECTORS = {"qwen2_5_vl": 9, "qwen3_vl": 9}  # of a picture of 24 px: 3 x 3 patches after merging; the others make 4
END = {"idefics3": "<end_of_utterance>", "smolvlm": "<end_of_utterance>", "gemma3": "<end_of_turn>"}
RECIPE = TrainingConfig(
    rank=16, lr=5e-3, token_lr=5e-2, batch_size=20, memorize_epochs=30, retrieve_epochs=60, memorize_share=0.5
)


@pytest.fixture(scope="module", params=KINDS, ids=lambda kind: kind[0] + ("" if kind[1] else "-untied"))
def kind(request) -> tuple[str, bool]:
    return request.param


@cache
def saved(family: str, tied: bool = True, seed: int = 0) -> Path:
    return checkpoint(family, scratch() / "families" / f"{family}-{tied}-{seed}", tied, seed)


def fresh(family: str, tied: bool = True, dtype: torch.dtype | None = None) -> Backbone:
    return load_backbone(saved(family, tied), dtype=dtype, image_size=24)


def pictures(n: int, size: tuple[int, int] = (24, 24)) -> list[Image.Image]:
    noise = np.random.default_rng(0).integers(0, 256, (n, size[1], size[0], 3), dtype=np.uint8)
    return [Image.fromarray(image) for image in noise]


@torch.no_grad()
def logits_of(backbone: Backbone, examples: list[Example], features: torch.Tensor | None) -> list[torch.Tensor]:
    """(T, V) logits that predict the targets of each example, all in one padded batch."""
    batch = collate(examples, backbone.pad_id, features, "cpu")
    inputs = model_inputs(backbone, batch["input_ids"], batch["attention_mask"], batch.get("features"), batch.get("image_rows"))
    logits = backbone.model(**inputs).logits
    return [logits[row, -len(example.completion_ids) :] for row, example in enumerate(examples)]


def reproduced(backbone: Backbone, examples: list[Example], features: torch.Tensor) -> list[bool]:
    """Whether the likeliest token is the right one all along each example's target."""
    found = logits_of(backbone, examples, features)
    return [logits.argmax(-1).tolist() == list(example.completion_ids) for logits, example in zip(found, examples)]


def test_the_prompt_is_the_processors_own(kind):
    family, tied = kind
    backbone = fresh(*kind)
    settings = backbone.processor.image_processor
    assert backbone.tokenizer.padding_side == "left" and not getattr(settings, "do_image_splitting", False)
    assert backbone.tokenizer.convert_ids_to_tokens(backbone.end_id) == END.get(family, "<|im_end|>")
    start = prompt_text(backbone, "Find it", image=False)
    assert start.endswith({"gemma3": "model\n"}.get(family, "Assistant:" if family in END else "assistant\n"))
    assert backbone.answer_format[0] == (" " if start.endswith(":") else "")
    ids, vectors = prompt_ids(backbone, "Name it.", image=True), VECTORS.get(family, 4)
    assert ids.count(backbone.image_token_id) == vectors
    first = ids.index(backbone.image_token_id)
    assert backbone.image_token_id not in ids[:first] + ids[first + vectors :]
    wide = image_features(backbone, [*pictures(2), *pictures(1, (90, 31))])  # whatever shape a picture has
    assert wide.shape[:2] == (3, vectors) and image_features(backbone, []).shape == (0, *wide.shape[1:])


@torch.no_grad()
def test_cached_features_give_the_logits_that_pixels_give(kind):
    family, tied = kind
    backbone, images = fresh(*kind), pictures(3)
    texts = [prompt_text(backbone, text, image=True) for text in ("Name it.", "What is in this picture, and where?", "Go!")]
    inputs = backbone.processor(
        text=texts, images=[[image] for image in images], padding=True, return_tensors="pt", add_special_tokens=False
    )
    assert not inputs["attention_mask"].all()
    own = backbone.model(**inputs).logits
    mine = model_inputs(backbone, inputs["input_ids"], inputs["attention_mask"], image_features(backbone, images))
    here = inputs["attention_mask"].bool()
    torch.testing.assert_close(backbone.model(**mine).logits[here], own[here], rtol=0, atol=1e-5)
    # and what it takes besides the embeddings matters here:
    needed = {"qwen2_5_vl": "position_ids", "qwen3_vl": "position_ids", "gemma3": "token_type_ids"}.get(family)
    if needed:
        without = backbone.model(**{name: value for name, value in mine.items() if name != needed}).logits
        assert (without[here] - own[here]).abs().max() > 1e-2
    if family == "qwen3_vl":
        mine["mm_encoder_outputs"]["image"].deepstack_features = []
        assert (backbone.model(**mine).logits[here] - own[here]).abs().max() > 1e-2


@torch.no_grad()
def test_pictures_and_questions_in_one_batch_are_as_each_alone(kind):
    backbone = fresh(*kind)
    features = image_features(backbone, pictures(2))
    prompt = tuple(prompt_ids(backbone, MEMORIZE_INSTRUCTION, image=True))
    examples = [
        Example(prompt, (11, 12, 13), 0),
        Example(tuple(prompt_ids(backbone, "a red ball", image=False)), (14, 15)),
        Example(prompt, (16,), 1),
    ]
    alone = [logits_of(backbone, [example], features)[0] for example in examples]
    for together, one in zip(logits_of(backbone, examples, features), alone):
        torch.testing.assert_close(together, one, rtol=0, atol=2e-5)
    loss = CompletionLoss(backbone)(**collate(examples, backbone.pad_id, features, "cpu"))
    summed = sum(
        torch.nn.functional.cross_entropy(one, torch.tensor(example.completion_ids), reduction="sum")
        for one, example in zip(alone, examples)
    )
    torch.testing.assert_close(loss, summed / 6, rtol=1e-5, atol=1e-5)


def test_a_start_that_queries_share_is_evaluated_once_to_the_same_loss_and_gradient(kind, monkeypatch):
    backbone = fresh(*kind)
    new = add_tokens(backbone, ["<a_0>", "<a_1>"])
    add_lora(backbone, rank=4, token_ids=new)
    config = backbone.plain_model.get_decoder().config
    if kind[0] == "gemma3":
        config.sliding_window = 64  # the real one is 512 and more; with this checkpoint's 8 nothing would be shared
    backbone.model.train()
    queries = [(text, 0) for text in ("a red ball", "two dogs in a park with a kite", "a", "the girl")]
    batch = collate(retrieve_examples(backbone, queries, [[*new, backbone.end_id]]), backbone.pad_id, None, "cpu")
    assert common_prefix_length(batch["input_ids"], batch["attention_mask"], 3) >= 7
    found = []
    for least in (0, 10**9):
        monkeypatch.setattr("gcr_tutorial.training.prefix_cache.min_efficient_tokens", lambda model: least)
        backbone.model.zero_grad()
        with CountedTokens(backbone.plain_model.get_decoder()) as counted:
            loss = CompletionLoss(backbone)(**batch)
        loss.backward()
        gradient = torch.cat([weight.grad.flatten() for weight in backbone.model.parameters() if weight.grad is not None])
        found.append((loss.item(), gradient, counted.tokens))
    (loss, gradient, few), (own_loss, own_gradient, many) = found
    assert few < many and loss == pytest.approx(own_loss, rel=1e-6)
    assert (gradient - own_gradient).norm() < 1e-5 * own_gradient.norm()


@given(
    rows=st.lists(st.tuples(st.integers(0, 4), st.integers(1, 6), st.booleans(), st.integers(1, 6)), min_size=1, max_size=4),
    side=st.integers(1, 4),
)
@settings(max_examples=30)
def test_positions_are_those_of_qwens_own_code(rows, side):
    model = fresh_qwen().model
    length = max(before + side**2 * picture + after for _, before, picture, after in rows) + 4
    ids, types, mask = torch.full((len(rows), length), 9), torch.zeros(len(rows), length, dtype=torch.int), []
    for row, (_, before, picture, after) in enumerate(rows):
        used = before + side**2 * picture + after
        start = length - used
        types[row, start + before : start + before + side**2 * picture] = 1
        mask.append([0] * start + [1] * used)
    mask, grid = torch.tensor(mask), torch.tensor([[1, 2 * side, 2 * side]] * sum(picture for *_, picture, _ in rows))
    theirs, _ = model.model.get_rope_index(
        ids, mm_token_type_ids=types, image_grid_thw=grid if len(grid) else None, attention_mask=mask
    )
    ours = grid_positions(types.bool(), mask)
    assert torch.equal(ours[:, mask.bool()], theirs[:, mask.bool()])


@cache
def fresh_qwen() -> Backbone:
    return fresh("qwen2_5_vl")


def test_images_that_are_no_square_are_refused():
    at_image = torch.zeros(2, 9, dtype=torch.bool)
    at_image[:, 2:8] = True  # six vectors
    with pytest.raises(ValueError, match="square"):
        grid_positions(at_image, None)


@torch.no_grad()
def test_captions_are_sampled_from_the_models_own_distribution(kind):
    """With the likeliest token taken each time, sampling from the cache must say what whole forward passes say."""
    backbone = fresh(*kind)
    features = image_features(backbone, pictures(2))
    prompt = tuple(prompt_ids(backbone, "Describe the picture.", image=True))
    barred = set(backbone.tokenizer.all_special_ids) | set(backbone.tokenizer.added_tokens_decoder)
    expected = []
    for row in range(2):
        said: list[int] = []
        while len(said) < 5 and backbone.end_id not in said:
            logits = logits_of(backbone, [Example(prompt + tuple(said), (0,), row)], features)[0][-1]
            logits[[token for token in barred if token != backbone.end_id]] = -torch.inf
            said.append(int(logits[: backbone.model.config.get_text_config().vocab_size].argmax()))
        expected.append(backbone.tokenizer.decode(said, skip_special_tokens=True).strip())
    sampled = sample_captions(backbone, features, 2, torch.Generator().manual_seed(0), top_k=1, max_new_tokens=5)
    assert sampled == [[text] * 2 for text in expected] and all(expected)


@cache
def trained(family: str, tied: bool) -> tuple[Backbone, list[list[int]], list[tuple[str, int]], torch.Tensor]:
    """A backbone with an adapter that has memorized 20 pictures and two sentences about each."""
    backbone = fresh(family, tied)
    features = image_features(backbone, pictures(N))
    codes = [[f"<l0_{i // 5}>", f"<l1_{i % 5}>"] for i in range(N)]
    add_tokens(backbone, [*sorted({code for path in codes for code in path}), "<never_used>"])
    targets = target_ids(backbone, codes)
    queries = [(f"{text} {i}", i % N) for i, text in enumerate(captions(2 * N, seed=1))]
    fine_tune(backbone, targets, queries, features=features, config=RECIPE, merge=False)
    return backbone, targets, queries, features


def search(backbone: Backbone, texts: list[str], targets: list[list[int]], beams: int = N) -> list[list[tuple[int, float]]]:
    inputs = left_pad(retrieve_prompts(backbone, texts), backbone.pad_id)
    return trie_search(backbone.model, inputs, TrieIndex.build(targets), beams, pad_id=backbone.pad_id)


def test_twenty_pictures_are_memorized_and_found(kind):
    backbone, targets, queries, features = trained(*kind)
    assert all(reproduced(backbone, memorize_examples(backbone, targets), features))
    assert all(reproduced(backbone, retrieve_examples(backbone, queries, targets), features))
    found = search(backbone, [text for text, _ in queries], targets)
    assert [hits[0][0] for hits in found] == [row for _, row in queries]
    assert all(sorted(position for position, _ in hits) == list(range(N)) for hits in found)  # all identifiers, no other
    example = retrieve_examples(backbone, queries[:1], targets)[0]
    log_probs = logits_of(backbone, [example], None)[0].log_softmax(-1)
    own = sum(log_probs[i, token].item() for i, token in enumerate(example.completion_ids))
    assert found[0][0][1] == pytest.approx(own, abs=1e-4)


@pytest.mark.parametrize("beams", [3, N])
def test_the_fast_decoder_finds_what_generate_finds(kind, beams):
    backbone, targets, queries, _ = trained(*kind)
    texts = [*dict.fromkeys(text for text, _ in queries[:6]), "a dog", "girl " * 12]  # of unlike length; two never learned
    trie, prompts = TrieIndex.build(targets), retrieve_prompts(backbone, texts)
    expected = search(backbone, texts, targets, beams)
    for inputs in (prompts, left_pad(prompts, backbone.pad_id)):
        found = constrained_beam_search(backbone.model, inputs, trie, beams, pad_id=backbone.pad_id)
        for mine, theirs in zip(found, expected, strict=True):
            assert [row for row, _ in mine] == [row for row, _ in theirs]
            assert [score for _, score in mine] == pytest.approx([score for _, score in theirs], abs=2e-4)


def test_only_the_language_model_and_the_new_rows_were_trained(kind):
    backbone, targets, _, _ = trained(*kind)
    plain, before = backbone.plain_model, fresh(*kind).model.state_dict()
    head, table = plain.get_output_embeddings(), plain.get_input_embeddings()
    shared = head.token_adapter.trainable_tokens_delta is table.token_adapter.trainable_tokens_delta
    assert shared == kind[1]  # one parameter where the weights are tied, two where they are not
    new = sorted({token for target in targets for token in target[:-1]})
    for module in (head, table):
        assert module.token_adapter.token_indices["default"] == new
        moved = (
            module.token_adapter.trainable_tokens_delta["default"] - module.token_adapter.trainable_tokens_original["default"]
        )
        assert (moved.abs().amax(1) > 1e-3).all()
    now = {name.replace(".base_layer", "").replace(".token_adapter", ""): weight for name, weight in plain.state_dict().items()}
    old = min(new)  # the new tokens took the spare rows, and a few more
    for name, weight in before.items():
        assert (
            torch.equal(now[name][:old], weight[:old])
            if "embed_tokens" in name or "lm_head" in name
            else torch.equal(now[name], weight)
        ), name
    adapted = {name for name, _ in plain.named_parameters() if "lora" in name}
    assert adapted and not any("visual" in name or "vision" in name or "connector" in name for name in adapted)


def adapter_of(family: str, tied: bool) -> Path:
    folder = scratch() / "adapters" / f"{family}-{tied}"
    if not folder.exists():
        save_adapter(trained(family, tied)[0], folder)
    return folder


def test_an_adapter_holds_no_embedding_matrix_and_no_path_of_this_machine(kind):
    backbone, folder = trained(*kind)[0], adapter_of(*kind)
    assert {path.suffix for path in folder.iterdir()} <= {".json", ".safetensors", ".jinja"}
    for path in folder.iterdir():
        if path.suffix == ".json":
            assert str(scratch()) not in path.read_text(), path
    rows = len(backbone.model.get_input_embeddings().weight)
    tensors = load_file(folder / "adapter_model.safetensors")
    assert any("trainable_tokens_delta" in name for name in tensors)
    assert not any(rows in tensor.shape for tensor in tensors.values())
    trainable = sum(
        weight.numel()
        for name, weight in backbone.model.named_parameters()
        if "lora" in name or "trainable_tokens_delta" in name
    )
    assert (folder / "adapter_model.safetensors").stat().st_size < 4 * trainable + 20_000  # bytes: float32, and names
    assert (folder / "new_rows.safetensors").stat().st_size < 4 * 32 * 2 * 60 + 4_000


def test_an_adapter_scores_the_same_when_loaded(kind):
    backbone, targets, queries, _ = trained(*kind)
    loaded, texts = load_backbone(adapter_of(*kind)), [text for text, _ in queries[:5]]
    assert isinstance(loaded.model, PeftModel) and loaded.end_id == backbone.end_id
    assert search(loaded, texts, targets) == search(backbone, texts, targets)  # to the last bit


def test_fresh_processes_score_the_same_and_pinned_revisions_are_what_loads(tmp_path):
    """One process for all: importing torch takes longer than the work."""
    for revision, seed in (("a" * 40, 0), ("b" * 40, 1)):  # a cache as `hf download` leaves it, of two commits
        repo = tmp_path / "hub" / "models--someone--tiny"
        (repo / "snapshots").mkdir(parents=True, exist_ok=True)
        os.symlink(saved("idefics3", True, seed), repo / "snapshots" / revision)
        (repo / "refs").mkdir(exist_ok=True)
        (repo / "refs" / "main").write_text("b" * 40)
    expected = {str(adapter_of(*kind)): search(trained(*kind)[0], ["a red ball"], trained(*kind)[1]) for kind in KINDS}
    (tmp_path / "targets.json").write_text(json.dumps({str(adapter_of(*kind)): trained(*kind)[1] for kind in KINDS}))
    script = """if True:
        import json, sys, torch
        torch.set_num_threads(1)
        from pathlib import Path
        sys.path[:0] = ["tests/helpers", "tests/models"]
        from gcr_tutorial.models.loading import load_backbone
        from test_real_backbones import search
        targets = json.loads(Path(sys.argv[1]).read_text())
        found = {folder: search(load_backbone(folder), ["a red ball"], targets[folder]) for folder in targets}
        hub = {}
        for revision in ("a" * 40, "b" * 40, None):
            pinned = load_backbone("someone/tiny", revision=revision)
            hub[str(revision)] = [pinned.source, pinned.revision, pinned.model.lm_head.weight.double().sum().item()]
        print(json.dumps([found, hub]))
    """
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path / "targets.json")],
        capture_output=True,
        text=True,
        env={**os.environ, "HF_HOME": str(tmp_path), "HF_HUB_OFFLINE": "1", "PYTHONPATH": "."},
        cwd=Path(__file__).resolve().parents[2],
        timeout=240,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    found, hub = json.loads(done.stdout.splitlines()[-1])
    assert {folder: [[tuple(hit) for hit in hits] for hits in answers] for folder, answers in found.items()} == expected
    sums = {seed: load_backbone(saved("idefics3", True, seed)).model.lm_head.weight.double().sum().item() for seed in (0, 1)}
    assert hub == {
        "a" * 40: ["someone/tiny", "a" * 40, sums[0]],
        "b" * 40: ["someone/tiny", "b" * 40, sums[1]],
        "None": ["someone/tiny", None, sums[1]],
    }


def test_merged_and_exported_it_is_a_plain_model(kind, tmp_path):
    backbone, targets, queries, features = trained(*kind)
    merged, texts = load_adapter(adapter_of(*kind)), [text for text, _ in queries[:5]]
    merge_lora(merged)
    assert not isinstance(merged.model, PeftModel)
    for mine, theirs in zip(search(merged, texts, targets), search(backbone, texts, targets)):
        assert dict(mine) == pytest.approx(dict(theirs), abs=2e-3)
    save_backbone(merged, tmp_path / "exported")
    plain = AutoModelForImageTextToText.from_pretrained(tmp_path / "exported")
    assert (plain.get_output_embeddings().weight is plain.get_input_embeddings().weight) == kind[1]
    again = load_backbone(tmp_path / "exported")
    assert search(again, texts, targets) == search(merged, texts, targets)
    assert AutoProcessor.from_pretrained(tmp_path / "exported").tokenizer.convert_tokens_to_ids("<l0_0>") == targets[0][0]
    assert torch.equal(image_features(again, pictures(3)), features[:3])  # vision is as it was, and so are its settings


def test_adapters_move_with_their_base_and_refuse_another(tmp_path):
    folder, base = tmp_path / "a" / "adapter", tmp_path / "a" / "base"
    backbone = fresh("idefics3")
    save_backbone(backbone, base)
    backbone = load_backbone(base)
    add_tokens(backbone, ["<new>"])
    add_lora(backbone, rank=2, token_ids=[backbone.tokenizer.convert_tokens_to_ids("<new>")])
    save_backbone(backbone, folder)  # an adapter it is, so an adapter is saved
    assert json.loads((folder / "adapter_config.json").read_text())["base_model_name_or_path"] == "../base"
    (tmp_path / "a").rename(tmp_path / "b")
    assert load_adapter(tmp_path / "b" / "adapter").tokenizer.tokenize("<new>") == ["<new>"]
    (tmp_path / "b" / "base").rename(tmp_path / "elsewhere")
    with pytest.raises(FileNotFoundError, match=r"\.\./base.*base=\.\.\."):
        load_adapter(tmp_path / "b" / "adapter")
    assert load_adapter(tmp_path / "b" / "adapter", base=tmp_path / "elsewhere").source == str(tmp_path / "elsewhere")
    with pytest.raises(ValueError, match="another model"):
        load_adapter(tmp_path / "b" / "adapter", base=saved("idefics3", seed=1))
    with pytest.raises(ValueError, match="no adapter"):
        save_adapter(fresh("idefics3"), tmp_path / "c")


@pytest.mark.parametrize("trainable", ["lora", "full"])
def test_an_adapter_on_weights_that_no_file_holds_is_refused(tmp_path, trainable):
    backbone = fresh("idefics3")
    make_trainable(backbone, TrainingConfig(trainable=trainable, rank=2))
    merge_lora(backbone)  # as after the captioning step
    add_lora(backbone, rank=2)
    with pytest.raises(ValueError, match="never saved: save_backbone it, load it, and call add_lora on that"):
        save_backbone(backbone, tmp_path / "adapter")
    assert not (tmp_path / "adapter").exists()


@pytest.mark.parametrize(
    "source, named",
    [
        ("HuggingFaceTB/SmolVLM-256M-Instruct", "HuggingFaceTB/SmolVLM-256M-Instruct"),
        ("{data}/backbones/tiny-vlm", "backbones/tiny-vlm"),
    ],
)
def test_an_adapter_names_hub_and_shipped_models_by_name(tmp_path, monkeypatch, source, named):
    monkeypatch.setenv("GCR_DATA", str(tmp_path))
    backbone = fresh("idefics3")
    add_lora(backbone, rank=2)
    backbone.source, backbone.revision = source.format(data=tmp_path), "abc"
    save_adapter(backbone, tmp_path / "adapter")
    config = json.loads((tmp_path / "adapter" / "adapter_config.json").read_text())
    assert (config["base_model_name_or_path"], config["revision"]) == (named, "abc")


def test_weights_decide_what_is_tied_not_the_configuration():
    backbone = fresh("idefics3")
    backbone.model.config.tie_word_embeddings = False  # as some checkpoints wrongly say
    add_lora(backbone, rank=2, token_ids=[5, 6])
    deltas = [name for name, _ in backbone.model.named_parameters() if "trainable_tokens_delta" in name]
    assert len(deltas) == 1


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16], ids=str)
def test_what_lora_trains_is_float32_in_a_half_precision_model(dtype):
    backbone = fresh("qwen2_5_vl", dtype=dtype)
    features = image_features(backbone, pictures(2))
    assert features.dtype == dtype
    ids = add_tokens(backbone, ["<a>", "<b>"])
    add_lora(backbone, rank=4, token_ids=ids)
    trained = [weight for weight in backbone.model.parameters() if weight.requires_grad]
    assert trained and {weight.dtype for weight in trained} == {torch.float32}
    examples = memorize_examples(backbone, [[ids[0], backbone.end_id], [ids[1], backbone.end_id]])
    batch = collate(examples, backbone.pad_id, features, "cpu")
    with torch.autocast("cpu", dtype):
        loss = CompletionLoss(backbone)(**batch)
    loss.backward()
    assert loss.isfinite() and any(weight.grad.abs().max() > 0 for weight in trained)
    with pytest.raises(ValueError, match="float32"):
        unfreeze_language_model(fresh("qwen2_5_vl", dtype=dtype))
