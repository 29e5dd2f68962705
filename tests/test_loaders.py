"""Every loader, on files in exactly the published layout: each value, and each kind of damage."""

from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest
import scipy.io
from foreign_models import (
    Shape,
    flame_arrays,
    random_shape,
    surrey_bytes,
    write_bfm2009,
    write_bfm2017,
    write_flame,
    write_flame_npz,
    write_gnm,
)

from facegen.errors import UserError
from facegen.morphable import load
from facegen.morphable.formats import loader_of
from facegen.morphable.model import MorphableModel

SHAPE = random_shape()
Write = Callable[[Path], object]


def writers(shape: Shape) -> dict[str, Write]:
    """How a shape is written, by format and variant of it."""
    return {
        "bfm2009": lambda path: write_bfm2009(path, shape),
        "bfm2017": lambda path: write_bfm2017(path, shape),
        "bfm2017-legacy": lambda path: write_bfm2017(path, shape, legacy=True),
        "bfm2017-0.8": lambda path: write_bfm2017(path, shape, version=(0, 8)),
        "flame-0": lambda path: write_flame(path, shape, protocol=0),
        "flame-2": lambda path: write_flame(path, shape, protocol=2),
        "flame-5": lambda path: write_flame(path, shape, protocol=5),
        "flame-chumpy": lambda path: write_flame(path, shape, chumpy=True),
        "flame-npz": lambda path: write_flame_npz(path, shape),
        "gnm": lambda path: write_gnm(path, shape),
        "surrey-1": lambda path: path.write_bytes(surrey_bytes(shape)),
        "surrey-2": lambda path: path.write_bytes(surrey_bytes(shape, 2)),
        "surrey-3": lambda path: path.write_bytes(surrey_bytes(shape, 3, "blendshapes")),
        "surrey-4": lambda path: path.write_bytes(surrey_bytes(shape, 4, "none", colours=True)),
    }


WRITERS = writers(SHAPE)

COLOURED = ("bfm2009", "bfm2017", "bfm2017-legacy", "bfm2017-0.8", "surrey-4")
SILENT = ("bfm2009", "surrey-1", "surrey-4")


def read(path: Path) -> MorphableModel:
    """As the format's loader does, before anatomy is added; what no loader knows is an error."""
    loader = loader_of(path)
    assert loader is not None
    model: MorphableModel = loader.load(path)
    return model


@pytest.mark.parametrize("name", WRITERS)
def test_every_value_arrives(name: str, tmp_path: Path) -> None:
    path = tmp_path / "model.download"
    WRITERS[name](path)
    model = read(path)
    close = {"rtol": 1e-4, "atol": 1e-4}
    np.testing.assert_allclose(model.mean, SHAPE.mean, **close)
    np.testing.assert_allclose(model.basis[: len(SHAPE.modes)], SHAPE.modes, **close)
    assert not model.basis[len(SHAPE.modes) :].any()
    assert np.array_equal(model.faces, SHAPE.faces)
    assert len(model.mode_names) == len(model.basis)
    expected = 0 if name in SILENT else len(SHAPE.expressions)
    assert len(model.expression_names) == expected
    np.testing.assert_allclose(model.expression_basis, SHAPE.expressions[:expected], **close)
    assert model.expression_signed == (expected > 0 and name != "surrey-3")
    assert (model.albedo is not None) == (name in COLOURED)
    if model.albedo:
        np.testing.assert_allclose(model.albedo.mean, SHAPE.colours, rtol=1e-4, atol=1e-5)
        np.testing.assert_allclose(model.albedo.basis, SHAPE.colour_modes, rtol=1e-4, atol=1e-5)
    for array in (model.mean, model.basis, model.expression_basis):
        assert array.dtype == np.float32
    assert model.licence and not model.fields


@pytest.mark.parametrize("name", WRITERS)
def test_the_rest_of_a_cut_file_is_missed(name: str, tmp_path: Path) -> None:
    path = tmp_path / "model"
    WRITERS[name](path)
    whole = path.read_bytes()
    for share in (0.1, 0.5, 0.97):
        path.write_bytes(whole[: int(share * len(whole))])
        if name == "surrey-4" and share == 0.97:
            continue  # only texture coordinates are missing, which nobody reads
        refused(path)


def refused(path: Path) -> str:
    """The one line with which a file is refused."""
    with pytest.raises(UserError) as caught:
        load(path)
    line = str(caught.value)
    assert line.startswith(str(path)) and "\n" not in line and len(line) < 400
    return line


@pytest.mark.parametrize("name", WRITERS)
def test_a_number_that_is_none_is_found(name: str, tmp_path: Path) -> None:
    broken = random_shape()
    broken.mean[3, 1] = np.nan
    path = tmp_path / "model"
    writers(broken)[name](path)
    assert "not finite" in refused(path)


def test_a_grave_difference_between_the_two_basel_models() -> None:
    """2009 keeps standard deviations, 2017 variances: a mix-up would show in every value."""
    assert not np.allclose(
        np.linalg.norm(SHAPE.modes.reshape(len(SHAPE.modes), -1), axis=1), 1, 0.5
    )


def test_the_old_format_is_multiplied_once(tmp_path: Path) -> None:
    """The same numbers under version 0.9 must come out larger, by their standard deviations."""
    write_bfm2017(tmp_path / "a", SHAPE, version=(0, 8))
    with h5py.File(tmp_path / "a", "r+") as file:
        file["shape/version/minorVersion"][0] = 9
    size = np.linalg.norm(SHAPE.modes.reshape(len(SHAPE.modes), -1), axis=1)
    np.testing.assert_allclose(
        read(tmp_path / "a").basis, SHAPE.modes * size[:, None, None], rtol=1e-3, atol=1e-3
    )


@pytest.mark.parametrize(
    ("name", "hint"),
    [("shape/model/pcaVariance", "BFM 2017/2019"), ("shape/representer/cells", "BFM 2017/2019")],
)
def test_a_basel_file_that_lacks_something(tmp_path: Path, name: str, hint: str) -> None:
    path = tmp_path / "model2017-1_bfm_nomouth.h5"
    write_bfm2017(path, SHAPE)
    with h5py.File(path, "r+") as file:
        del file[name]
    line = refused(path)
    assert name in line and hint in line


@pytest.mark.parametrize("how", ["external storage", "external link", "soft link", "a size"])
def test_a_basel_file_reads_no_other_file(tmp_path: Path, how: str) -> None:
    path, secret, name = tmp_path / "model2017-1_bfm_nomouth.h5", tmp_path / "s", "shape/model/mean"
    write_bfm2017(path, SHAPE)
    write_bfm2017(secret, SHAPE)
    with h5py.File(path, "r+") as file:
        shape = file[name].shape
        del file[name]
        if how == "external storage":
            file.create_dataset(name, shape, "f4", external=[(str(secret), 0, 4 * shape[0])])
        elif how == "external link":
            del file["shape/model"]
            file["shape/model"] = h5py.ExternalLink(str(secret), "/shape/model")
        elif how == "soft link":
            file[name] = h5py.SoftLink("/shape/model/pcaVariance")
        else:
            file.create_dataset(name, (2**40,), "f4", chunks=(2**20,))
    assert name in refused(path)


def test_a_matlab_file_that_is_another(tmp_path: Path) -> None:
    scipy.io.savemat(tmp_path / "a.mat", {"shapeMU": np.zeros(9)})
    assert "shapePC" in refused(tmp_path / "a.mat")
    scipy.io.savemat(tmp_path / "b.mat", {"something": np.zeros(9)})
    assert "not a face model" in refused(tmp_path / "b.mat")


def test_objects_in_an_archive_are_refused(tmp_path: Path) -> None:
    arrays = {k: v for k, v in flame_arrays(SHAPE).items() if isinstance(v, np.ndarray)}
    arrays["shapedirs"] = np.array([{"a": 1}], dtype=object)
    with open(tmp_path / "flame.npz", "wb") as file:
        np.savez(file, **arrays)
    assert "'shapedirs' is refused" in refused(tmp_path / "flame.npz")


def test_a_download_that_was_cut_short(tmp_path: Path) -> None:
    write_gnm(tmp_path / "gnm.npz", SHAPE)
    data = (tmp_path / "gnm.npz").read_bytes()
    (tmp_path / "gnm.npz").write_bytes(data[: len(data) // 2])
    assert "not a whole one; download it anew" in refused(tmp_path / "gnm.npz")


def test_triangles_that_name_no_vertex(tmp_path: Path) -> None:
    write_gnm(tmp_path / "a", Shape(**{**SHAPE.__dict__, "faces": SHAPE.faces + 1}))
    assert "outside 0..8" in refused(tmp_path / "a")


@pytest.mark.parametrize(
    "content", [b"", b"\0", b"PK\3\4 no archive", b"v 1 2 3\n", b"\x89HDF\r\n\x1a\n"]
)
def test_what_is_no_model(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "file").write_bytes(content)
    refused(tmp_path / "file")
    refused(tmp_path)


def test_a_surrey_size_that_nobody_has(tmp_path: Path) -> None:
    data = bytearray(surrey_bytes(SHAPE))
    data[12 + 4 * 27 : 12 + 4 * 27 + 4] = b"\xff\xff\xff\x7f"
    (tmp_path / "model.bin").write_bytes(data)
    assert "announces" in refused(tmp_path / "model.bin")


def test_a_mesh_that_is_no_face(tmp_path: Path) -> None:
    write_gnm(tmp_path / "a", SHAPE)
    assert "no face in it" in refused(tmp_path / "a")
