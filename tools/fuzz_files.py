#!/usr/bin/env python
"""Alters valid specifications and saved models, and reads them: they are refused by an error, or are harmless.

An altered file may raise no other error than ParaDime's, take no more than 5 seconds of a processor and 500 MB,
run no code, and write no file. A model whose checksums do not fit is refused, or was altered where nothing depends
on it. A model whose checksums were made anew, as an attacker would, is refused or embeds to finite positions.

Usage: python tools/fuzz_files.py --cases 20000
"""

from __future__ import annotations

import argparse
import collections
import contextlib
import json
import random
import resource
import signal
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch

import paradime
from paradime import estimators
from paradime.exceptions import SpecificationError
from paradime.persistence.config import _checksum, _sum
from paradime.spec import validate_spec

PRESETS = sorted(set(estimators.__all__) - {"Preset"})
MOST_SECONDS, MOST_MEGABYTES = 5.0, 500.0
HARMFUL = {"os.system", "os.exec", "os.posix_spawn", "os.fork", "os.remove", "os.rename", "shutil.rmtree"}
HARMFUL |= {"subprocess.Popen", "pickle.find_class", "socket.connect", "ctypes.dlopen"}
TOKENS = [
    *(
        "!!python/object/apply:os.system ['false']",
        "!!python/name:os.system",
        "!<tag:x>",
        "&a ",
        "*a",
        "<<: *a",
        "---\n",
    ),
    *(
        "{",
        "}",
        "[",
        "]",
        "- ",
        "? ",
        ": ",
        ", ",
        "|\n",
        ">\n",
        "%YAML 9\n",
        "#",
        "'",
        '"',
        "\t",
        "\0",
        "\u2028",
        "\ufeff",
    ),
    *(
        "1e999",
        ".nan",
        "-.inf",
        "9" * 400,
        "0x" + "f" * 99,
        "2024-02-30",
        "null",
        "true",
        "-1",
        "0",
        "''",
        "[]",
        "{}",
    ),
    *("os:system", "paradime.utils.files:atomic_write", "[" * 60, "{a: " * 60, "{? {a: 1}: 2}", "{[a]: 2}"),
]
NONSENSE = [None, -1, 0, 10**30, 1e308, "x", "", [], {}, [[]], {"@": "block"}, ["\0"], True, "os:system", "9" * 99]


class Watch:
    """Notes what code of a file would do, while it is on."""

    def __init__(self) -> None:
        self.is_on, self.events = False, []
        sys.addaudithook(self)

    def __call__(self, event: str, arguments: Any) -> None:
        """Called by Python for each event."""
        if self.is_on and (event in HARMFUL or (event == "open" and _writes(arguments))):
            self.events.append(f"{event} {arguments!r}"[:200])

    @contextlib.contextmanager
    def on(self) -> Iterator[None]:
        """Within the block, events are noted; harmful ones are an error afterwards, and so is too long a time."""
        self.events.clear()
        self.is_on = True
        # seconds of the processor; and many more of the clock, for a busy machine
        timers = [(signal.ITIMER_PROF, signal.SIGPROF, 1), (signal.ITIMER_REAL, signal.SIGALRM, 10)]
        previous = [signal.signal(number, _too_long) for _, number, _ in timers]
        for timer, _, factor in timers:
            signal.setitimer(timer, factor * MOST_SECONDS)
        try:
            yield
        finally:
            for (timer, number, _), handler in zip(timers, previous, strict=True):
                signal.setitimer(timer, 0)
                signal.signal(number, handler)
            self.is_on = False
        assert not self.events, f"the file made the library do this: {self.events}"


class TooLongError(BaseException):
    """A case takes too long; no error that a reader would catch."""


def _too_long(*_: Any) -> None:
    raise TooLongError(f"more than {MOST_SECONDS} s")


def _writes(arguments: Any) -> bool:
    path, mode, flags = (*arguments, None, None, None)[:3]
    return path != "/dev/null" and (any(c in (mode or "") for c in "wax+") or bool((flags or 0) & 0o3))


def altered(contents: bytes, random: random.Random, others: list[bytes]) -> bytes:
    """Returns contents that were altered at one to four places."""
    made = bytearray(contents)
    for _ in range(random.choice([1, 1, 2, 4])):
        at = random.randrange(len(made) + 1)
        end = min(len(made), at + random.choice([1, 1, 4, 40, 400]))
        how = random.randrange(7)
        if how == 0 and at < len(made):
            made[at] = random.randrange(256)
        elif how == 1:
            del made[at:end]
        elif how == 2:
            made[at:at] = made[at:end] * random.choice([1, 2, 20])
        elif how in (3, 4):
            made[at:at] = random.choice(TOKENS).encode()
        elif how == 5:
            other = random.choice(others)
            made[at:end] = other[at:end]
        elif random.random() < 0.3:
            del made[at:]
    return bytes(made)


class Specifications:
    """Altered specifications of all presets, as strings and as files."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "spec.yaml"
        specs = [getattr(estimators, name)().to_spec(format="yaml") for name in PRESETS]
        self.originals = [spec.encode() for spec in specs]

    def case(self, random: random.Random, watch: Watch) -> str:
        """Reads one that is altered."""
        contents = altered(random.choice(self.originals), random, self.originals)
        source: Any = self.path
        if random.random() < 0.5:
            source = contents.decode("utf-8", errors="replace") + "\n"
        else:
            self.path.write_bytes(contents)
        with watch.on():
            try:
                validate_spec(source)
            except SpecificationError:
                return "refused"
        return "accepted"


class Models:
    """Altered files of a saved routine."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.rows = np.random.default_rng(0).normal(size=(40, 3))
        routine = estimators.ParametricMDS(epochs=1, hidden_dims=(4,), classifier=True, random_state=0)
        routine.fit(self.rows, np.arange(40) % 2)
        self.expected = routine.transform(self.rows)
        routine.save(folder / "model")
        routine.save(folder / "model.paradime")
        self.names = sorted(path.name for path in (folder / "model").iterdir())
        self.originals = {name: (folder / "model" / name).read_bytes() for name in self.names}
        self.single = (folder / "model.paradime").read_bytes()

    def case(self, random: random.Random, watch: Watch) -> str:
        """Loads one that is altered."""
        how = random.choice(["single", "folder", "signed", "config"])
        path = self.folder / ("model.paradime" if how == "single" else "model")
        others = [self.single, *self.originals.values()]
        if how == "single":
            path.write_bytes(altered(self.single, random, others))
        elif how == "config":
            self._sign(_with_nonsense(json.loads(self.originals["config.json"]), random))
        else:
            name = random.choice(self.names)
            (path / name).write_bytes(altered(self.originals[name], random, others))
            if how == "signed" and name != "config.json":
                self._sign(json.loads(self.originals["config.json"]))
        try:
            return self._read(path, watch, is_signed=how in ("signed", "config"))
        finally:
            for name, contents in self.originals.items():
                (self.folder / "model" / name).write_bytes(contents)

    def _sign(self, config: Any) -> None:
        """Writes a configuration with checksums that fit, as far as it still has some."""
        folder = self.folder / "model"
        if isinstance(config, dict):
            if isinstance(config.get("files"), dict):
                sums = {name: _sum((folder / name).read_bytes()) for name in self.names if name != "config.json"}
                config["files"].update({name: sums[name] for name in config["files"] if name in sums})
            config["checksum"] = _checksum({key: value for key, value in config.items() if key != "checksum"})
        (folder / "config.json").write_text(json.dumps(config))

    def _read(self, path: Path, watch: Watch, *, is_signed: bool) -> str:
        with watch.on():
            try:
                again = paradime.load(path)
                positions = again.transform(self.rows)
            except ValueError:  # which ModelFileError is
                return "refused"
        if is_signed:
            assert np.isfinite(positions).all(), "positions are not finite"
            return "accepted, with checksums that fit"
        assert np.array_equal(positions, self.expected), "other weights were accepted"
        return "accepted, and equal"


def _with_nonsense(config: Any, random: random.Random) -> Any:
    """Returns a configuration in which one value is another."""
    place, key = {"": config}, ""
    while isinstance(place[key], (dict, list)) and place[key] and random.random() < 0.8:
        place = place[key]
        key = random.choice(list(place) if isinstance(place, dict) else list(range(len(place))))
    place[key] = random.choice(NONSENSE)
    return config


def check(
    source: Specifications | Models, numbers: Iterable[int], seed: int, watch: Watch, report: Callable[[str], None]
) -> collections.Counter[str]:
    """Runs cases and returns how many ended how; reports each that fails, with the seed that repeats it."""
    counts: collections.Counter[str] = collections.Counter()
    for number in numbers:
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                counts[source.case(random.Random(f"{seed}-{number}"), watch)] += 1
            grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
            assert grown < MOST_MEGABYTES, f"{grown:.0f} MB more memory"
        except (Exception, TooLongError) as error:  # any other error is what is searched for
            counts["failed"] += 1
            report(f"{type(source).__name__}, seed {seed}-{number}: {type(error).__name__}: {str(error)[:300]}")
    return counts


def main() -> None:
    """Runs the cases of both kinds and prints how many ended how."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cases", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", choices=["specifications", "models"])
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    watch, failed = Watch(), 0
    for kind in (Specifications, Models):
        if arguments.only in (None, kind.__name__.lower()):
            with tempfile.TemporaryDirectory() as folder:
                source, started = kind(Path(folder)), time.perf_counter()
                counts: collections.Counter[str] = collections.Counter()
                for start in range(0, arguments.cases, 500):
                    numbers = range(start, min(start + 500, arguments.cases))
                    counts += check(source, numbers, arguments.seed, watch, print)
                    done, seconds = sum(counts.values()), time.perf_counter() - started
                    print(f"{kind.__name__}, {done} cases in {seconds:.0f} s: {dict(counts)}", flush=True)
                failed += counts["failed"]
    raise SystemExit(bool(failed))


if __name__ == "__main__":
    main()
