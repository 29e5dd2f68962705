"""Kills a process that does nothing but save checkpoints, again and again, and reads what is left.

Usage: save_forever.py RUN DATA KILLS; writes the newest step found after each kill.
"""

import os
import random
import signal
import sys
import time
from itertools import islice
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from trainings import training

from dcign.checkpoint import load_run

if __name__ == "__main__":
    folder, data, kills = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
    work = training(folder, data)
    list(islice(work, 2))
    started = time.monotonic()
    work.save()
    # Kills fall between the first moments of a save and the third save, however busy the machine.
    longest = 3 * (time.monotonic() - started)
    rng = random.Random(2015)
    for _ in range(kills):
        # A fork, since a new process would spend seconds importing before it could save.
        saver = os.fork()
        while not saver:
            work.step += 1
            work.save()
        time.sleep(rng.uniform(0.0, longest))
        os.kill(saver, signal.SIGKILL)
        os.waitpid(saver, 0)
        work.step = load_run(folder).step
        sys.stdout.write(f"{work.step}\n")
