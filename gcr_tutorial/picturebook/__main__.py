"""Draw a contact sheet of the Picturebook: `python -m gcr_tutorial.picturebook OUT.png --count 100 --size 256`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from gcr_tutorial.files import new_file

from . import render, sample_scene, scene_seed
from .contact_sheet import contact_sheet
from .scene import WORLDS


def main(argv: list[str] | None = None) -> int:
    """Draw the scenes 0..count-1 of a world, write them to one PNG file, and return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m gcr_tutorial.picturebook", description="Draw scenes on one page.")
    parser.add_argument("out", metavar="OUT.png", type=Path, help="the PNG file to write")
    parser.add_argument("--count", type=int, default=100, help="how many scenes (default 100)")
    parser.add_argument("--size", type=int, default=256, help="pixels a side of each (default 256)")
    parser.add_argument("--columns", type=int, default=10, help="scenes in a row (default 10)")
    parser.add_argument("--world", choices=WORLDS, default="tutorial")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args(argv)
    if min(arguments.count, arguments.size, arguments.columns) < 1:
        parser.error("--count, --size and --columns must be at least 1")
    if arguments.out.suffix.lower() != ".png":
        parser.error(f"{arguments.out}: give the name of a .png file")
    if arguments.out.is_dir():
        parser.error(f"{arguments.out} is a folder: give the name of a .png file in it")
    scenes = (sample_scene(scene_seed(arguments.world, arguments.seed, i)) for i in range(arguments.count))
    sheet = contact_sheet(
        [render(scene, arguments.size) for scene in scenes], min(arguments.columns, arguments.count), arguments.size
    )
    with new_file(arguments.out) as aside:
        sheet.save(aside, format="PNG")
    print(f"{arguments.out}: {arguments.count} scenes of the {arguments.world} world, {sheet.width} x {sheet.height} pixels")
    return 0


if __name__ == "__main__":
    sys.exit(main())
