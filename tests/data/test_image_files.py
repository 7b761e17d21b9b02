"""Opening picture files: every odd kind comes out as upright 8-bit RGB, or is refused by name."""

import os
import struct
from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from gcr_tutorial.data import image_files
from gcr_tutorial.data.image_files import decode_image, find_images, open_image, resolve_folder, resolve_inside, square
from gcr_tutorial.errors import UserError

RED, BLUE = (220, 30, 30), (30, 30, 220)


def red_over_blue(width=40, height=60):
    image = Image.new("RGB", (width, height), BLUE)
    image.paste(RED, (0, 0, width, height // 2))
    return image


def near(pixel, wanted, tolerance=12):
    return all(abs(a - b) <= tolerance for a, b in zip(pixel, wanted))


def test_truncated_jpeg_is_refused_by_name(tmp_path):
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    Image.fromarray(noise).save(tmp_path / "half.jpg")
    data = (tmp_path / "half.jpg").read_bytes()
    (tmp_path / "half.jpg").write_bytes(data[: len(data) // 2])
    for at_least in (None, 16):
        with pytest.raises(ValueError, match="half.jpg.*truncated.*replace it"):
            open_image(tmp_path / "half.jpg", at_least)


@pytest.mark.parametrize("content", [b"", b"not a picture", b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n"])
def test_what_is_no_picture_is_refused_by_name(tmp_path, content):
    (tmp_path / "notes.jpg").write_bytes(content)
    with pytest.raises(ValueError, match="notes.jpg.*UnidentifiedImageError"):
        open_image(tmp_path / "notes.jpg")


def test_every_cut_of_a_png_is_refused_or_read_whole(tmp_path):
    path = tmp_path / "cut.png"
    red_over_blue().save(path)
    data = path.read_bytes()
    refused = 0
    for length in range(0, len(data), 7):
        path.write_bytes(data[:length])
        try:
            assert open_image(path).tobytes() == red_over_blue().tobytes()
        except ValueError as error:
            assert "cut.png" in str(error)
            refused += 1
    assert refused > 3


def test_missing_picture_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="gone.jpg"):
        open_image(tmp_path / "gone.jpg")


def test_decompression_bomb_is_refused(tmp_path, monkeypatch):
    Image.new("RGB", (300, 300)).save(tmp_path / "bomb.png")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)
    with pytest.raises(ValueError, match="bomb.png.*DecompressionBomb"):
        open_image(tmp_path / "bomb.png")


def test_a_picture_too_large_for_the_memory_is_refused_before_it_is_decoded(tmp_path, monkeypatch):
    Image.new("RGB", (300, 300)).save(tmp_path / "large.png")
    Image.new("RGB", (800, 800)).save(tmp_path / "large.jpg")
    monkeypatch.setattr(image_files, "MAX_PIXELS", 250**2)
    decoded = []
    monkeypatch.setattr(image_files, "_to_rgb", lambda image: decoded.append(image.size) or image)
    with pytest.raises(ValueError, match="large.png is too large.*300 x 300 pixels, and at most 62,500.*make it smaller"):
        open_image(tmp_path / "large.png")
    with pytest.raises(ValueError, match="large.jpg is too large"):
        open_image(tmp_path / "large.jpg")
    open_image(tmp_path / "large.jpg", at_least=90)  # a JPEG is decoded at an eighth of its size
    assert decoded == [(100, 100)]


def test_a_git_lfs_pointer_is_called_one(tmp_path):
    pointer = b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1\nsize 12345\n"
    (tmp_path / "photo.jpg").write_bytes(pointer)
    with pytest.raises(ValueError, match="photo.jpg is not the picture but a Git-LFS pointer to it: run `git lfs pull`"):
        open_image(tmp_path / "photo.jpg")
    with pytest.raises(ValueError, match="x of a data set is not the picture.*git lfs pull"):
        decode_image(BytesIO(pointer), "x of a data set")


def test_16_bit_greyscale_keeps_its_shades(tmp_path):
    shades = np.array([[0, 0x4000, 0x8000, 0xFFFF]], dtype=np.uint16)
    Image.fromarray(shades).save(tmp_path / "deep.png")
    Image.fromarray(shades).save(tmp_path / "deep.tif")
    (tmp_path / "deep.pgm").write_bytes(b"P5 4 1 65535\n" + shades.astype(">u2").tobytes())
    for name in ("deep.png", "deep.tif", "deep.pgm"):
        image = open_image(tmp_path / name)
        assert image.mode == "RGB"
        assert np.asarray(image)[0, :, 0].tolist() == [0, 0x40, 0x80, 0xFF], name


def test_floating_point_pixels_are_refused(tmp_path):
    Image.fromarray(np.zeros((4, 4), dtype=np.float32)).save(tmp_path / "depth.tif")
    with pytest.raises(ValueError, match="depth.tif.*floating-point"):
        open_image(tmp_path / "depth.tif")


def test_cmyk_becomes_rgb(tmp_path):
    red_over_blue().convert("CMYK").save(tmp_path / "print.jpg", quality=95)
    image = open_image(tmp_path / "print.jpg")
    assert image.mode == "RGB" and near(image.getpixel((20, 10)), RED) and near(image.getpixel((20, 50)), BLUE)


def test_palette_becomes_rgb(tmp_path):
    red_over_blue().convert("P", palette=Image.Palette.ADAPTIVE).save(tmp_path / "few.gif")
    image = open_image(tmp_path / "few.gif")
    assert image.mode == "RGB" and near(image.getpixel((20, 10)), RED) and near(image.getpixel((20, 50)), BLUE)


@pytest.mark.parametrize("mode", ["RGBA", "LA", "P", "1", "L"])
def test_transparency_shows_white_and_grey_stays_grey(tmp_path, mode):
    if mode == "P":
        image = Image.new("P", (8, 8), 0)
        image.putpalette([10, 20, 30])
        image.save(tmp_path / "x.png", transparency=0)
    else:
        fill = {"RGBA": (10, 20, 30, 0), "LA": (10, 0), "1": 1, "L": 255}[mode]
        Image.new(mode, (8, 8), fill).save(tmp_path / "x.png")
    image = open_image(tmp_path / "x.png")
    assert image.mode == "RGB" and image.getpixel((4, 4)) == (255, 255, 255)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("at_least", [None, 20])
def test_exif_rotated_is_turned_upright(tmp_path, orientation, at_least):
    turn_back = {2: 0, 3: 3, 4: 1, 5: 5, 6: 2, 7: 6, 8: 4}  # Image.Transpose members undoing each orientation
    stored = red_over_blue(160, 240)
    if orientation in turn_back:
        stored = stored.transpose(Image.Transpose(turn_back[orientation]))
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored.save(tmp_path / "phone.jpg", exif=exif, quality=95)
    image = open_image(tmp_path / "phone.jpg", at_least)
    width, height = image.size
    assert width * 3 == height * 2
    assert near(image.getpixel((width // 2, height // 4)), RED)
    assert near(image.getpixel((width // 2, 3 * height // 4)), BLUE)


@pytest.mark.filterwarnings("ignore:Corrupt EXIF")
@pytest.mark.parametrize("exif", [b"Exif\x00\x00garbage", b"Exif\x00\x00II*\x00" + struct.pack("<IH", 8, 900)])
def test_damaged_exif_does_not_cost_the_picture(tmp_path, exif):
    red_over_blue().save(tmp_path / "x.jpg", exif=exif, quality=95)
    assert near(open_image(tmp_path / "x.jpg").getpixel((20, 10)), RED)


def test_at_least_decodes_large_jpegs_smaller_but_not_too_small(tmp_path):
    red_over_blue(800, 1200).save(tmp_path / "big.jpg", quality=95)
    assert open_image(tmp_path / "big.jpg").size == (800, 1200)
    small = open_image(tmp_path / "big.jpg", at_least=150)
    assert 150 <= small.width < 800 and near(small.getpixel((50, 50)), RED)


def test_square_crops_the_centre():
    wide = Image.new("RGB", (300, 100), BLUE)
    wide.paste(RED, (100, 0, 200, 100))
    image = square(wide, 50)
    assert image.size == (50, 50) and all(near(image.getpixel(p), RED) for p in [(2, 2), (47, 47), (25, 25)])


@pytest.mark.parametrize("name", ["/etc/passwd", "../x.jpg", "a/../../x.jpg", "a/../x.jpg", "..", "", ".", "a\0b.jpg"])
def test_names_outside_the_folder_are_refused(tmp_path, name):
    with pytest.raises(ValueError, match="file name"):
        resolve_inside(resolve_folder(tmp_path), name)


def test_links_may_lead_inside_but_not_outside(tmp_path):
    (tmp_path / "secret.jpg").write_bytes(b"x")
    folder = tmp_path / "pictures"
    folder.mkdir()
    red_over_blue().save(folder / "a.png")
    os.symlink(folder / "a.png", folder / "same.png")
    os.symlink(tmp_path / "secret.jpg", folder / "out.jpg")
    os.symlink(tmp_path, folder / "up")
    folder = resolve_folder(folder)
    assert resolve_inside(folder, "same.png") == folder / "a.png"
    for name in ("out.jpg", "up/secret.jpg"):
        with pytest.raises(ValueError, match=f"{name}.*symbolic link.*copy the picture"):
            resolve_inside(folder, name)


def test_find_images_is_sorted_recursive_and_passes_over_the_rest(tmp_path):
    for name in ("b.png", "sub/a.PNG", "sub/.hidden.png", ".cache/c.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        red_over_blue().save(tmp_path / name, format="PNG")
    (tmp_path / "notes.txt").write_text("no picture")
    assert find_images(resolve_folder(tmp_path)) == ["b.png", "sub/a.PNG"]
    (tmp_path / "photo.HEIC").write_bytes(b"x")
    with pytest.warns(UserWarning, match="1 pictures such as photo.HEIC.*convert"):
        find_images(resolve_folder(tmp_path))


@pytest.mark.parametrize("link_to_folder", [False, True])
def test_find_images_refuses_links_to_outside(tmp_path, link_to_folder):
    (tmp_path / "in").mkdir()
    (tmp_path / "out").mkdir()
    red_over_blue().save(tmp_path / "in" / "a.png")
    red_over_blue().save(tmp_path / "out" / "b.png")
    target = tmp_path / "out" if link_to_folder else tmp_path / "out" / "b.png"
    os.symlink(target, tmp_path / "in" / "link.png")
    with pytest.raises(ValueError, match="link.png.*outside"):
        find_images(resolve_folder(tmp_path / "in"))


def test_what_may_not_be_read_is_named(tmp_path, monkeypatch):
    def refused(path, *mode):
        raise PermissionError(13, "Permission denied", str(path))

    red_over_blue().save(tmp_path / "a.png")
    monkeypatch.setattr(image_files, "open", refused, raising=False)
    with pytest.raises(UserError, match="a.png cannot be read .Permission denied.: give"):
        open_image(tmp_path / "a.png")
    monkeypatch.setattr(os, "scandir", refused)
    with pytest.raises(UserError, match=f"{tmp_path} cannot be read .Permission denied.: give"):
        find_images(tmp_path)


def test_folders_that_are_none(tmp_path):
    with pytest.raises(FileNotFoundError, match="nowhere"):
        resolve_folder(tmp_path / "nowhere")
    (tmp_path / "file").write_text("")
    with pytest.raises(NotADirectoryError, match="file"):
        resolve_folder(tmp_path / "file")
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match="no pictures in .*empty"):
        find_images(resolve_folder(tmp_path / "empty"))
