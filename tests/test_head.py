"""The default head: whole, closed, plausible; and its file."""

from pathlib import Path

import h5py
import numpy as np
import pytest
import torch

from facegen.errors import UserError
from facegen.latents import draw_identity
from facegen.morphable import MorphableModel, load
from facegen.morphable.loaders.head import save
from facegen.raster import rasterize
from facegen.traits import TRAITS, age_years, ancestry_weights, masculinity


def test_size_and_frame(head) -> None:
    assert len(head.basis) >= 60
    assert head.mode_names[: len(TRAITS)] == TRAITS
    assert head.mean.shape == (head.basis.shape[1], 3)
    nose = head.mean[head.mean[:, 2].argmax()]
    assert abs(nose[0]) < 5, "the nose is in the middle"
    eyes = head.fields["eye_angle"] >= 0
    left = head.mean[eyes & (head.mean[:, 0] > 0)]
    assert left[:, 2].mean() > 50, "the eyes look along +z"
    height = np.ptp(head.mean[head.fields["neckline"] <= 0, 1])
    assert 190 < height < 240, "mm"


def test_every_border_is_hidden(head) -> None:
    """Each edge has two faces, but for the eyes' backs, the lids' inner rims, the teeth's roots."""
    faces = head.faces[head.fields["teeth"][head.faces].max(axis=1) == 0]
    sides = np.concatenate([faces[:, [a, b]] for a, b in ((0, 1), (1, 2), (2, 0))])
    both = {tuple(side) for side in sides}
    assert len(both) == len(sides), "no side is used twice: the winding is consistent"
    border = np.array([side for side in both if side[::-1] not in both])
    ends = head.mean[border].reshape(-1, 3)
    eyes = head.mean[head.fields["eye_angle"] == 0]
    distance = np.linalg.norm(ends[:, None] - eyes, axis=2).min(axis=1)
    assert distance.max() < 45, "no border but around the eyes' sockets"


def test_faces_look_outwards(head) -> None:
    a, b, c = head.mean[head.faces].astype(np.float64).transpose(1, 0, 2)
    volume = np.einsum("ij,ij->i", a, np.cross(b, c)).sum() / 6
    assert volume > 4e6, "mm^3: about that of a head and shoulders, and positive"


def test_no_face_among_two_hundred_is_broken(head) -> None:
    """Broken is a head of which more than 1 % of the faces turned by over 100 degrees."""
    people = np.stack([draw_identity(head.identity_size, 0, "train", i) for i in range(200)])
    reference = _face_normals(head.mean[None], head.faces)
    mouth = head.fields["inside_mouth"][head.faces].max(axis=1) > 0.05
    for block in np.split(people, 20):
        normals = _face_normals(head.vertices(block[:, : len(head.basis)]), head.faces)
        turned = (normals * reference).sum(axis=2) < np.cos(np.radians(100))
        assert (turned & ~mouth).mean(axis=1).max() < 0.01


def test_few_mouths_hang(head) -> None:
    """Of 400 people at rest, in one in fifty at most the corners are 3 mm below the middle."""
    outside = (head.fields["lips"] > 0.5) & (head.fields["inside_mouth"] < 0.5)
    lips = np.flatnonzero(outside)
    x = head.mean[lips, 0]
    corners, middle = lips[[x.argmin(), x.argmax()]], lips[np.abs(x) < 2]
    people = np.stack([draw_identity(head.identity_size, 5, "train", i) for i in range(400)])
    height = head.vertices(people[:, : len(head.basis)])[..., 1]
    hanging = height[:, middle].mean(axis=1) - height[:, corners].mean(axis=1)
    assert (hanging > 3).mean() < 0.02
    assert np.ptp(hanging) > 2, "mm: nor do all smile alike"


def test_jaws_are_narrower_than_cheeks(head) -> None:
    """Of the mean head, and of most people, the jaw beside the mouth."""
    eye, lips = head.fields["eye_angle"] >= 0, head.fields["lips"] > 0.5
    bare = (head.fields["ears"] < 0.02) & (head.fields["neckline"] <= 0) & ~eye
    level = head.mean[lips, 1].mean()

    def width(people, height):
        beside = bare & (np.abs(head.mean[:, 1] - height) < 5) & (head.mean[:, 2] > 0)
        return np.ptp(people[:, beside, 0], axis=1)

    drawn = np.stack([draw_identity(head.identity_size, 5, "train", i) for i in range(200)])
    people = head.vertices(drawn[:, : len(head.basis)])
    cheeks = head.mean[eye, 1].mean() - 25
    assert 0.85 < width(head.mean[None], level) / width(head.mean[None], cheeks) < 0.89
    shares = width(people, level) / width(people, cheeks)
    assert shares.min() > 0.75 and np.quantile(shares, 0.9) < 0.935


def _face_normals(vertices, faces):
    a, b, c = vertices[:, faces].transpose(2, 0, 1, 3)
    normals = np.cross(b - a, c - a)
    return normals / np.maximum(np.linalg.norm(normals, axis=2, keepdims=True), 1e-9)


def test_traits_mean_what_they_say(head) -> None:
    woman, man = torch.zeros(2, len(TRAITS))
    woman[0], man[0] = -1.0, 1.0
    assert masculinity(woman) < 0.1 < 0.9 < masculinity(man)
    widths = [
        np.ptp(head.vertices(sign * np.eye(len(head.basis), dtype=np.float32)[:1])[0, :, 0])
        for sign in (-1, 1)
    ]
    assert widths[1] > widths[0], "a man's shoulders are broader"
    years = age_years(torch.tensor([[0.0, -3.0], [0.0, 0.0], [0.0, 3.0]]))
    assert years[0] < 20 < years[1] < 60 < years[2]
    weights = ancestry_weights(torch.randn(50, len(TRAITS)))
    torch.testing.assert_close(weights.sum(-1), torch.ones(50))


def test_a_model_survives_its_file(head, tmp_path: Path) -> None:
    save(head, tmp_path / "copy.h5")
    copy = load(tmp_path / "copy.h5")
    assert copy.fingerprint == head.fingerprint
    assert copy.mode_names == head.mode_names


@pytest.mark.parametrize("damage", ["missing", "text", "foreign", "short", "nan"])
def test_a_bad_file_is_one_clear_line(head, tmp_path: Path, damage: str) -> None:
    path = tmp_path / "head.h5"
    if damage != "missing":
        save(head, path)
    if damage == "text":
        path.write_text("not a model")
    elif damage == "foreign":
        with h5py.File(path, "w") as file:
            file["mean"] = [1.0]
    elif damage == "short":
        path.write_bytes(path.read_bytes()[:-200_000])
    elif damage == "nan":
        with h5py.File(path, "r+") as file:
            file["mean"][5] = np.nan
    with pytest.raises(UserError, match=r"head\.h5.*make model") as caught:
        load(path)
    assert "\n" not in str(caught.value)


def test_teeth_show_when_the_mouth_opens(head) -> None:
    """In quarters of a square mm from the front; lips at rest may leave a slit, as lips do."""
    teeth = head.fields["teeth"] > 0.5
    front = head.faces[(head.mean[head.faces, 2] > 20).any(axis=1)]
    jaw = head.expression_basis[head.expression_names.index("jawOpen")]
    people = np.stack([draw_identity(head.identity_size, 0, "train", i) for i in range(60)])
    shut = head.vertices(people[:, : len(head.basis)])
    for heads, least, most in ((shut, 0, 100), (shut[:10] + jaw, 300, 4000)):
        for vertices in heads:
            place = torch.from_numpy(vertices * [1.0, -1.0, -1.0] + [70.0, 40.0, 500.0]).float()
            seen = rasterize(2 * place[None], torch.from_numpy(front), 280, 280).face_id[0].numpy()
            shown = teeth[front[seen[seen >= 0]]].any(axis=1).sum()
            assert least <= shown <= most


def test_expressions_move_what_they_name(head) -> None:
    """Up to a scale in mm that a face can do, and only where its name says."""
    assert head.expression_basis.shape == (len(head.expression_names), *head.mean.shape)
    assert not head.expression_signed
    size = np.linalg.norm(head.expression_basis, axis=2)
    assert ((size.max(axis=1) > 2) & (size.max(axis=1) < 45)).all(), "mm"
    moves = dict(zip(head.expression_names, head.expression_basis, strict=True))
    lips = head.fields["lips"] > 0.5
    skull = head.mean[:, 1] > head.mean[head.fields["eye_angle"] == 0, 1].max() + 55
    eye_y = head.mean[head.fields["eye_angle"] == 0, 1].mean()
    assert size[:, skull].max() < 1.5, "no expression moves the top of the head"
    jaw = moves["jawOpen"]
    assert jaw[lips, 1].min() < -10 and jaw[head.mean[:, 1] > eye_y + 10, 1].min() > -0.1
    for name, side in (("eyeBlink_L", 1), ("eyeBlink_R", -1)):
        largest = np.linalg.norm(moves[name], axis=1).argmax()
        assert side * head.mean[largest, 0] > 10, "the subject's own left and right"
        assert moves[name][largest, 1] < -5, "lids close downwards"
    corner = head.mean[lips, 0].argmax()
    assert moves["mouthSmile_L"][lips][corner, 1] > 2, "a smile lifts the corner of the mouth"


def test_a_head_from_before_there_were_expressions_loads(head, tmp_path: Path) -> None:
    save(head, tmp_path / "old.h5")
    with h5py.File(tmp_path / "old.h5", "r+") as file:
        del file["expressions"], file.attrs["expression_names"]
    old = load(tmp_path / "old.h5")
    assert old.expression_basis.shape == (0, *head.mean.shape)
    assert np.array_equal(old.basis, head.basis)


def test_a_full_disk_leaves_the_old_file(
    head: MorphableModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(source: int) -> None:
        raise OSError(28, "No space left on device")

    (tmp_path / "head.h5").write_text("old")
    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="No space left on device while writing"):
        save(head, tmp_path / "head.h5")
    assert [path.name for path in tmp_path.iterdir()] == ["head.h5"]
    assert (tmp_path / "head.h5").read_text() == "old"
