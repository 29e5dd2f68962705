"""Pictures as files hold them: other depths, colours and orientations than our own."""

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from facegen.errors import UserError
from facegen.pictures import png_bytes, read_colours

RAMP = np.arange(256, dtype=np.uint8).reshape(16, 16)


@pytest.mark.parametrize("small", [False, True])
@pytest.mark.parametrize("picture", [RAMP, np.stack([RAMP, RAMP.T, 255 - RAMP], axis=2)])
def test_a_png_holds_the_very_pixels(picture: np.ndarray, small: bool) -> None:
    with Image.open(io.BytesIO(png_bytes(picture, small=small))) as file:
        assert np.array_equal(np.asarray(file), picture)


def test_sixteen_bits_are_scaled_and_not_cut_off(tmp_path: Path) -> None:
    Image.fromarray(RAMP.astype(np.uint16) * 257).save(tmp_path / "deep.png")
    found = read_colours(tmp_path / "deep.png")
    assert np.array_equal(found, np.repeat(RAMP[..., None], 3, axis=2))


def test_a_turned_photograph_stands_upright(tmp_path: Path) -> None:
    page = Image.fromarray(RAMP[:, :8])
    turned = page.getexif()
    turned[0x0112] = 6
    page.save(tmp_path / "turned.png", exif=turned)
    assert np.array_equal(read_colours(tmp_path / "turned.png")[..., 0], np.rot90(RAMP[:, :8], -1))


def test_a_palette_with_a_hole_lies_on_white(tmp_path: Path) -> None:
    page = Image.new("P", (2, 1))
    page.putpalette([10, 20, 30, 40, 50, 60])
    page.putpixel((1, 0), 1)
    page.save(tmp_path / "palette.png", transparency=1)
    assert read_colours(tmp_path / "palette.png").tolist() == [[[10, 20, 30], [255, 255, 255]]]


def test_a_printers_picture_has_its_colours(tmp_path: Path) -> None:
    Image.fromarray(np.full((8, 8, 4), 100, np.uint8), "CMYK").save(tmp_path / "cmyk.jpg")
    assert np.abs(read_colours(tmp_path / "cmyk.jpg").astype(int) - 94).max() < 4


@pytest.mark.parametrize("kind", [np.float32, np.int32])
def test_thirty_two_bits_are_refused(tmp_path: Path, kind: type) -> None:
    Image.fromarray((RAMP * 1e6).astype(kind)).save(tmp_path / "deeper.tiff")
    with pytest.raises(UserError, match=r"deeper\.tiff: a picture of 32 bits.*save it with 8"):
        read_colours(tmp_path / "deeper.tiff")
