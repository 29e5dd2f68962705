"""A figure of curves: one panel beside another, a colour for each name, as a picture."""

from collections.abc import Mapping, Sequence

from PIL import Image, ImageDraw, ImageFont

Curve = Sequence[tuple[float, float]]

WIDTH, HEIGHT, MARGIN, LEGEND = 420, 320, 56, 190
"""Pixels: of a panel's frame, around it, and for the names."""

COLOURS = (
    "#0072b2",
    "#d55e00",
    "#009e73",
    "#cc79a7",
    "#000000",
    "#e69f00",
    "#56b4e9",
    "#7f7f7f",
    "#8c564b",
)
"""Told apart by colour-blind readers (Okabe and Ito 2008), and three more."""

TICKS = 5


def draw_curves(
    panels: Mapping[str, Mapping[str, Curve]], x_title: str, y_range: tuple[float, float]
) -> Image.Image:
    """Panels by title, each with curves by name as points (x, y); x starts at 0 in all of them."""
    names = list(dict.fromkeys(name for curves in panels.values() for name in curves))
    points = [p for curves in panels.values() for curve in curves.values() for p in curve]
    x_end = max((x for x, _ in points), default=1.0)
    sheet = Image.new(
        "RGB", (len(panels) * (WIDTH + 2 * MARGIN) + LEGEND, HEIGHT + 2 * MARGIN), "white"
    )
    draw = ImageDraw.Draw(sheet)
    for place, (title, curves) in enumerate(panels.items()):
        left = place * (WIDTH + 2 * MARGIN) + MARGIN
        _frame(draw, left, title, x_title, x_end, y_range)
        for number, name in enumerate(names):
            if name in curves:
                line = [_pixel(left, x / x_end, y, y_range) for x, y in sorted(curves[name])]
                draw.line(line, fill=COLOURS[number % len(COLOURS)], width=2)
                for x, y in line:
                    _point(draw, x, y, number)
    left = len(panels) * (WIDTH + 2 * MARGIN)
    for number, name in enumerate(names):
        top = MARGIN + 24 * number
        draw.line((left, top + 9, left + 24, top + 9), fill=COLOURS[number % len(COLOURS)], width=3)
        _point(draw, left + 12, top + 9, number)
        draw.text((left + 32, top), name, fill="black", font=_font(15))
    return sheet


def _point(draw: ImageDraw.ImageDraw, x: float, y: float, number: int) -> None:
    """A curve's point by its number: a disc, or an open square once all colours are taken."""
    colour, box = COLOURS[number % len(COLOURS)], (x - 3, y - 3, x + 3, y + 3)
    if number < len(COLOURS):
        draw.ellipse(box, fill=colour)
    else:
        draw.rectangle(box, fill="white", outline=colour, width=2)


def _pixel(left: int, x: float, y: float, y_range: tuple[float, float]) -> tuple[float, float]:
    """Where a point lies; x and, within its range, y become 0..1. y is held within the frame."""
    height = min(1.0, max(0.0, (y - y_range[0]) / (y_range[1] - y_range[0])))
    return left + x * WIDTH, MARGIN + (1 - height) * HEIGHT


def _frame(
    draw: ImageDraw.ImageDraw,
    left: int,
    title: str,
    x_title: str,
    x_end: float,
    y_range: tuple[float, float],
) -> None:
    """Axes with ticks and their titles."""
    small = _font(13)
    for tick in range(TICKS + 1):
        part = tick / TICKS
        y_value = y_range[0] + part * (y_range[1] - y_range[0])
        x, bottom = _pixel(left, part, y_range[0], y_range)
        _, y = _pixel(left, 0.0, y_value, y_range)
        draw.line((left, y, left + WIDTH, y), fill="#e4e4e4")
        draw.text((left - 8, y), f"{y_value:.2f}", fill="black", font=small, anchor="rm")
        draw.text((x, bottom + 8), f"{part * x_end:.1f}", fill="black", font=small, anchor="mt")
    draw.rectangle((left, MARGIN, left + WIDTH, MARGIN + HEIGHT), outline="black")
    centre = left + WIDTH / 2
    draw.text((centre, MARGIN - 12), title, fill="black", font=_font(16), anchor="mb")
    draw.text((centre, MARGIN + HEIGHT + 30), x_title, fill="black", font=small, anchor="mt")


def _font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)
