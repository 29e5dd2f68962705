"""Fitting: what is read, where it starts, how it descends, what it recovers and leaves on disk."""

import json
import math

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from PIL import Image

from cli import cli
from facegen.errors import UserError
from facegen.fit import Fit, Fitter, Picture, read_picture
from facegen.fit.measure import Recovery, report
from facegen.fit.objective import see_eyes
from facegen.fit.picture import SIZE, background_of, shrink
from facegen.fit.report import outputs, write_fit
from facegen.fit.scan import _similarity
from facegen.fit.solve import _Steps
from facegen.latents import draw_identity
from facegen.render import Renderer

TRUTH = (20.0, 5.0, 30.0)


@pytest.fixture(scope="module")
def person(head):
    return draw_identity(head.identity_size, 0, "test", 16)


@pytest.fixture(scope="module")
def image(head, person):
    return Renderer(head).images(np.array([TRUTH], np.float32), person[None])[0]


@pytest.fixture(scope="module")
def fitter(head):
    return Fitter(head, rendered=True)


@pytest.mark.parametrize(
    ("name", "content", "complaint"),
    [
        ("notes.txt", b"not a picture", "not a picture; give"),
        ("missing.png", None, "No such file or directory; give"),
        ("dot.png", (1, 1), "too small to fit; 24 x 24 are needed"),
        ("cut.png", (300, 200), "damaged"),
    ],
)
def test_what_is_no_picture_is_one_clear_line(tmp_path, name, content, complaint) -> None:
    path = tmp_path / name
    if isinstance(content, bytes):
        path.write_bytes(content)
    elif content:
        noise = np.random.default_rng(0).integers(0, 255, content[::-1], np.uint8)
        Image.fromarray(noise).save(path)
    if complaint == "damaged":
        path.write_bytes(path.read_bytes()[:30_000])
    with pytest.raises(UserError, match=complaint) as caught:
        read_picture(path)
    assert name in str(caught.value)
    result = CliRunner().invoke(cli, ["fit", str(path), "--out", str(tmp_path / "fits")])
    assert result.exit_code == 2
    assert result.output.count("\n") == 1


@pytest.mark.parametrize(
    ("eyes", "complaint"),
    [
        ((10.0, 50.0, math.nan, 50.0), "not in its 300 x 200 pixels"),
        ((10.0, 50.0, 310.0, 50.0), "not in its 300 x 200 pixels"),
        ((150.0, 50.0, 100.0, 50.0), "the one at the left comes first"),
        ((100.0, 50.0, 101.0, 50.0), "too small"),
        ((2.0, 50.0, 290.0, 50.0), "the face would be 1267 pixels wide, in a picture of 300 x 200"),
    ],
)
def test_eyes_that_cannot_be_are_refused(tmp_path, eyes, complaint) -> None:
    Image.new("L", (300, 200)).save(tmp_path / "face.png")
    with pytest.raises(UserError, match=complaint):
        read_picture(tmp_path / "face.png", eyes)


def test_a_picture_is_cropped_about_its_eyes(tmp_path) -> None:
    pixels = np.zeros((400, 700, 3), np.uint8)
    eyes = (300.0, 140.0, 380.0, 150.0)
    for x, y in (eyes[:2], eyes[2:]):
        pixels[int(y) - 4 : int(y) + 4, int(x) - 4 : int(x) + 4] = 255
    Image.fromarray(pixels).save(tmp_path / "face.png")
    picture = read_picture(tmp_path / "face.png", eyes)
    assert picture.gray.shape == (SIZE, SIZE)
    assert picture.eyes is not None
    for x, y in picture.eyes:
        column, row = int((x + 1) / 2 * SIZE), int((1 - y) / 2 * SIZE)
        assert picture.gray[row, column] > 0.9
    assert float(picture.eyes[:, 0].mean()) == pytest.approx(0.0, abs=0.02)


def test_shrinking_keeps_the_mean_and_the_background_is_the_rims() -> None:
    picture = torch.rand((SIZE, SIZE), generator=torch.Generator().manual_seed(0))
    assert float(shrink(picture, 50).mean()) == pytest.approx(float(picture.mean()), rel=1e-5)
    portrait = torch.full((SIZE, SIZE), 0.6)
    portrait[20:, 40:110] = 0.2
    assert background_of(portrait) == pytest.approx(0.6)


def test_two_points_say_how_a_picture_is_turned_and_scaled() -> None:
    shown = torch.tensor([[[-0.2, 0.1], [0.3, 0.0]], [[-0.1, 0.4], [0.1, 0.5]]])
    angle, size, middle = 0.3, 1.7, torch.tensor([0.2, -0.4])
    turn = torch.tensor([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
    seen = ((turn @ shown[0].T).T - middle) / size
    roll, found_size, found_middle = _similarity(shown, seen)
    assert float(roll[0]) == pytest.approx(math.degrees(angle), abs=1e-3)
    assert float(found_size[0]) == pytest.approx(size, rel=1e-5)
    assert torch.allclose(found_middle[0], middle, atol=1e-5)


def test_steps_find_a_quadratics_bottom() -> None:
    generator = torch.Generator().manual_seed(0)
    root = torch.randn((12, 12), generator=generator)
    matrix, bottom = root @ root.T + torch.eye(12), torch.randn(12, generator=generator)
    # The right matrix takes one step; a wrong one is corrected by what moves teach.
    step = _Steps(matrix).step(matrix @ -bottom)
    assert torch.allclose(step, bottom, atol=1e-3)
    steps, at = _Steps(torch.eye(12) * float(matrix.trace())), torch.zeros(12)
    for _ in range(60):
        slope = matrix @ (at - bottom)
        move = steps.step(slope)
        move = move * -float(slope @ move) / float(move @ matrix @ move)
        steps.learn(move, matrix @ move)
        at = at + move
    assert torch.allclose(at, bottom, atol=1e-2)


def test_pose_light_and_shape_are_recovered(head, fitter, image, person) -> None:
    picture = Picture(torch.from_numpy(image / np.float32(255)))
    path = list(fitter.fit(picture))
    found = fitter.unknowns.scalars(path[-1].vector)
    for name, value, tolerance in zip(found, TRUTH, (3.0, 3.0, 6.0), strict=True):
        assert found[name] == pytest.approx(value, abs=tolerance)
    assert path[0].error > 3 * path[-1].error
    modes = len(head.basis)
    fitted = fitter.unknowns.identity(path[-1].vector[None])[0, :modes].numpy()

    def distance(coefficients):
        moved = np.tensordot(coefficients, head.basis, axes=1)[head.mean[:, 2] > 40]
        return np.linalg.norm(moved, axis=-1).mean()

    assert distance(fitted - person[:modes]) < 0.9 * distance(person[:modes])


def test_the_same_picture_is_fitted_the_same_way(fitter, image) -> None:
    picture = Picture(torch.from_numpy(image / np.float32(255)))
    starts, objective = fitter.starts(picture), fitter.objective(picture, 50)
    for one, other in zip(starts, fitter.starts(picture), strict=True):
        assert torch.equal(one, other)
    (squares, gradient), again = objective.slope(starts[0]), objective.slope(starts[0])
    assert squares == again[0]
    assert torch.equal(gradient, again[1])


def test_fit_writes_what_it_found(head, tmp_path, image) -> None:
    Image.fromarray(image).save(tmp_path / "someone.png")
    arguments = ["--rendered", "--steps", "8", "--size", "48", "--out", str(tmp_path / "fits")]
    result = CliRunner().invoke(cli, ["fit", str(tmp_path / "someone.png"), *arguments])
    assert result.exit_code == 0, result.output
    found = json.loads((tmp_path / "fits/someone.json").read_text())
    assert set(found["scene"]) == {"azimuth", "elevation", "light_azimuth"}
    assert len(found["identity"]) == len(found["identity_names"]) == head.identity_size
    with Image.open(tmp_path / "fits/someone-views.png") as views:
        assert views.size == (6 * 48, 48)
    with Image.open(tmp_path / "fits/someone.gif") as film:
        assert film.n_frames > 2
    assert (tmp_path / "fits/someone.png").stat().st_size > 10_000


def test_a_fit_never_overwrites_its_picture(head, tmp_path, image, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    Image.fromarray(image).save("someone.png")
    before = (tmp_path / "someone.png").read_bytes()
    result = CliRunner().invoke(cli, ["fit", "someone.png", "--out", "."])
    assert result.exit_code == 2
    assert "would overwrite" in result.stderr
    assert (tmp_path / "someone.png").read_bytes() == before


def test_a_folder_in_a_file_s_place_shows_before_the_fit(head, tmp_path, image) -> None:
    Image.fromarray(image).save(tmp_path / "someone.png")
    (tmp_path / "fits/someone.gif").mkdir(parents=True)
    arguments = ["fit", str(tmp_path / "someone.png"), "--rendered", "--out", f"{tmp_path}/fits"]
    result = CliRunner().invoke(cli, arguments)
    assert result.exit_code == 2
    assert "someone.gif: not a file of its own" in result.stderr
    assert [path.name for path in (tmp_path / "fits").iterdir()] == ["someone.gif"]


@pytest.mark.parametrize(("error", "warns"), [(0.09, False), (0.19, True)])
def test_a_fit_of_something_else_says_so(
    head, tmp_path, image, monkeypatch, error: float, warns: bool
) -> None:
    def fit(self: Fitter, picture: Picture, steps: int) -> list[Fit]:
        return [Fit(self.starts(picture)[0], error)]

    monkeypatch.setattr(Fitter, "fit", fit)
    Image.fromarray(image).save(tmp_path / "someone.png")
    arguments = ["fit", str(tmp_path / "someone.png"), "--rendered", "--size", "16"]
    result = CliRunner().invoke(cli, [*arguments, "--out", f"{tmp_path}/fits"])
    assert result.exit_code == 0
    assert ("a poor fit" in result.stderr) == warns


def test_parameters_are_kept_whatever_becomes_of_pictures(
    fitter, tmp_path, image, monkeypatch
) -> None:
    monkeypatch.setattr("facegen.fit.report.png_bytes", lambda *_, **__: 1 / 0)
    picture = Picture(torch.from_numpy(image / np.float32(255)))
    files = outputs(tmp_path, "someone")
    with pytest.raises(ZeroDivisionError):
        write_fit(files, fitter, picture, [Fit(fitter.starts(picture)[0], 0.5)], 16)
    assert json.loads(files.parameters.read_text())["error"] == 0.5


def test_eyes_and_rendered_exclude_each_other(tmp_path) -> None:
    arguments = ["fit", str(tmp_path / "x.png"), "--rendered", "--eyes", "1", "2", "3", "4"]
    result = CliRunner().invoke(cli, arguments)
    assert result.exit_code == 2
    assert "leave one out" in result.stderr


def test_a_photographs_face_is_found_by_its_eyes(head, image, tmp_path) -> None:
    """A rendered face on a busy background, moved and scaled: pupils say where it is."""
    generator = np.random.default_rng(0)
    busy = generator.integers(60, 200, (20, 20), np.uint8)
    scene = np.array(Image.fromarray(busy).resize((400, 400)))
    small = np.array(Image.fromarray(image).resize((220, 220)))
    is_head = small < 250
    scene[150:370, 30:250][is_head] = small[is_head]
    Image.fromarray(scene).save(tmp_path / "busy.png")
    fitter = Fitter(head)
    renderer = Renderer(head)
    people = renderer.people(
        torch.from_numpy(draw_identity(head.identity_size, 0, "test", 11))[None]
    )
    eyes = see_eyes(renderer, people, renderer.view(torch.tensor([TRUTH])))[0]
    x, y = 30 + 110 * (1 + eyes[:, 0]), 150 + 110 * (1 - eyes[:, 1])
    picture = read_picture(
        tmp_path / "busy.png", (float(x[0]), float(y[0]), float(x[1]), float(y[1]))
    )
    *_, before, fit = fitter.fit(picture, 30)
    found = fitter.unknowns.scalars(fit.vector)
    assert found["azimuth"] == pytest.approx(TRUTH[0], abs=12.0)
    assert found["elevation"] == pytest.approx(TRUTH[1], abs=12.0)
    # What is said to be left is what the hairdo leaves that was put on in the end.
    assert not torch.equal(fit.vector, before.vector)
    assert fit.error != before.error
    assert fit.error == pytest.approx(fitter.objective(picture).error(fit.vector))


def test_the_benchmarks_figures_are_medians() -> None:
    found = [Recovery(k, k, 2.0 * k, 3.0 * k, 0.5, 1.5, 0.01, 4.0) for k in (4, 0, 2, 1, 3)]
    result = report(found, workers=2, seconds=10.0)
    assert result["median"]["azimuth"] == 2
    assert result["median"]["light_azimuth"] == 6
    assert result["p90"]["elevation"] == pytest.approx(7.2)
    assert result["seconds_per_picture"] == 2
    assert [one["number"] for one in result["each"]] == [0, 1, 2, 3, 4]
