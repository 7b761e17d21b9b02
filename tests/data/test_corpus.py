"""The corpus from its three sources, its bad input, and the two protocols."""

import json
import os
import random
import warnings
from collections import namedtuple
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from gcr_tutorial import picturebook
from gcr_tutorial.data import corpus as corpus_module
from gcr_tutorial.data.corpus import ImageCaptionCorpus
from gcr_tutorial.data.records import ImageRecord
from gcr_tutorial.data.task import make_task
from gcr_tutorial.errors import UserError

FLICKR = Path(__file__).resolve().parents[3] / "shared" / "flickr8k-sample"
needs_flickr = pytest.mark.skipif(
    not (FLICKR / "dataset_flickr8k.json").is_file(),
    reason=f"the Flickr8k sample is not at {FLICKR} (it may not be redistributed)",
)
needs_picturebook = pytest.mark.skipif(not hasattr(picturebook, "render"), reason="the Picturebook is not drawn yet")


def entry(filename, split="train", captions=("a dog runs .", "a brown dog ."), **more):
    return {"filename": filename, "split": split, "sentences": [{"raw": text} for text in captions], **more}


def write(folder, entries, pictures=True):
    """A Karpathy JSON and its image folder; returns both paths."""
    images = folder / "images"
    images.mkdir(exist_ok=True)
    for item in entries if pictures else ():
        path = images / item.get("filepath", "") / item["filename"]
        path.parent.mkdir(exist_ok=True)
        Image.new("RGB", (30, 20), (200, 100, 50)).save(path)
    json_path = folder / "dataset.json"
    json_path.write_text(json.dumps({"dataset": "little", "images": entries}))
    return json_path, images


def load(folder, entries, pictures=True):
    return ImageCaptionCorpus.from_karpathy(*write(folder, entries, pictures))


def in_memory(captions_of_each, split="train"):
    return ImageCaptionCorpus("m", [ImageRecord(f"i{n}", split, tuple(c), 0) for n, c in enumerate(captions_of_each)])


# Karpathy files


def test_karpathy_file_is_read(tmp_path):
    corpus = load(tmp_path, [entry("a.jpg"), entry("b.jpg", "restval"), entry("c.jpg", "val"), entry("d.jpg", "test")])
    assert corpus.name == "little" and len(corpus) == 4
    assert [corpus.indices(split) for split in ("train", "val", "test")] == [[0, 1], [2], [3]]
    assert corpus.records[0] == ImageRecord("a.jpg", "train", ("a dog runs .", "a brown dog ."), "a.jpg")
    assert "2 train, 1 val, 1 test" in repr(corpus)
    assert corpus.meaning(0, 0) is None and corpus.is_true("a dog runs .", 0) is None  # nobody knows
    with pytest.raises(ValueError, match="little.*not the Picturebook"):
        corpus.relevant([None])
    with pytest.raises(ValueError, match="unknown split 'restval'"):
        corpus.indices("restval")


def test_coco_filepath_is_a_subfolder_and_part_of_the_id(tmp_path):
    corpus = load(tmp_path, [entry("x.jpg", filepath="train2014"), entry("x.jpg", "test", filepath="val2014")])
    assert [record.id for record in corpus.records] == ["train2014/x.jpg", "val2014/x.jpg"]
    assert corpus.image(1).size == (30, 20)


def test_image_sizes_and_indices(tmp_path):
    corpus = load(tmp_path, [entry("a.jpg")])
    assert corpus.image(0).size == (30, 20) and corpus.image(0, 16).size == (16, 16)
    assert corpus.image(0).mode == "RGB"
    for bad in (1, -1):
        with pytest.raises(IndexError, match="corpus of 1"):
            corpus.image(bad)
    with pytest.raises(ValueError, match="at least 1 pixel"):
        corpus.image(0, 0)


def test_images_are_read_when_asked_for_once_and_not_shared(tmp_path, monkeypatch):
    reads = []
    real = corpus_module.open_image
    monkeypatch.setattr(corpus_module, "open_image", lambda *a, **k: reads.append(a) or real(*a, **k))
    corpus = load(tmp_path, [entry("a.jpg"), entry("b.jpg")])
    assert reads == []
    corpus.image(0, 8).paste("white", (0, 0, 8, 8))
    assert corpus.image(0, 8).getpixel((4, 4)) != (255, 255, 255) and len(reads) == 1


def test_image_cache_stays_bounded_and_forgets_the_least_used(tmp_path, monkeypatch):
    made = []
    monkeypatch.setattr(corpus_module, "CACHE_BYTES", 3 * 4 * 30 * 20)
    corpus = load(tmp_path, [entry(f"{n}.jpg") for n in range(12)])
    job = corpus.picture_job
    monkeypatch.setattr(corpus, "picture_job", lambda i, size: made.append(i) or job(i, size))
    for i in (0, 1, 2, 0, 3):  # 0 is used again before 3 pushes out 1
        corpus.image(i).putpixel((0, 0), (255, 255, 255))
    assert made == [0, 1, 2, 3] and len(corpus._cache) == 3 and corpus._cache.currsize == 3 * 4 * 30 * 20
    assert corpus.image(0).getpixel((0, 0)) != (255, 255, 255) and made == [0, 1, 2, 3]
    corpus.image(1)
    assert made == [0, 1, 2, 3, 1] and len(corpus._cache) == 3
    assert corpus.image(5, 200).size == (200, 200) and len(corpus._cache) == 3  # larger than the whole cache: not kept


@pytest.fixture
def latin(tmp_path):
    """A folder with a picture whose name is Latin-1: it comes back from the system with half a surrogate pair in it."""
    folder = tmp_path / "latin"
    folder.mkdir()
    Image.new("RGB", (8, 8)).save(folder / "a.png")
    try:
        os.rename(folder / "a.png", os.fsencode(folder) + b"/caf\xe9.png")
    except OSError:
        pytest.skip("this file system knows no such names")
    return folder


def test_a_file_name_that_is_not_utf8_is_refused_on_reading(latin):
    with pytest.raises(UserError, match=r"'caf\\udce9.png' is not UTF-8.*rename it"):
        ImageCaptionCorpus.from_folder(latin)
    (latin / "x.json").write_text(json.dumps({"images": [entry("caf\udce9.png")]}))
    with pytest.raises(UserError, match="is not UTF-8") as raised:
        ImageCaptionCorpus.from_karpathy(latin / "x.json", latin)
    assert str(raised.value).isascii() and "\n" not in str(raised.value)
    (latin / "x.json").unlink()
    os.rename(latin / "caf\udce9.png", latin / "a.png")
    renamed = os.fsencode(latin) + b"\xe9"
    os.rename(latin, renamed)
    with pytest.raises(UserError, match="is not UTF-8"):  # the name of the folder is written, too
        ImageCaptionCorpus.from_folder(os.fsdecode(renamed))


def test_the_name_of_a_corpus_can_be_written(tmp_path):
    path, images = write(tmp_path, [entry("a.jpg")])
    path.write_text(json.dumps({"dataset": "half\ud83d", "images": [entry("a.jpg")]}))
    assert ImageCaptionCorpus.from_karpathy(path, images).name == "half?"


def test_captions_are_one_line_each_blank_ones_dropped_tokens_if_no_raw(tmp_path):
    item = entry("a.jpg", captions=["  two\n lines ", "", " \t"])
    item["sentences"].append({"tokens": ["from", "tokens"]})
    item["sentences"].append({"raw": "half a pair \ud83d"})
    assert load(tmp_path, [item]).records[0].captions == ("two lines", "from tokens", "half a pair ?")


# Bad input: handled, or refused by name


def test_missing_images_are_named_and_counted(tmp_path):
    json_path, images = write(tmp_path, [entry("a.jpg"), entry("gone.jpg")])
    (images / "gone.jpg").unlink()
    with pytest.raises(FileNotFoundError, match="1 of 2 images .*gone.jpg.*remove these entries"):
        ImageCaptionCorpus.from_karpathy(json_path, images)


def test_image_deleted_after_loading_is_named(tmp_path):
    corpus = load(tmp_path, [entry("a.jpg")])
    (tmp_path / "images" / "a.jpg").unlink()
    with pytest.raises(FileNotFoundError, match="a.jpg"):
        corpus.image(0)


def test_truncated_jpeg_is_refused_when_read(tmp_path):
    corpus = load(tmp_path, [entry("a.jpg")])
    path = tmp_path / "images" / "a.jpg"
    Image.effect_noise((64, 64), 90).save(path)
    path.write_bytes(path.read_bytes()[:900])
    with pytest.raises(ValueError, match="a.jpg.*truncated.*replace it"):
        corpus.image(0, 16)


@pytest.mark.parametrize("sentences", [[], None, [{"raw": " "}], "absent"])
def test_image_without_captions_is_kept_with_a_warning(tmp_path, sentences):
    bare = entry("bare.jpg", "train")
    bare["sentences"] = sentences
    if sentences == "absent":
        del bare["sentences"]
    with pytest.warns(UserWarning, match="1 of 2 images have no caption .*bare.jpg"):
        corpus = load(tmp_path, [bare, entry("a.jpg", "test")])
    task = make_task(corpus)
    assert corpus.records[0].captions == () and task.memorize == (0, 1) and task.uncaptioned == (0, 1)


@pytest.mark.parametrize("second", ["a.jpg", "./a.jpg"])
def test_duplicate_filename_is_refused(tmp_path, second):
    with pytest.raises(ValueError, match=r"images\[1\].*'a.jpg' is listed twice"):
        load(tmp_path, [entry("a.jpg"), entry(second)])


@pytest.mark.parametrize("split", ["training", "", None, 3, ["test"]])
def test_unknown_split_is_refused(tmp_path, split):
    with pytest.raises(ValueError, match=r"dataset.json, images\[0\]: 'a.jpg': unknown split .*restval"):
        load(tmp_path, [entry("a.jpg", split)])


@pytest.mark.parametrize(
    "more",
    [
        {"filename": "/etc/passwd"},
        {"filename": "../secret.jpg"},
        {"filename": "a/../b.jpg"},
        {"filename": "b\0.jpg"},
        {"filename": "b.jpg", "filepath": "../outside"},
        {"filename": "b.jpg", "filepath": "/"},
    ],
)
def test_filename_outside_the_folder_is_refused(tmp_path, more):
    (tmp_path / "secret.jpg").write_bytes(b"x")
    with pytest.raises(ValueError, match=r"images\[0\].*file name"):
        load(tmp_path, [{**entry(""), **more}], pictures=False)


def test_link_to_outside_is_refused_at_loading_and_at_reading(tmp_path):
    Image.new("RGB", (9, 9)).save(tmp_path / "secret.jpg")
    corpus = load(tmp_path, [entry("a.jpg")])
    (tmp_path / "images" / "a.jpg").unlink()
    os.symlink(tmp_path / "secret.jpg", tmp_path / "images" / "a.jpg")
    with pytest.raises(ValueError, match="a.jpg.*symbolic link"):
        corpus.image(0)
    with pytest.raises(ValueError, match="a.jpg.*symbolic link"):
        load(tmp_path, [entry("a.jpg")], pictures=False)


def test_odd_pixel_formats_come_out_as_upright_rgb(tmp_path):
    odd = {
        "deep.png": Image.new("I;16", (30, 20), 40000),
        "print.jpg": Image.new("CMYK", (30, 20), (0, 200, 200, 0)),
        "few.png": Image.new("P", (30, 20), 3),
        "phone.jpg": Image.new("RGB", (30, 20)),
    }
    json_path, images = write(tmp_path, [entry(name, "test") for name in odd], pictures=False)
    exif = Image.Exif()
    exif[0x0112] = 6
    for name, image in odd.items():
        image.save(images / name, **({"exif": exif} if name == "phone.jpg" else {}))
    corpus = ImageCaptionCorpus.from_karpathy(json_path, images)
    assert [corpus.image(i).mode for i in range(4)] == ["RGB"] * 4
    assert [corpus.image(i).size for i in range(4)] == [(30, 20), (30, 20), (30, 20), (20, 30)]
    assert corpus.image(0).getpixel((0, 0)) == (40000 >> 8,) * 3


def test_no_test_split_is_refused_by_the_karpathy_protocol_alone(tmp_path):
    corpus = load(tmp_path, [entry("a.jpg"), entry("b.jpg", "val")])
    with pytest.raises(ValueError, match="little.*no test split.*heldout-caption"):
        make_task(corpus)
    assert len(make_task(corpus, "heldout-caption").eval_queries) == 2


@pytest.mark.parametrize("content", [b"", b"not json", b"\xff\xd8\xff\xe0 a jpeg", b'{"images": [', b"[" * 200_000])
def test_not_json_is_refused(tmp_path, content):
    (tmp_path / "dataset.json").write_bytes(content)
    with pytest.raises(ValueError, match="dataset.json is not a JSON file.*Karpathy"):
        ImageCaptionCorpus.from_karpathy(tmp_path / "dataset.json", tmp_path)


@pytest.mark.parametrize("data", [[], 3, {}, {"images": {}}, {"images": []}])
def test_json_of_another_layout_is_refused(tmp_path, data):
    (tmp_path / "dataset.json").write_text(json.dumps(data))
    with pytest.raises(ValueError, match="dataset.json is JSON but not in Karpathy's layout"):
        ImageCaptionCorpus.from_karpathy(tmp_path / "dataset.json", tmp_path)


@pytest.mark.parametrize(
    "item, message",
    [
        ({"file_name": "a.jpg"}, "no 'filename'"),
        ("a.jpg", "no 'filename'"),
        ({"filename": 7}, "no 'filename'"),
        (entry("a.jpg", filepath=7), "filepath"),
        ({**entry("a.jpg"), "sentences": "a dog"}, "list of captions"),
        ({**entry("a.jpg"), "sentences": ["a dog"]}, "neither 'raw'"),
        ({**entry("a.jpg"), "sentences": [{}]}, "neither 'raw'"),
    ],
)
def test_malformed_entries_are_refused(tmp_path, item, message):
    with pytest.raises(ValueError, match=rf"dataset.json, images\[1\].*{message}"):
        load(tmp_path, [entry("ok.jpg"), item], pictures=False)


def test_missing_json_or_folder_is_named(tmp_path):
    json_path, images = write(tmp_path, [entry("a.jpg")])
    with pytest.raises(FileNotFoundError, match="nowhere.json"):
        ImageCaptionCorpus.from_karpathy(tmp_path / "nowhere.json", images)
    with pytest.raises(FileNotFoundError, match="image folder .*nowhere"):
        ImageCaptionCorpus.from_karpathy(json_path, tmp_path / "nowhere")
    with pytest.raises(UserError, match="is a folder: give Karpathy's split file"):
        ImageCaptionCorpus.from_karpathy(images, images)


def test_a_file_name_too_long_for_the_disk_is_a_missing_file(tmp_path):
    with pytest.raises(UserError, match="2 of 2 images of .* are not in"):
        load(tmp_path, [entry("ok.jpg"), entry("x" * 300 + ".jpg")], pictures=False)


def test_utf8_with_a_byte_order_mark_is_read(tmp_path):
    json_path, images = write(tmp_path, [entry("a.jpg", captions=["ein Mädchen läuft"])])
    data = json.dumps(json.loads(json_path.read_text()), ensure_ascii=False)
    json_path.write_bytes(b"\xef\xbb\xbf" + data.encode())
    assert ImageCaptionCorpus.from_karpathy(json_path, images).records[0].captions == ("ein Mädchen läuft",)


# A bare folder


def test_folder_without_captions(tmp_path):
    _, images = write(tmp_path, [entry("b.jpg"), entry("a.jpg", filepath="sub")])
    corpus = ImageCaptionCorpus.from_folder(images)
    assert corpus.name == "images" and [record.id for record in corpus.records] == ["b.jpg", "sub/a.jpg"]
    assert corpus.indices("test") == [0, 1] and corpus.image(1, 8).size == (8, 8)
    task = make_task(corpus)
    assert (task.memorize, task.gallery, task.uncaptioned) == ((0, 1),) * 3
    assert task.train_queries == task.eval_queries == ()


# Protocols


def test_karpathy_protocol(tmp_path):
    entries = [entry("t.jpg", "test", ["x y", "z"]), entry("v.jpg", "val"), entry("a.jpg", "train", ["p"])]
    corpus = load(tmp_path, entries)
    task = make_task(corpus)
    assert task.memorize == (2, 0) and task.gallery == (0,) and task.uncaptioned == (0,)
    assert [(q.text, q.image, q.caption) for q in task.train_queries] == [("p", 2, 0)]
    assert [(q.text, q.image, q.caption) for q in task.eval_queries] == [("x y", 0, 0), ("z", 0, 1)]


def test_unknown_protocol():
    with pytest.raises(ValueError, match="'loo'.*karpathy, heldout-caption"):
        make_task(in_memory([["a"]]), "loo")


caption_lists = st.lists(
    st.lists(st.sampled_from(["a dog", "A dog .", "a cat", "two cats", "a red kite"]), max_size=6), min_size=1, max_size=6
)


@settings(max_examples=60, deadline=None)
@given(captions=caption_lists, seed=st.integers(0, 9))
def test_heldout_caption_properties(captions, seed):
    corpus = in_memory(captions)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        task = make_task(corpus, "heldout-caption", seed)
        assert task == make_task(corpus, "heldout-caption", seed)
    assert task.memorize == task.gallery == tuple(range(len(captions)))
    same = {"a dog": "dog", "A dog .": "dog"}
    for i, texts in enumerate(captions):
        held = [q for q in task.eval_queries if q.image == i]
        kept = [q for q in task.train_queries if q.image == i]
        kinds = {same.get(text, text) for text in texts}
        assert len(held) == (len(kinds) >= 2)  # asked once, if two captions differ
        assert bool(kept) == bool(texts) and (i in task.uncaptioned) == (not texts)
        for query in held + kept:
            assert texts[query.caption] == query.text
        held_kinds = {same.get(q.text, q.text) for q in held}
        assert not held_kinds & {same.get(q.text, q.text) for q in kept}  # no copy of the query trains
        assert len(kept) == sum(same.get(text, text) not in held_kinds for text in texts)


def test_heldout_caption_draw_follows_the_seed_and_not_the_other_images():
    captions = [[f"caption {i} {j}" for j in range(5)] for i in range(40)]
    first = make_task(in_memory(captions), "heldout-caption", 0).eval_queries
    assert make_task(in_memory(captions[:10]), "heldout-caption", 0).eval_queries == first[:10]
    assert make_task(in_memory(captions), "heldout-caption", 1).eval_queries != first
    assert {query.caption for query in first} == set(range(5))
    assert first[0].caption == random.Random("0/i0").randrange(5)  # the same in every process


def test_heldout_caption_warns_of_images_that_are_not_asked_for():
    with pytest.warns(UserWarning, match="2 of 3 images .*i1.* memorized, but no query"):
        task = make_task(in_memory([["a", "b"], ["only"], []]), "heldout-caption")
    assert len(task.eval_queries) == 1 and task.memorize == (0, 1, 2) and task.uncaptioned == (2,)


# The Picturebook: first by a stand-in, then itself

Caption = namedtuple("Caption", "text meaning")


@pytest.fixture
def stand_in(monkeypatch):
    """Scenes are their seeds; caption j says the seed modulo j + 2."""

    def satisfies(scene, meaning):
        return scene % meaning[0] == meaning[1]

    parts = {
        "scene_seed": lambda world, seed, i: {"tutorial": 0, "pretraining": 10**6}[world] + 1000 * seed + i,
        "sample_scene": lambda seed: seed,
        "render": lambda scene, size: Image.new("RGB", (size, size), (scene % 256, 0, 0)),
        "captions": lambda scene, n=5: [Caption(f"{scene} {j}", (j + 2, scene % (j + 2))) for j in range(n)],
        "satisfies": satisfies,
    }
    for name, value in parts.items():
        monkeypatch.setattr(picturebook, name, value, raising=False)


def test_picturebook_records_images_and_relevance(stand_in):
    corpus = ImageCaptionCorpus.from_picturebook(6, 2, 4, seed=3)
    assert [len(corpus.indices(split)) for split in ("train", "val", "test")] == [6, 2, 4]
    assert len({record.id for record in corpus.records}) == len({record.source for record in corpus.records}) == 12
    assert corpus.image(0).size == (256, 256) and corpus.image(0, 64).size == (64, 64)
    assert corpus.image(5, 8).getpixel((0, 0))[0] == corpus.records[5].source % 256
    seeds = [record.source for record in corpus.records]
    meanings = [corpus.meaning(i, j) for i in range(12) for j in range(5)]
    assert corpus.relevant(meanings) == [[i for i, s in enumerate(seeds) if s % m == r] for m, r in meanings]
    test = corpus.indices("test")
    assert corpus.relevant(meanings, test) == [[i for i in test if seeds[i] % m == r] for m, r in meanings]


def test_picturebook_test_scenes_do_not_depend_on_the_training_size(stand_in):
    small, large = (ImageCaptionCorpus.from_picturebook(n, 2, 4) for n in (3, 9))
    for split in ("val", "test"):
        assert [small.records[i] for i in small.indices(split)] == [large.records[i] for i in large.indices(split)]


@pytest.mark.parametrize("counts", [(0, 0, 0), (-1, 0, 5)])
def test_picturebook_sizes_are_checked(stand_in, counts):
    with pytest.raises(ValueError, match="0 or more"):
        ImageCaptionCorpus.from_picturebook(*counts)


@needs_picturebook
def test_real_picturebook():
    corpus = ImageCaptionCorpus.from_picturebook(8, 2, 4)
    assert all(len(record.captions) == 5 for record in corpus.records)
    assert corpus.image(3, 64).size == (64, 64) and corpus.image(3, 64).mode == "RGB"
    for i in range(len(corpus)):
        meanings = [corpus.meaning(i, j) for j in range(5)]
        assert all(i in images for images in corpus.relevant(meanings))  # each caption is true of its own image
        for text, meaning in zip(corpus.records[i].captions, meanings):
            of = [j for j in range(len(corpus)) if corpus.is_true(text, j)]
            assert i in of and of == corpus.relevant([meaning])[0]
    assert corpus.is_true("Green ideas sleep furiously.", 0) is False  # not readable
    task = make_task(corpus)
    assert len(task.eval_queries) == 20 and len(task.memorize) == 12


# Real photographs


@needs_flickr
def test_flickr_sample():
    corpus = ImageCaptionCorpus.from_karpathy(FLICKR / "dataset_flickr8k.json", FLICKR / "images")
    assert [len(corpus.indices(split)) for split in ("train", "val", "test")] == [500, 50, 150]
    assert all(len(record.captions) == 5 for record in corpus.records)
    for i in range(0, 700, 70):
        assert corpus.image(i, 96).size == (96, 96)
    task = make_task(corpus)
    assert len(task.memorize) == 650 and len(task.eval_queries) == 750 and len(task.train_queries) == 2500
    task = make_task(corpus, "heldout-caption")
    assert len(task.gallery) == len(task.eval_queries) == 700 and task.uncaptioned == ()
    assert 2780 <= len(task.train_queries) <= 2800  # four an image, less copies of the query
