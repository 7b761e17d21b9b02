"""Find and read picture files safely: only inside their folder, only real picture formats, always as upright 8-bit RGB."""

from __future__ import annotations

import os
import warnings
from pathlib import Path, PurePath
from typing import BinaryIO

import numpy as np
from PIL import Image, ImageOps

from gcr_tutorial.data.records import check_utf8
from gcr_tutorial.errors import UserFileNotFoundError, UserNotADirectoryError, UserOSError, UserValueError

# Named, so that Pillow tries nothing else: an EPS file, say, would start Ghostscript.
FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "PPM")
SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff", ".ppm", ".pgm"})
# Pictures too, but not ones that can be opened here: a folder that holds some gets a warning.
UNREADABLE_SUFFIXES = frozenset({".heic", ".heif", ".avif", ".jp2", ".jxl", ".svg", ".psd", ".dng", ".cr2", ".nef"})
MAX_PIXELS = 2**26  # of one picture as it is decoded (8,192 x 8,192): 256 MiB, several times that while it is converted
LFS_POINTER = b"version https://git-lfs.github.com/spec/"

# EXIF orientation -> the turn that makes the picture upright
_EXIF_ORIENTATION = 0x0112
_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def resolve_folder(images_dir: str | Path) -> Path:
    """The real path of an image folder. Raises UserFileNotFoundError where there is none, UserOSError for a file, and
    UserValueError for a name that is not UTF-8."""
    folder = Path(images_dir).resolve()
    check_utf8(str(folder))
    if not folder.exists():
        raise UserFileNotFoundError(f"image folder {images_dir} does not exist: check the path")
    if not folder.is_dir():
        raise UserNotADirectoryError(f"{images_dir} is a file: give the folder that holds the pictures")
    return folder


def resolve_inside(folder: Path, name: str) -> Path:
    """The real path of `name`, a path relative to `folder` (itself already resolved). The file need not exist.

    Raises ValueError where `name` is absolute, contains "..", or leads out of `folder` through a symbolic link: a
    dataset must not be able to make us read other files.
    """
    pure = PurePath(name)
    if pure.anchor or ".." in pure.parts or not pure.parts:
        raise UserValueError(
            f"file name {name!r} is refused: it must be a path inside the image folder {folder}, "
            "relative to it and without '..'"
        )
    try:
        path = (folder / pure).resolve()
    except (ValueError, RuntimeError, OSError) as error:  # a NUL byte, a loop of links, a name too long
        raise UserValueError(f"file name {name!r} cannot be used ({error}): rename the file") from error
    if not path.is_relative_to(folder):
        raise UserValueError(
            f"file name {name!r} is refused: it is a symbolic link to {path}, outside the image folder "
            f"{folder}; copy the picture into the folder instead"
        )
    return path


def find_images(folder: Path) -> list[str]:
    """Paths, relative to `folder` (already resolved), of the pictures in it and its subfolders, sorted.

    Hidden files and files of other kinds are passed over (with a warning for picture formats that cannot be read here).
    Raises ValueError where there is no picture, or where a symbolic link leads out of the folder.
    """
    names, unreadable = [], []
    for parent, subfolders, files in os.walk(folder, onerror=_raise):
        subfolders[:] = [d for d in subfolders if not d.startswith(".")]
        links = [d for d in subfolders if os.path.islink(os.path.join(parent, d))]  # os.walk does not enter these
        inside = PurePath(parent).relative_to(folder)
        wanted = [f for f in files if not f.startswith(".") and PurePath(f).suffix.lower() in SUFFIXES]
        for name in links + wanted:
            resolve_inside(folder, str(inside / name))
        names += [(inside / name).as_posix() for name in wanted]
        unreadable += [f for f in files if PurePath(f).suffix.lower() in UNREADABLE_SUFFIXES]
    if unreadable:
        warnings.warn(
            f"{folder}: {len(unreadable)} pictures such as {min(unreadable)} are of a format that is not "
            "read here and are left out: convert them to JPEG or PNG",
            stacklevel=3,
        )
    if not names:
        raise UserValueError(f"no pictures in {folder}: expected files ending in {', '.join(sorted(SUFFIXES))}")
    return sorted(names)


def _raise(error: OSError) -> None:
    raise UserOSError(
        f"{error.filename} cannot be read ({error.strerror}): give yourself the right to, or remove it"
    ) from error


def open_image(path: Path, at_least: int | None = None) -> Image.Image:
    """Read the picture file at `path` as upright 8-bit RGB (first frame only, transparency shown on white).

    at_least: pixels that each side must keep; lets a large JPEG be decoded at 1/2, 1/4 or 1/8 of its size, several
        times faster. None reads it at full size.
    Raises UserFileNotFoundError where there is no file, UserOSError where it may not be read, and UserValueError where it is
    damaged or no picture; each names the file.
    """
    if not path.is_file():
        raise UserFileNotFoundError(f"picture {path} is not there (any more): put it back, or remove it from the dataset")
    try:
        file = open(path, "rb")
    except OSError as error:
        raise UserOSError(
            f"picture {path} cannot be read ({error.strerror}): give yourself the right to, or remove it"
        ) from error
    with file:
        return decode_image(file, str(path), at_least)


def decode_image(file: BinaryIO, name: str, at_least: int | None = None) -> Image.Image:
    """As `open_image`, from an open file; `name` is what an error calls it."""
    try:  # decoders raise nearly anything on damaged files (SyntaxError, struct.error, zlib.error, ...)
        image = Image.open(file, formats=FORMATS)
        if at_least is not None:
            image.draft(None, (at_least, at_least))
        if image.width * image.height > MAX_PIXELS:
            raise Image.DecompressionBombError(f"{image.width} x {image.height} pixels, and at most {MAX_PIXELS:,} are read")
        image.load()
        return _to_rgb(_upright(image))
    except Image.DecompressionBombError as error:
        raise UserValueError(
            f"picture {name} is too large for the memory ({type(error).__name__}: {error}): make it smaller, or remove it from "
            "the dataset"
        ) from error
    except Exception as error:
        if is_lfs_pointer(file):
            raise UserValueError(
                f"{name} is not the picture but a Git-LFS pointer to it: run `git lfs pull` in the repository that it is from"
            ) from error
        raise UserValueError(
            f"cannot read picture {name} ({type(error).__name__}: {error}): the file is damaged or of "
            "an unsupported kind; replace it, convert it to JPEG or PNG, or remove it from the "
            "dataset"
        ) from error


def is_lfs_pointer(file: BinaryIO) -> bool:
    """Whether an open file is the short text that stands for a large file in a Git repository until `git lfs pull`."""
    file.seek(0)
    return file.read(len(LFS_POINTER)) == LFS_POINTER


def square(image: Image.Image, size: int) -> Image.Image:
    """The centre square of `image`, resized to `size` x `size` pixels."""
    return ImageOps.fit(image, (size, size), Image.Resampling.BICUBIC)


def _upright(image: Image.Image) -> Image.Image:
    try:
        turn = _UPRIGHT.get(image.getexif().get(_EXIF_ORIENTATION, 1))
    except Exception:  # damaged EXIF: the pixels are still good
        turn = None
    return image if turn is None else image.transpose(turn)


def _to_rgb(image: Image.Image) -> Image.Image:
    if image.mode == "F":
        raise UserValueError("its pixels are floating-point numbers, of unknown range")
    if image.mode.startswith("I"):  # one channel of 16 bits; Pillow's own conversion would clip it at 255
        grey = np.clip(np.asarray(image).astype(np.int64), 0, 65535) >> 8
        return Image.fromarray(grey.astype(np.uint8)).convert("RGB")
    if image.has_transparency_data:
        image = image.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", image.size, "white"), image).convert("RGB")
    return image.convert("RGB")
