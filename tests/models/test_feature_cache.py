"""The cache of vision features: used when it may be, never when it may not, and never in the way."""

import os
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from tiny_backbone import tiny_backbone
from tiny_data import data_folder

from gcr_tutorial.config import Preset, TrainingConfig
from gcr_tutorial.data.corpus import ImageCaptionCorpus
from gcr_tutorial.experiments import pipeline
from gcr_tutorial.models import feature_cache
from gcr_tutorial.models.backbone import Backbone
from gcr_tutorial.models.feature_cache import FeatureTable, cached_features, encoder_key, image_key
from gcr_tutorial.models.features import image_features
from gcr_tutorial.models.lora import add_lora
from gcr_tutorial.models.tokens import add_tokens
from gcr_tutorial.training.batches import collate
from gcr_tutorial.training.examples import Example

IMAGES = [Image.fromarray(image) for image in np.random.default_rng(0).integers(0, 256, (10, 24, 24, 3), dtype=np.uint8)]


class Counted:
    """A backbone whose vision tower counts the images that it is given."""

    def __init__(self) -> None:
        self.backbone, self.images = tiny_backbone(), 0
        tower = self.backbone.model.model.vision_model
        tower.register_forward_pre_hook(lambda module, args, kwargs: self.count(kwargs["pixel_values"]), with_kwargs=True)

    def count(self, values: torch.Tensor) -> None:
        self.images += len(values)

    def encoded(self) -> int:
        """Images encoded since the last call."""
        count, self.images = self.images, 0
        return count


@pytest.fixture
def counted() -> Counted:
    return Counted()


def files(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*.safetensors"))


def test_a_second_run_encodes_nothing_and_gives_the_same_bits(counted, tmp_path):
    plain = image_features(counted.backbone, IMAGES, 4)
    assert counted.encoded() == 10
    done: list[int] = []
    first = cached_features(counted.backbone, iter(IMAGES), 4, folder=tmp_path, progress=done.append)
    assert counted.encoded() == 10 and torch.equal(first, plain) and done == [4, 8, 10]
    again = cached_features(counted.backbone, iter(IMAGES), 3, folder=tmp_path)
    assert counted.encoded() == 0 and torch.equal(again, plain)
    order = [7, 2, 2, 9]
    assert torch.equal(cached_features(counted.backbone, [IMAGES[i] for i in order], folder=tmp_path), plain[order])
    assert counted.encoded() == 0
    assert {path.suffix for path in tmp_path.rglob("*") if path.is_file()} == {
        ".safetensors"
    }  # no pickle, nothing half written


def test_only_what_is_new_is_encoded(counted, tmp_path):
    cached_features(counted.backbone, IMAGES[:4], folder=tmp_path)
    counted.encoded()
    some = cached_features(counted.backbone, [*IMAGES[2:6], IMAGES[5]], folder=tmp_path)
    assert counted.encoded() == 2
    torch.testing.assert_close(some, image_features(counted.backbone, [*IMAGES[2:6], IMAGES[5]]), rtol=1e-4, atol=1e-5)
    array = np.stack([np.asarray(image) for image in IMAGES])
    assert torch.equal(cached_features(counted.backbone, array[:6], folder=tmp_path)[2:], some[:4])
    assert cached_features(counted.backbone, [], folder=tmp_path).shape == (0, 4, 32)


@given(st.data())
@settings(max_examples=20)
def test_a_table_is_indexed_like_the_tensor_it_stands_for(data):
    sizes = data.draw(st.lists(st.integers(1, 4), min_size=1, max_size=4))
    shards = [torch.randn(size, 2, 3) for size in sizes]
    found = data.draw(st.permutations([(shard, row) for shard, size in enumerate(sizes) for row in range(size)]))
    table, whole = FeatureTable(shards, found), torch.stack([shards[shard][row] for shard, row in found])
    assert len(table) == len(whole) and table.shape == whole.shape and torch.equal(table[:], whole)
    rows = data.draw(st.lists(st.integers(0, len(whole) - 1), max_size=6))
    assert torch.equal(table[rows], whole[rows]) and torch.equal(table[torch.tensor(rows, dtype=torch.long)], whole[rows])
    assert torch.equal(table[1:], whole[1:]) and torch.equal(table[-1], whole[-1])
    assert torch.equal(torch.stack(list(table)), whole)


def test_beyond_its_bound_memory_is_left_to_mapped_files(counted, tmp_path, monkeypatch):
    monkeypatch.setattr(feature_cache, "SHARD_BYTES", 3 * 4 * 32 * 4)  # three images
    plain = image_features(counted.backbone, IMAGES, 2)
    one = plain[0].nbytes
    assert isinstance(cached_features(counted.backbone, IMAGES, 2, folder=tmp_path, memory=10 * one), torch.Tensor)
    assert len(files(tmp_path)) == 3  # of 4, 4 and 2 images: whole batches
    table = cached_features(counted.backbone, IMAGES, folder=tmp_path, memory=10 * one - 1)
    assert isinstance(table, FeatureTable) and torch.equal(table[:], plain)
    batch = collate([Example((1,), (2,), image=8), Example((1,), (2,)), Example((1,), (2,), image=0)], 0, table, "cpu")
    assert torch.equal(batch["features"], plain[[8, 0]])
    with pytest.raises(IndexError):
        table[10]


@pytest.mark.skipif(not Path("/proc/self/smaps").exists(), reason="needs Linux")
def test_a_table_lies_in_its_files_not_in_memory(counted, tmp_path):
    table = cached_features(counted.backbone, IMAGES, folder=tmp_path, memory=0)
    maps = Path("/proc/self/maps").read_text()
    assert all(str(file) in maps for file in files(tmp_path)) and len(table.shards) == len(files(tmp_path)) == 1


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-40])


def cut_header(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:20])


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-7] ^= 0x55
    path.write_bytes(content)


def foreign(path: Path) -> None:
    path.write_bytes(b"\x80\x04not a safetensors file")


@pytest.mark.parametrize(
    "spoil",
    [cut, cut_header, flip, foreign, lambda path: path.write_bytes(b"")],
    ids=["cut", "header", "flipped bit", "foreign", "empty"],
)
def test_a_damaged_file_is_made_anew(counted, tmp_path, spoil):
    plain = cached_features(counted.backbone, IMAGES, folder=tmp_path)
    counted.encoded()
    spoil(files(tmp_path)[0])
    assert torch.equal(cached_features(counted.backbone, IMAGES, folder=tmp_path), plain) and counted.encoded() == 10
    assert torch.equal(cached_features(counted.backbone, IMAGES, folder=tmp_path), plain) and counted.encoded() == 0
    assert len(files(tmp_path)) == 1


def test_what_changes_features_changes_the_key(counted):
    backbone = counted.backbone
    keys = [encoder_key(backbone)]
    assert encoder_key(tiny_backbone()) == keys[0]
    with torch.no_grad():
        next(backbone.model.model.vision_model.parameters()).view(-1)[0] += 1e-3  # one weight of the tower
        keys.append(encoder_key(backbone))
        next(backbone.model.model.connector.parameters()).view(-1)[0] += 1e-3
        keys.append(encoder_key(backbone))
    backbone.processor.image_processor.image_mean = [0.4, 0.5, 0.5]
    keys.append(encoder_key(backbone))
    backbone.model.to(torch.bfloat16)
    keys.append(encoder_key(backbone))
    for name, value in (
        ("transformers.__version__", "5.999"),
        ("torch.__version__", "2.999"),
        ("gcr_tutorial.models.feature_cache.inspect.getsource", lambda code: "other code"),
    ):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(name, value)
            keys.append(encoder_key(backbone))
    assert len(set(keys)) == len(keys) == 8
    assert len({image_key(image) for image in IMAGES}) == 10
    same_bytes = np.zeros((4, 9, 3), np.uint8), np.zeros((9, 4, 3), np.uint8)
    assert image_key(same_bytes[0]) != image_key(same_bytes[1])


def test_what_leaves_features_alone_leaves_the_key_alone(counted):
    key = encoder_key(counted.backbone)
    ids = add_tokens(counted.backbone, ["<new_0>", "<new_1>"])
    with torch.no_grad():
        counted.backbone.model.model.text_model.layers[0].mlp.up_proj.weight += 1
    assert encoder_key(counted.backbone) == key
    add_lora(counted.backbone, rank=2, token_ids=ids)
    assert encoder_key(counted.backbone) == key


def test_old_files_go_when_the_disk_share_is_used_up(counted, tmp_path):
    cached_features(counted.backbone, IMAGES[:5], folder=tmp_path)
    (old,) = files(tmp_path)
    os.utime(old, (1, 1))
    cached_features(counted.backbone, IMAGES[5:], folder=tmp_path, disk=old.stat().st_size + 10)
    assert old not in files(tmp_path) and len(files(tmp_path)) == 1
    cached_features(counted.backbone, IMAGES[5:], folder=tmp_path, disk=0)  # in use: it stays
    assert len(files(tmp_path)) == 1


def test_a_disk_that_refuses_costs_nothing_but_the_cache(counted, tmp_path, monkeypatch):
    def full(*arguments):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(feature_cache, "save_file", full)
    monkeypatch.setattr(feature_cache, "SHARD_BYTES", 1)
    with pytest.warns(UserWarning, match="No space left.*stay in memory"):
        features = cached_features(counted.backbone, IMAGES, 3, folder=tmp_path)
    assert torch.equal(features, image_features(counted.backbone, IMAGES, 3)) and not files(tmp_path)
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def refuse(error: OSError, when=lambda path: True):
    """A function that raises `error` in place of a call of the operating system."""

    def refusing(path, *arguments, **settings):
        if when(Path(path)):
            raise error

    return refusing


def test_too_many_open_files_do_not_delete_a_valid_file(counted, tmp_path, monkeypatch):
    plain = cached_features(counted.backbone, IMAGES, folder=tmp_path)
    counted.encoded()
    for error in (FileNotFoundError("No such file"), RuntimeError("unable to open file: Too many open files (24)")):
        (file,) = files(tmp_path)
        with monkeypatch.context() as patch:  # the two errors that safetensors and torch raise for it
            patch.setattr(feature_cache, "safe_open", refuse(error))
            with pytest.warns(UserWarning, match="stay in memory"):
                assert torch.equal(cached_features(counted.backbone, IMAGES, folder=tmp_path), plain)
        assert counted.encoded() == 10 and file in files(tmp_path)
        assert torch.equal(cached_features(counted.backbone, IMAGES, folder=tmp_path), plain) and counted.encoded() == 0


def test_when_no_file_can_be_opened_at_all_the_valid_ones_stay(counted, tmp_path):
    resource = pytest.importorskip("resource")
    plain, held = cached_features(counted.backbone, IMAGES, folder=tmp_path), []
    before, limits = files(tmp_path), resource.getrlimit(resource.RLIMIT_NOFILE)
    key = encoder_key(counted.backbone)
    resource.setrlimit(resource.RLIMIT_NOFILE, (len(os.listdir("/dev/fd")) + 20, limits[1]))
    try:
        with pytest.raises(OSError):
            while True:
                held.append(open(os.devnull))
        assert not feature_cache._Store(tmp_path / key).has(image_key(IMAGES[0]))
        held.pop().close()  # now the header can be read, but the features cannot be mapped
        assert not feature_cache._Store(tmp_path / key).has(image_key(IMAGES[0]))
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)
        for file in held:
            file.close()
    counted.encoded()
    assert files(tmp_path) == before
    assert torch.equal(cached_features(counted.backbone, IMAGES, folder=tmp_path), plain) and counted.encoded() == 0


def test_a_cache_that_may_only_be_read_is_read(counted, tmp_path, monkeypatch):
    plain = cached_features(counted.backbone, IMAGES[:6], folder=tmp_path)
    counted.encoded()
    read_only = OSError(30, "Read-only file system")
    for name in ("utime", "unlink", "mkdir", "replace"):
        monkeypatch.setattr(os, name, refuse(read_only))
    monkeypatch.setattr(feature_cache, "save_file", lambda tensors, path, metadata: refuse(read_only)(path))
    assert torch.equal(cached_features(counted.backbone, IMAGES[:6], folder=tmp_path), plain) and counted.encoded() == 0
    with pytest.warns(UserWarning, match="Read-only.*stay in memory"):
        assert len(cached_features(counted.backbone, IMAGES, folder=tmp_path, disk=0)) == 10
    assert counted.encoded() == 4 and len(files(tmp_path)) == 1


def test_files_that_another_process_deletes_meanwhile_do_no_harm(counted, tmp_path, monkeypatch):
    """Between listing a file and looking at it, and between looking at it and deleting it."""
    stat, unlink = Path.stat, Path.unlink
    for name, real in (("stat", stat), ("unlink", unlink)):
        cached_features(counted.backbone, IMAGES[:5], folder=tmp_path)
        (old,) = files(tmp_path)
        os.utime(old, (1, 1))

        def gone_first(path, *arguments, **settings):
            if path == old and old.exists():
                os.remove(old)
            return real(path, *arguments, **settings)

        with monkeypatch.context() as patch:
            patch.setattr(Path, name, gone_first)
            patch.setattr(Path, "exists", lambda path: os.path.exists(path))
            assert len(cached_features(counted.backbone, IMAGES[5:], folder=tmp_path, disk=0)) == 5
        assert not old.exists()
        for file in files(tmp_path):
            file.unlink()
    cached_features(counted.backbone, IMAGES[:5], folder=tmp_path)
    store = feature_cache._Store(tmp_path / encoder_key(counted.backbone))
    files(tmp_path)[0].unlink()
    assert not store.has(image_key(IMAGES[0]))


def test_what_a_killed_run_left_half_written_goes_too(counted, tmp_path):
    cached_features(counted.backbone, IMAGES[:5], folder=tmp_path)
    (whole,) = files(tmp_path)
    half = whole.with_name("0-1.safetensors.writing")
    half.write_bytes(b"x" * 1000)
    os.utime(half, (1, 1))
    cached_features(counted.backbone, IMAGES[:5], folder=tmp_path, disk=whole.stat().st_size + 999)
    assert files(tmp_path) == [whole] and not half.exists()


def test_a_killed_run_loses_at_most_one_file(counted, tmp_path, monkeypatch):
    monkeypatch.setattr(feature_cache, "SHARD_BYTES", 3 * 4 * 32 * 4)  # three images

    def killed_at_the_eighth():
        yield from IMAGES[:8]
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        cached_features(counted.backbone, killed_at_the_eighth(), 1, folder=tmp_path)
    counted.encoded()
    cached_features(counted.backbone, IMAGES[:8], folder=tmp_path)
    assert counted.encoded() == 2  # 0-2 and 3-5 were written


@pytest.mark.parametrize("value, folder", [("", None), (None, Path("~/.cache/gcr_tutorial").expanduser()), ("/x", Path("/x"))])
def test_the_variable_chooses_the_folder(monkeypatch, value, folder):
    monkeypatch.delenv("GCR_CACHE") if value is None else monkeypatch.setenv("GCR_CACHE", value)
    assert feature_cache.cache_dir() == folder


def test_the_pipeline_uses_it(monkeypatch, tmp_path):
    monkeypatch.setenv("GCR_DATA", str(data_folder()))
    monkeypatch.setenv("GCR_CACHE", str(tmp_path))
    encoded = []
    original = Backbone.__init__

    def watched(self, *arguments, **settings):
        original(self, *arguments, **settings)
        self.model.model.vision_model.register_forward_pre_hook(
            lambda module, args, kwargs: encoded.append(len(kwargs["pixel_values"])), with_kwargs=True
        )

    monkeypatch.setattr(Backbone, "__init__", watched)
    preset = Preset(
        "tiny",
        "backbones/tiny-vlm",
        "backbones/tiny-clip",
        24,
        4,
        0,
        3,
        pseudo_queries=2,
        pseudo_samples=2,
        training=TrainingConfig(),
    )
    corpus, results = ImageCaptionCorpus.from_picturebook(4, 0, 3), []
    for _ in range(2):
        results.append(pipeline.run(corpus, preset, progress=lambda line: None))
        encoded.append("run")
    assert encoded == [7, "run", "run"] and results[0]["losses"] == results[1]["losses"]
    assert files(tmp_path / "features")
