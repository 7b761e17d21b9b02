"""The commands of the command line: for each, a dataclass whose fields are its options, and what it does.

Libraries are imported when a command runs, so that help and `doctor` need neither torch nor their seconds.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, Any, Literal

from tyro.conf import OmitArgPrefixes, Positional, Suppress, arg

from gcr_tutorial.config import Preset, RunConfig
from gcr_tutorial.errors import UserValueError
from gcr_tutorial.files import check_writable


@dataclass(frozen=True)
class Source:
    """Where the images and captions come from; with none of these, the Picturebook is drawn."""

    karpathy: Path | None = None  # a Karpathy split file (Flickr8k, Flickr30K, MS-COCO); needs --images
    images: Path | None = None  # the folder of its images; alone: a folder of pictures without captions
    hub: str | None = None
    """a copy on the Hugging Face Hub: flickr30k, or OWNER/NAME with --revision, or the folder of one (needs the package
    `datasets`)"""
    revision: str | None = None  # the commit of --hub to take

    def corpus(self, preset: Preset) -> Any:
        """The corpus that these options name. Raises UserError where there is none."""
        from gcr_tutorial.data.corpus import ImageCaptionCorpus

        if self.karpathy:
            if not self.images:
                raise UserValueError("--karpathy needs --images: the folder that holds its pictures")
            return ImageCaptionCorpus.from_karpathy(self.karpathy, self.images)
        if self.hub:
            return ImageCaptionCorpus.from_hub(self.hub, self.revision)
        if self.images:
            return ImageCaptionCorpus.from_folder(self.images)
        return ImageCaptionCorpus.from_picturebook(preset.n_train, preset.n_val, preset.n_test, seed=0)


@dataclass(frozen=True)
class Experiment:
    """The options that `run` and `compare` share."""

    preset: str  # tiny, colab or paper; default: the variable GCR_PRESET, else tiny. It sets the defaults of other options
    sizes: OmitArgPrefixes[Preset]  # sizes and models; their defaults are the preset's
    source: OmitArgPrefixes[Source] = field(default_factory=Source)
    no_pseudo_queries: bool = False  # learn to retrieve from people's captions alone: --pseudo-queries 0
    no_memorize: bool = False  # skip the memorize stage, and learn to retrieve only: --memorize-epochs 0

    def completed(self, given: set[str]) -> Preset:
        """The preset with what follows from the options in `given`, the names of those on the command line.

        The number of epochs that somebody asks for is the number that they get: no least number of steps adds to it, and
        without a memorize stage the retrieve stage repeats no memorize examples. `pseudo_samples` goes with the number of
        pseudo-queries. What is given itself is left as it is. Raises UserValueError for options that contradict each other.
        """
        for name, off in (("memorize_epochs", self.no_memorize), ("pseudo_queries", self.no_pseudo_queries)):
            if off and name in given:
                option = name.replace("_", "-")
                raise UserValueError(f"--{option} and --no-{option.removesuffix('-epochs')} contradict each other: give one")
        memorize_epochs = 0 if self.no_memorize else self.sizes.training.memorize_epochs
        pseudo_queries = 0 if self.no_pseudo_queries else self.sizes.pseudo_queries
        training: dict[str, Any] = {"memorize_epochs": memorize_epochs}
        sizes: dict[str, Any] = {"pseudo_queries": pseudo_queries}
        if memorize_epochs == 0 and "memorize_share" not in given:
            training["memorize_share"] = 0.0
        if "retrieve_epochs" in given and "least_steps" not in given:
            training["least_steps"] = 0
        if given & {"pseudo_queries", "no_pseudo_queries"} and "pseudo_samples" not in given:
            sizes["pseudo_samples"] = 2 * pseudo_queries
        return replace(self.sizes, training=replace(self.sizes.training, **training), **sizes)


@dataclass(frozen=True)
class Run(Experiment):
    """Memorize a gallery, measure retrieval, and save the retriever."""

    config: OmitArgPrefixes[RunConfig] = field(default_factory=RunConfig)  # what is made, and how the work is kept

    def do(self) -> int:
        """Run it, print the table of results; returns the exit status, as `do` of every command."""
        from gcr_tutorial import processes
        from gcr_tutorial.experiments.pipeline import run
        from gcr_tutorial.experiments.reporting import results_table
        from gcr_tutorial.notebook_tools.session import quiet

        quiet()
        corpus, config = self.source.corpus(self.sizes), self.config
        out = config.out or Path(f"runs/{config.identifier}")
        processes.start()
        processes.print_main(f"{corpus!r}, preset {self.preset}, identifier {config.identifier}, protocol {config.protocol}")
        results = run(corpus, self.sizes, replace(config, out=out))
        processes.print_main(results_table([results]))
        processes.print_main(
            f'written: {out / "results.json"} and {out / "retriever"}; ask it: python -m gcr_tutorial search {out} "your words"'
        )
        processes.stop()
        return 0


@dataclass(frozen=True)
class CompareConfig(RunConfig):
    """A `RunConfig` for every kind in turn."""

    identifier: Suppress[str] = "atomic"
    pseudo_queries_file: Suppress[Path | None] = None
    out: Path = Path("runs/compare")
    """folder for DIR/KIND, DIR/comparison.md and .json; a kind finished there with the same settings is not run again"""


@dataclass(frozen=True)
class Compare(Experiment):
    """Run every kind of identifier with the same settings, and write the table of them."""

    config: OmitArgPrefixes[CompareConfig] = field(default_factory=CompareConfig)  # what is made, and how the work is kept
    kinds: str = "all"  # or some of them, with commas: atomic,structured

    def do(self) -> int:
        """Run what is not finished yet."""
        from gcr_tutorial import processes
        from gcr_tutorial.experiments.comparison import compare
        from gcr_tutorial.experiments.reporting import comparison_table
        from gcr_tutorial.identifiers import IDENTIFIER_KINDS
        from gcr_tutorial.notebook_tools.session import quiet

        quiet()
        kinds = IDENTIFIER_KINDS if self.kinds == "all" else tuple(kind.strip() for kind in self.kinds.split(","))
        corpus, config = self.source.corpus(self.sizes), self.config
        processes.start()
        processes.print_main(f"{corpus!r}, preset {self.preset}, protocol {config.protocol}, identifiers {', '.join(kinds)}")
        runs = compare(corpus, self.sizes, kinds, config)
        processes.print_main(comparison_table(runs))
        processes.print_main(f"written: {config.out / 'comparison.md'} and {config.out / 'comparison.json'}")
        processes.stop()
        return 0


@dataclass(frozen=True)
class Search:
    """Ask a saved retriever; prints the ranking, and writes a picture of it."""

    retriever: Annotated[str, Positional, arg(metavar="DIR")]
    """what `run --out` was given, or the retriever folder in it, or OWNER/NAME on the Hugging Face Hub with --revision"""
    query: Annotated[str, Positional, arg(metavar="QUERY")]  # a sentence about a picture
    k: Annotated[int, arg(aliases=["-k"])] = 5  # how many pictures
    rerank: Literal["clip"] | None = None  # put what the beam search found in CLIP's order
    device: str = "auto"  # where the model runs: cpu, cuda, cuda:1; auto: the GPU if there is one, else the CPU
    dtype: Literal["auto", "float32", "float16", "bfloat16"] = "auto"
    """type of the model's weights; auto: bfloat16 where the GPU has it, float16 on another GPU (T4), float32 on a CPU"""
    revision: str | None = None  # the commit to take from the Hub
    images: Path | None = None  # the folder of the pictures, if they were moved since
    png: Path = Path("runs/search.png")  # the file for the picture of the ranking

    def do(self) -> int:
        """Search, print, draw."""
        from gcr_tutorial.notebook_tools.session import quiet
        from gcr_tutorial.retrieval.pictures import picture_of
        from gcr_tutorial.retrieval.retriever import GenerativeRetriever
        from gcr_tutorial.viz.rankings import save_ranking

        quiet()
        check_writable(self.png.parent)
        name = self.retriever if self.revision else Path(self.retriever)  # a Path is never looked for on the Hub
        retriever = GenerativeRetriever.from_pretrained(name, self.device, self.dtype, self.revision)
        hits = retriever.search(self.query, self.k, rerank=self.rerank)
        for rank, hit in enumerate(hits, 1):
            print(f"{rank:3d}. {hit.image_id}  {'log p' if self.rerank is None else 'cosine'} = {hit.score:.2f}")
        save_ranking(self.png, self.query, [(picture_of(retriever, hit, self.images), hit) for hit in hits])
        print(f"written: {self.png}")
        return 0


@dataclass(frozen=True)
class Pretrain:
    """Make the shipped backbones from nothing (hours on a CPU)."""

    out: Path = Path("runs/backbones")  # the folder for tiny-vlm/ and tiny-clip/
    only: Literal["tiny-vlm", "tiny-clip"] | None = None  # one of the two
    minutes: float = 120.0  # training time of each
    start_from: Path | None = None  # go on from the backbones in this folder (data/backbones, say)
    scenes: int = 240_000  # pictures in the scene bank
    bank: Path = Path("runs/bank")  # the folder of the scene bank
    seed: int = 0  # where all random numbers start
    cpu_time: bool = False  # count processor time instead of wall time: for a busy machine

    def do(self) -> int:
        """Train them."""
        from gcr_tutorial.notebook_tools.session import quiet
        from gcr_tutorial.pretraining.run import pretrain_backbones

        quiet()
        for folder in (self.out, self.bank):
            check_writable(folder)
        pretrain_backbones(
            self.out,
            self.bank,
            minutes=self.minutes,
            scenes=self.scenes,
            seed=self.seed,
            only=self.only,
            start_from=self.start_from,
            clock=time.process_time if self.cpu_time else time.perf_counter,
        )
        return 0


@dataclass(frozen=True)
class Doctor:
    """Check this environment."""

    def do(self) -> int:
        """Print the findings; the status is 1 if something must be put right."""
        from gcr_tutorial.doctor import run_doctor

        return run_doctor()


@dataclass(frozen=True)
class Tutorial:
    """Execute every notebook, then print the table of results."""

    out: Path = Path("build/tutorial")  # the folder for the executed notebooks

    def do(self) -> int:
        """Execute them."""
        from gcr_tutorial.notebook_tools.runner import run_tutorial

        check_writable(self.out)
        return run_tutorial(self.out)


@dataclass(frozen=True)
class Notebooks:
    """Stamp exercises and badges, execute the notebooks, and save them with their outputs."""

    def do(self) -> int:
        """Stamp, execute, save."""
        from gcr_tutorial.notebook_tools.badges import stamp_badges
        from gcr_tutorial.notebook_tools.exercises import stamp_all
        from gcr_tutorial.notebook_tools.runner import save_notebooks

        stamp_all()
        stamp_badges()
        return save_notebooks()


@dataclass(frozen=True)
class LintNotebooks:
    """Check the notebooks' style, and what they state about themselves."""

    def do(self) -> int:
        """Print what is wrong; the status is 1 if anything is."""
        from gcr_tutorial.notebook_tools.lint import lint_notebooks

        return lint_notebooks()


@dataclass(frozen=True)
class Exercises:
    """Write the sources in notebooks/exercises into the notebooks' cells."""

    folder: Annotated[Path | None, Positional, arg(metavar="[DIR]")] = None  # the notebooks' folder; default: this clone's
    check: bool = False  # change nothing; fail if a notebook differs from the sources

    def do(self) -> int:
        """Write or compare them."""
        from gcr_tutorial.notebook_tools.exercises import stamp_all
        from gcr_tutorial.notebook_tools.files import NOTEBOOKS

        return stamp_all(self.folder or NOTEBOOKS, self.check)


@dataclass(frozen=True)
class Badges:
    """Write pyproject.toml's owner/repository into the notebooks and README.md."""

    check: bool = False  # change nothing; fail if a file differs from the setting

    def do(self) -> int:
        """Write or compare them."""
        from gcr_tutorial.notebook_tools.badges import stamp_badges

        return stamp_badges(check=self.check)
