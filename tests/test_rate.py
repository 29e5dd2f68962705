"""The benchmark's own counting; how long anything takes is nowhere tested."""

from facegen.morphable import DEFAULT_MODEL, MorphableModel
from facegen.presets import GenerateConfig
from facegen.rate import images_per_second, milliseconds_per_image

CONFIG = GenerateConfig(size=16, shadows=False)


def test_every_stage_takes_some_of_the_time(head: MorphableModel) -> None:
    stages = milliseconds_per_image(CONFIG, DEFAULT_MODEL, rounds=1)
    assert list(stages) == ["morph", "raster", "shade", "write"]
    assert all(time > 0 for time in stages.values())


def test_two_workers_make_images(head: MorphableModel) -> None:
    assert images_per_second(CONFIG, DEFAULT_MODEL, workers=2, seconds=0.1) > 0
