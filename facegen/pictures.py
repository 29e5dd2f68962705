"""Picture files: read, whatever they are, and written as bytes."""

import io
import struct
import warnings
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from facegen.errors import UserError

MOST_PIXELS = 200_000_000
"""Of a sheet or an animation: it is drawn in memory, which takes ten bytes for each."""

LUMA = (0.21, 0.72, 0.07)
"""Weights of a picture's R, G and B in gray, as in the DC-IGN paper."""

MAX_PIXELS = 50_000_000
"""Larger pictures are refused before they are decoded."""

_REMEDY = "give a PNG or JPEG file"


def png_bytes(picture: Image.Image | NDArray[np.uint8], *, small: bool = False) -> bytes:
    """A PNG file of a picture (height, width) or (height, width, 3).

    small: takes longer and saves a tenth or more of a drawing.
    """
    image = picture if isinstance(picture, Image.Image) else Image.fromarray(picture)
    file = io.BytesIO()
    image.save(file, format="PNG", optimize=small)
    return file.getvalue()


def read_colours(path: Path) -> NDArray[np.uint8]:
    """Any picture that Pillow reads, upright, RGB (height, width, 3), on white where transparent.

    Raises UserError, with the remedy, for a file that is missing, no picture, damaged or huge.
    """
    if path.exists() and not path.is_file():
        raise UserError(f"{path}: not a file; {_REMEDY}")
    try:
        with warnings.catch_warnings():
            # Pillow warns of large pictures; the limit here is stricter.
            warnings.simplefilter("ignore")
            with Image.open(path) as image:
                if image.width * image.height > MAX_PIXELS:
                    raise _huge(path)
                return _colours(path, ImageOps.exif_transpose(image))
    except UnidentifiedImageError as error:
        raise UserError(f"{path}: not a picture; {_REMEDY}") from error
    except Image.DecompressionBombError as error:
        raise _huge(path) from error
    except OSError as error:
        # Pillow's own complaints about damaged files are OSErrors without a number.
        if error.errno:
            raise UserError(f"{path}: {error.strerror}; {_REMEDY}") from error
        raise _damaged(path, error) from error
    except (SyntaxError, ValueError, EOFError, struct.error) as error:
        raise _damaged(path, error) from error


def _colours(path: Path, image: Image.Image) -> NDArray[np.uint8]:
    """A decoded picture in RGB."""
    if image.mode[0] in "IF":
        # Sixteen bits, as whole numbers of 32 in older Pillow; it would cut them off at 255.
        deep = np.asarray(image)
        if deep.dtype.kind == "f" or not 0 <= deep.min() <= deep.max() < 2**16:
            raise UserError(f"{path}: a picture of 32 bits a pixel; save it with 8 or 16")
        gray = (deep.astype(np.float32) / 257 + 0.5).astype(np.uint8)
        return np.repeat(gray[..., None], 3, axis=2)
    if image.has_transparency_data:
        page = Image.new("RGBA", image.size, "white")
        page.alpha_composite(image.convert("RGBA"))
        image = page
    return np.asarray(image.convert("RGB"))


def _huge(path: Path) -> UserError:
    return UserError(
        f"{path}: more than {MAX_PIXELS // 10**6} million pixels; scale the picture down first"
    )


def _damaged(path: Path, error: Any) -> UserError:
    reason = " ".join(str(error).split())
    return UserError(f"{path}: a damaged picture ({reason}); give another file")
