"""Large collections: the split files of the photo sets, pictures made in other processes, copies from the Hub."""

import json
import multiprocessing
import os
import pickle
import signal
import subprocess
import sys
import time
import tracemalloc
from functools import partial
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st
from PIL import Image
from tiny_data import QUICK, command

from gcr_tutorial.data import karpathy, loading
from gcr_tutorial.data.corpus import ImageCaptionCorpus
from gcr_tutorial.data.hub_copies import HUB_COPIES, read_dataset
from gcr_tutorial.data.image_files import open_image
from gcr_tutorial.data.karpathy import read_karpathy
from gcr_tutorial.data.loading import AHEAD, CHUNK, default_workers, load_pictures
from gcr_tutorial.data.records import ImageRecord
from gcr_tutorial.data.task import make_task
from gcr_tutorial.retrieval.pictures import picture_of
from gcr_tutorial.retrieval.retriever import GenerativeRetriever

ROOT = Path(__file__).resolve().parents[2]
try:
    import datasets
except ImportError:
    datasets = None
needs_datasets = pytest.mark.skipif(datasets is None, reason="the package `datasets` is not installed (the extra hub has it)")


def dataset_corpus(parts, name: str) -> ImageCaptionCorpus:
    """The corpus of a data set that is already open."""
    copy = read_dataset(parts, name)
    return ImageCaptionCorpus(copy.name, copy.records, stored=copy.picture_bytes)


def coco_like(folder: Path, n: int, tokens: bool = True) -> tuple[Path, Path]:
    """A JSON as MS-COCO's of Karpathy has it, and a folder with an (empty) file for each image."""
    images = []
    for i in range(n):
        part, split = ("val2014", ("val", "test", "restval")[i % 3]) if i % 2 else ("train2014", "train")
        said = [f"a very long caption of {word} number {i} beside a dog and a tree" for word in ("kites", "cats", "men")]
        words = (lambda text: {"tokens": text.split()}) if tokens else (lambda text: {})
        images.append(
            {
                "filepath": part,
                "filename": f"COCO_{part}_{i:012d}.jpg",
                "imgid": i,
                "cocoid": i + 7,
                "split": split,
                "sentids": [5 * i + j for j in range(3)],
                "sentences": [{**words(text), "raw": text, "imgid": i, "sentid": 5 * i + j} for j, text in enumerate(said)],
            }
        )
        (folder / "images" / part).mkdir(parents=True, exist_ok=True)
        (folder / "images" / part / images[-1]["filename"]).touch()
    path = folder / "dataset_coco.json"
    path.write_text(json.dumps({"images": images, "dataset": "coco"}))
    return path, folder / "images"


def photos(folder: Path, n: int) -> ImageCaptionCorpus:
    """`n` JPEG files of noise, all different."""
    folder.mkdir(exist_ok=True)
    rng = np.random.default_rng(0)
    for i in range(n):
        Image.fromarray(rng.integers(0, 256, (30, 40, 3), dtype=np.uint8)).save(folder / f"{i:03d}.jpg")
    return ImageCaptionCorpus.from_folder(folder)


def pixels(images) -> list[np.ndarray]:
    return [np.asarray(image) for image in images]


def assert_same_pixels(some, others):
    some, others = pixels(some), pixels(others)
    assert len(some) == len(others) and all(np.array_equal(a, b) for a, b in zip(some, others))


# Karpathy's files


def test_ms_coco_as_karpathy_wrote_it(tmp_path):
    corpus = ImageCaptionCorpus.from_karpathy(*coco_like(tmp_path, 12))
    assert corpus.name == "coco" and [len(corpus.indices(split)) for split in ("train", "val", "test")] == [8, 2, 2]
    assert corpus.records[5] == ImageRecord(
        "val2014/COCO_val2014_000000000005.jpg", "train", corpus.records[5].captions, "val2014/COCO_val2014_000000000005.jpg"
    )  # restval trains
    assert len(make_task(corpus).train_queries) == 24 and len(make_task(corpus).eval_queries) == 6


def test_flickr30k_as_karpathy_wrote_it(tmp_path):
    names = [f"{1000092795 + i}.jpg" for i in range(4)]
    for name in names:
        Image.new("RGB", (8, 8)).save(tmp_path / name)
    entries = [
        {
            "sentids": [i],
            "imgid": i,
            "filename": name,
            "split": ("train", "train", "val", "test")[i],
            "sentences": [{"tokens": ["two", "men"], "raw": "Two men.", "imgid": i, "sentid": i}],
        }
        for i, name in enumerate(names)
    ]
    (tmp_path / "dataset_flickr30k.json").write_text(json.dumps({"images": entries, "dataset": "flickr30k"}))
    corpus = ImageCaptionCorpus.from_karpathy(tmp_path / "dataset_flickr30k.json", tmp_path)
    assert corpus.name == "flickr30k" and [record.split for record in corpus.records] == ["train", "train", "val", "test"]
    assert corpus.image(3, 8).size == (8, 8) and corpus.records[0].captions == ("Two men.",)


def test_a_split_file_that_is_a_git_lfs_pointer_is_called_one(tmp_path):
    (tmp_path / "x.json").write_text("version https://git-lfs.github.com/spec/v1\noid sha256:12\nsize 9\n")
    with pytest.raises(ValueError, match="x.json is a Git-LFS pointer.*git lfs pull"):
        ImageCaptionCorpus.from_karpathy(tmp_path / "x.json", tmp_path)


def test_each_folder_is_listed_once_and_no_file_is_looked_up(tmp_path, monkeypatch):
    path, images = coco_like(tmp_path, 40)
    resolved, real = [], karpathy.resolve_inside
    monkeypatch.setattr(karpathy, "resolve_inside", lambda folder, name: resolved.append(name) or real(folder, name))
    read_karpathy(path, images)
    assert sorted(resolved) == ["train2014", "val2014"]


def test_words_beside_raw_captions_take_no_memory(tmp_path):
    def peak(tokens: bool) -> int:
        folder = tmp_path / str(tokens)
        folder.mkdir()
        path, images = coco_like(folder, 400, tokens)
        tracemalloc.start()
        read = read_karpathy(path, images)
        most = tracemalloc.get_traced_memory()[1] - (2 * path.stat().st_size)  # the text itself, as bytes and as str
        tracemalloc.stop()
        assert len(read[1]) == 400
        return most

    peak(False)
    (tmp_path / "False").rename(tmp_path / "warmed-up")
    assert peak(True) < 1.3 * peak(False)


@settings(max_examples=60, deadline=None)
@given(name=st.lists(st.sampled_from(["a", "b.jpg", "..", ".", "/", "sub", "link", "outside", ""]), max_size=5).map("/".join))
@example(name="link/b.jpg")
@example(name="/b.jpg")
@example(name="../b.jpg")
@example(name="sub/../../outside/b.jpg")
def test_no_path_in_a_data_set_leads_out_of_its_folder(tmp_path_factory, name):
    base = tmp_path_factory.getbasetemp() / "walled"
    if not base.exists():
        (base / "in" / "sub").mkdir(parents=True)
        (base / "outside").mkdir()
        for file in ("in/b.jpg", "in/sub/b.jpg", "outside/b.jpg", "b.jpg"):
            Image.new("RGB", (8, 8)).save(base / file)
        os.symlink(base / "outside", base / "in" / "link")
        os.symlink(base / "in", base / "in" / "a")
    (base / "x.json").write_text(json.dumps({"images": [{"filename": name, "split": "test", "sentences": [{"raw": "x"}]}]}))
    try:
        corpus = ImageCaptionCorpus.from_karpathy(base / "x.json", base / "in")
    except (ValueError, OSError):
        return
    assert (base / "in" / corpus.records[0].id).resolve().is_relative_to(base / "in")
    assert corpus.image(0).size == (8, 8)


def test_a_path_that_stays_inside_is_read(tmp_path):
    (tmp_path / "sub").mkdir()
    Image.new("RGB", (8, 8)).save(tmp_path / "sub" / "b.jpg")
    os.symlink(tmp_path / "sub", tmp_path / "link")  # inside, too
    os.symlink(tmp_path / "sub" / "b.jpg", tmp_path / "c.jpg")
    entries = [
        {"filename": name, "split": "test", "sentences": [{"raw": "x"}]} for name in ("sub/b.jpg", "link/b.jpg", "c.jpg")
    ]
    (tmp_path / "x.json").write_text(json.dumps({"images": entries}))
    corpus = ImageCaptionCorpus.from_karpathy(tmp_path / "x.json", tmp_path)
    assert [corpus.image(i).size for i in range(3)] == [(8, 8)] * 3


# Pictures made in other processes


def test_pictures_from_files_are_the_same_with_workers(tmp_path, monkeypatch):
    corpus = photos(tmp_path / "photos", 3 * CHUNK + 1)
    rows = tuple(reversed(range(len(corpus))))
    assert_same_pixels(load_pictures(corpus, rows, 16, workers=2), (corpus.image(i, 16) for i in rows))
    monkeypatch.setenv("GCR_WORKERS", "1")
    assert_same_pixels(load_pictures(corpus, rows[:3], 12), (corpus.image(i, 12) for i in rows[:3]))


def test_drawn_pictures_are_the_same_with_workers():
    corpus = ImageCaptionCorpus.from_picturebook(3, 0, 2)
    assert_same_pixels(load_pictures(corpus, range(5), 32, workers=1), (corpus.image(i, 32) for i in range(5)))


def test_a_job_holds_one_picture_and_not_the_corpus():
    sizes = [len(pickle.dumps(ImageCaptionCorpus.from_picturebook(n, 0, 1).picture_job(0, 24))) for n in (1, 30)]
    assert max(sizes) < 4000 and abs(sizes[0] - sizes[1]) < 500


def test_an_unreadable_picture_is_named_and_those_before_it_come(tmp_path):
    corpus = photos(tmp_path / "photos", CHUNK + 3)
    path = tmp_path / "photos" / f"{CHUNK + 1:03d}.jpg"
    path.write_bytes(path.read_bytes()[:300])
    made = load_pictures(corpus, range(len(corpus)), 16, workers=1)
    assert_same_pixels((next(made) for _ in range(CHUNK + 1)), (corpus.image(i, 16) for i in range(CHUNK + 1)))
    with pytest.raises(ValueError, match=rf"{path.name} .*replace it"):
        next(made)
    assert multiprocessing.active_children() == []


def test_a_worker_that_dies_names_the_pictures(tmp_path, monkeypatch):
    corpus = photos(tmp_path / "photos", 4)
    monkeypatch.setattr(corpus, "picture_job", lambda i, size: partial(os._exit, 3))
    with pytest.raises(RuntimeError, match="000.jpg to 003.jpg.*GCR_WORKERS=0"):
        list(load_pictures(corpus, range(4), 16, workers=1))


def test_another_failure_in_a_worker_names_the_picture(tmp_path, monkeypatch):
    corpus = photos(tmp_path / "photos", 2)
    jobs = [partial(Image.new, "L", (2, 2)), partial(divmod, 1, 0)]
    monkeypatch.setattr(corpus, "picture_job", lambda i, size: jobs[i])
    with pytest.raises(RuntimeError, match="cannot make picture 001.jpg: ZeroDivisionError"):
        list(load_pictures(corpus, range(2), 16, workers=1))


def test_only_a_few_pictures_are_under_way_however_many_there_are(tmp_path, monkeypatch):
    corpus, started = photos(tmp_path / "photos", 2), []
    job = corpus.picture_job(0, 8)
    monkeypatch.setattr(corpus, "picture_job", lambda i, size: started.append(i) or job)
    indices, workers = [0, 1] * 500, 2
    for taken, _ in enumerate(load_pictures(corpus, indices, 8, workers), 1):
        assert len(started) - taken < (AHEAD * workers + 1) * CHUNK
    assert taken == len(started) == 1000


def test_reading_ahead_leaves_the_random_numbers_alone(tmp_path):
    corpus, state = photos(tmp_path / "photos", 2), torch.get_rng_state()
    list(load_pictures(corpus, range(2), 8, workers=1))
    assert torch.equal(torch.get_rng_state(), state)


def test_stopping_early_ends_the_workers(tmp_path):
    corpus = photos(tmp_path / "photos", CHUNK)
    made = load_pictures(corpus, range(CHUNK), 16, workers=1)
    next(made)
    made.close()
    assert multiprocessing.active_children() == []


def test_a_very_large_picture_is_refused_by_each_of_four_workers(tmp_path):
    corpus = photos(tmp_path / "photos", 2)
    Image.new("1", (14_000, 14_000)).save(tmp_path / "photos" / "003.png")  # small as a file, 784 MB in memory
    corpus = ImageCaptionCorpus.from_folder(tmp_path / "photos")
    made = load_pictures(corpus, [0, 1] * CHUNK + [2] * (3 * CHUNK), 16, workers=4)
    assert_same_pixels((next(made) for _ in range(2 * CHUNK)), [corpus.image(i, 16) for i in [0, 1] * CHUNK])
    with pytest.raises(ValueError, match="003.png is too large for the memory.*make it smaller") as raised:
        next(made)
    assert "\n" not in str(raised.value)


UNGUARDED = """
import sys
from gcr_tutorial.data.corpus import ImageCaptionCorpus
from gcr_tutorial.data.loading import load_pictures
print("started")
print([image.size for image in load_pictures(ImageCaptionCorpus.from_folder(sys.argv[1]), range(3), 16)])
"""


def test_a_script_needs_no_main_guard(tmp_path):
    photos(tmp_path / "photos", 3)
    (tmp_path / "script.py").write_text(UNGUARDED)
    run = subprocess.run(
        [sys.executable, tmp_path / "script.py", tmp_path / "photos"],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT), "GCR_WORKERS": "1"},
    )
    assert run.stdout.split("\n") == ["started", str([(16, 16)] * 3), ""] and run.stderr == ""


KILLED = """
import multiprocessing, sys, time
from gcr_tutorial.data.corpus import ImageCaptionCorpus
from gcr_tutorial.data.loading import load_pictures
if __name__ == "__main__":
    made = load_pictures(ImageCaptionCorpus.from_folder(sys.argv[1]), range(8), 16, workers=1)
    next(made)
    print(*[child.pid for child in multiprocessing.active_children()], flush=True)
    time.sleep(120)
"""


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="looks for the worker in /proc")
def test_workers_do_not_outlive_a_killed_run(tmp_path):
    photos(tmp_path / "photos", 8)
    (tmp_path / "script.py").write_text(KILLED)
    run = subprocess.Popen(
        [sys.executable, tmp_path / "script.py", tmp_path / "photos"],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    [worker] = map(int, run.stdout.readline().split())
    alive = lambda: Path(f"/proc/{worker}/stat").exists() and Path(f"/proc/{worker}/stat").read_text().split()[2] != "Z"
    assert alive()
    run.send_signal(signal.SIGKILL)
    run.wait()
    deadline = time.monotonic() + 60
    while alive() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not alive()


def test_workers_are_used_where_they_pay(monkeypatch):
    monkeypatch.delenv("GCR_WORKERS", raising=False)
    assert default_workers(1300) == 0 and 1 <= default_workers(30_000) <= loading.MOST_WORKERS
    monkeypatch.setenv("GCR_WORKERS", "7")
    assert default_workers(3) == 7
    monkeypatch.setenv("GCR_WORKERS", "-1")
    with pytest.raises(ValueError, match="GCR_WORKERS='-1'"):
        default_workers(3)


# Copies from the Hub


@pytest.fixture
def hub(tmp_path, monkeypatch):
    """A Hugging Face cache of the test's own."""
    import huggingface_hub.constants

    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "hf" / "datasets")
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path / "hf" / "hub"))
    return tmp_path / "hf" / "hub"


def jpeg(i: int) -> bytes:
    file = BytesIO()
    Image.fromarray(np.random.default_rng(i).integers(0, 256, (30, 40, 3), dtype=np.uint8)).save(file, "JPEG")
    return file.getvalue()


def dataset(rows: dict, n: int, image=None):
    rows = {"image": image or [{"bytes": jpeg(i), "path": f"{i}.jpg"} for i in range(n)], **rows}
    return datasets.Dataset.from_dict(rows).cast_column("image", datasets.Image())


SHA = "0123456789abcdef0123456789abcdef01234567"


@needs_datasets
def test_a_copy_with_karpathys_columns(hub, tmp_path):
    rows = {
        "caption": [["a dog", " ", "two\ndogs"], ["a cat"], ["a kite"]],
        "split": ["train", "restval", "test"],
        "filename": ["x.jpg", "y.jpg", "z.jpg"],
    }
    datasets.DatasetDict({"test": dataset(rows, 3)}).save_to_disk(tmp_path / "copy")
    corpus = ImageCaptionCorpus.from_hub(tmp_path / "copy")
    assert corpus.records == (
        ImageRecord("x.jpg", "train", ("a dog", "two dogs"), 0),
        ImageRecord("y.jpg", "train", ("a cat",), 1),
        ImageRecord("z.jpg", "test", ("a kite",), 2),
    )
    assert [q.text for q in make_task(corpus).eval_queries] == ["a kite"] and corpus.meaning(0, 0) is None
    (tmp_path / "1.jpg").write_bytes(jpeg(1))
    assert_same_pixels([corpus.image(1)], [open_image(tmp_path / "1.jpg")])
    jobs = [pickle.loads(pickle.dumps(corpus.picture_job(i, 16))) for i in range(3)]
    assert_same_pixels((job() for job in jobs), load_pictures(corpus, range(3), 16, workers=0))


@needs_datasets
@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_rotated_jpeg_from_parquet_has_the_pixels_of_the_file(hub, tmp_path, orientation):
    file, exif = tmp_path / "phone.jpg", Image.Exif()
    exif[0x0112] = orientation
    Image.open(BytesIO(jpeg(3))).save(file, exif=exif, quality=95)
    (tmp_path / "copy").mkdir()
    rows = {"caption": ["a dog"], "split": ["test"]}
    dataset(rows, 1, [{"bytes": file.read_bytes(), "path": None}]).to_parquet(tmp_path / "copy" / "test.parquet")
    from_parquet, from_file = ImageCaptionCorpus.from_hub(tmp_path / "copy"), ImageCaptionCorpus.from_folder(tmp_path)
    assert from_file.image(0).size == ((40, 30) if orientation < 5 else (30, 40))
    for size in (None, 16):
        assert_same_pixels([from_parquet.image(0, size)], [from_file.image(0, size)])


@needs_datasets
def test_a_downloaded_copy_is_read_offline_by_name_and_commit(hub):
    folder = hub / "datasets--someone--photos" / "snapshots" / SHA / "data"
    folder.mkdir(parents=True)
    for part, n in (("train", 3), ("validation", 1), ("test", 2)):
        rows = {f"caption_{j}": [f"{part} {i} {j}" for i in range(n)] for j in range(2)}
        dataset(rows, n).to_parquet(folder / f"{part}-00000-of-00001.parquet")
    corpus = ImageCaptionCorpus.from_hub("someone/photos", SHA)
    assert [len(corpus.indices(split)) for split in ("train", "val", "test")] == [3, 1, 2]
    assert corpus.records[corpus.indices("test")[1]].captions == ("test 1 0", "test 1 1")
    assert len({record.id for record in corpus.records}) == 6 and corpus.image(5, 16).size == (16, 16)


@needs_datasets
def test_rows_of_one_file_are_one_image_and_sentences_are_read(hub):
    rows = {
        "sentences": [[{"raw": "one"}], [{"raw": "two"}], [{"raw": "three"}]],
        "filepath": ["val2014"] * 3,
        "filename": ["a.jpg", "a.jpg", "b.jpg"],
    }
    corpus = dataset_corpus({"test": dataset(rows, 3)}, "pairs")
    assert [(r.id, r.captions) for r in corpus.records] == [("val2014/a.jpg", ("one", "two")), ("val2014/b.jpg", ("three",))]
    assert_same_pixels([corpus.image(1, 12)], [dataset_corpus({"test": dataset(rows, 3).select([2])}, "b").image(0, 12)])


@needs_datasets
@pytest.mark.parametrize(
    "rows, part, message",
    [
        ({"words": ["x"]}, "test", "columns image, words: one of pictures and one of captions"),
        ({"caption": ["x"]}, "default", "unknown split 'default'"),
        ({"caption": ["x"]}, "", "unknown split ''"),
        ({"caption": [3]}, "test", "a caption must be text"),
        ({"caption": ["x"], "split": ["all"]}, "test", "unknown split 'all'"),
    ],
)
def test_data_of_another_kind_is_refused(hub, rows, part, message):
    with pytest.raises(ValueError, match=message):
        dataset_corpus({part: dataset(rows, 1)}, "odd")


@needs_datasets
def test_a_path_instead_of_a_picture_is_not_followed(hub, tmp_path):
    Image.new("RGB", (8, 8)).save(tmp_path / "private.png")
    corpus = dataset_corpus({"test": dataset({"caption": ["x"]}, 1, image=[str(tmp_path / "private.png")])}, "sly")
    with pytest.raises(ValueError, match="test-000000 is not in the data set's own files"):
        corpus.image(0)


@needs_datasets
def test_a_damaged_picture_is_named_and_missing_captions_are_told(hub):
    rows = {"caption": [None, ["x"]], "filename": ["a.jpg", "b.jpg"]}
    with pytest.warns(UserWarning, match="1 of 2 images have no caption"):
        corpus = dataset_corpus({"test": dataset(rows, 2, [{"bytes": b"no picture", "path": None}] * 2)}, "damaged")
    with pytest.raises(ValueError, match="cannot read picture b.jpg of damaged"):
        corpus.image(1)


@needs_datasets
@pytest.mark.parametrize(
    "name, revision, error, message",
    [
        ("someone/photos", None, ValueError, "give the commit to take, 40 hexadecimal digits, not None"),
        ("someone/photos", "main", ValueError, "40 hexadecimal digits, not 'main'"),
        ("no name", SHA, ValueError, "neither a folder nor a name on the Hub"),
        ("someone/photos", SHA, FileNotFoundError, f"hf download someone/photos --repo-type dataset --revision {SHA}"),
        ("flickr30k", None, FileNotFoundError, f"hf download {HUB_COPIES['flickr30k'][0]} --repo-type dataset --revision"),
    ],
)
def test_what_cannot_be_had_is_said_in_one_sentence(hub, name, revision, error, message):
    with pytest.raises(error, match=message) as raised:
        ImageCaptionCorpus.from_hub(name, revision)
    assert "\n" not in str(raised.value)


@needs_datasets
def test_a_copy_without_parquet_files_is_refused(hub, tmp_path):
    (hub / "datasets--someone--script" / "snapshots" / SHA).mkdir(parents=True)
    with pytest.raises(FileNotFoundError, match="no Parquet files"):
        ImageCaptionCorpus.from_hub("someone/script", SHA)
    (tmp_path / "folder").mkdir()
    with pytest.raises(ValueError, match="cannot be read by `datasets`"):
        ImageCaptionCorpus.from_hub(tmp_path / "folder")


@needs_datasets
def test_a_run_over_a_copy_finds_its_pictures_again(hub, tmp_path):
    rows = {
        "caption": [[f"a {w} outside", f"one {w} in the sun"] for w in "dog boy kite horse car tree".split()],
        "split": ["train"] * 4 + ["test"] * 2,
        "filename": [f"{i}.jpg" for i in range(6)],
    }
    datasets.DatasetDict({"train": dataset(rows, 6)}).save_to_disk(tmp_path / "copy")
    status, out, err = command("run", "--hub", str(tmp_path / "copy"), *QUICK, "--out", str(tmp_path / "run"))
    assert status == 0, err
    assert "4 train, 0 val, 2 test" in out
    retriever = GenerativeRetriever.from_pretrained(tmp_path / "run" / "retriever")
    for hit in retriever.search("a dog", 2):
        i = int(hit.image_id.removesuffix(".jpg"))
        assert_same_pixels([picture_of(retriever, hit)], [Image.open(BytesIO(jpeg(i)))])
    status, _, err = command("run", "--hub", "someone/photos", "--revision", SHA, "--out", str(tmp_path / "no"))
    assert status == 2 and "hf download someone/photos" in err and err.count("\n") == 1 and not (tmp_path / "no").exists()


def test_without_datasets_the_package_to_install_is_named(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "datasets", None)
    with pytest.raises(ImportError, match="pip install datasets"):
        ImageCaptionCorpus.from_hub(tmp_path)
