"""Row A12 of the fault matrix: whatever lies in the kernel cache, it costs a compilation and nothing else."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from pathlib import Path

import pytest

from streamavg.count.kernels.compile import is_private

CODE = "import numpy as np; from streamavg.count import kernels; print(kernels.peak(np.array([3, 9, 4], np.uint8)))"


def run(cache, **environment):
    """A fresh process that runs one kernel with this cache folder."""
    settings = {**os.environ, "NUMBA_CACHE_DIR": str(cache), **environment}
    return subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, check=False, env=settings)


@pytest.fixture(scope="module")
def filled(tmp_path_factory):
    """A cache folder with one kernel in it, and the files there."""
    folder = tmp_path_factory.mktemp("cache")
    first = run(folder)
    assert (first.stdout, first.stderr) == ("9\n", "")
    files = [path for path in folder.rglob("*.nb?") if ".peak-" in path.name]
    assert sorted(path.suffix for path in files) == [".nbc", ".nbi"]
    return folder, files, {path: path.read_bytes() for path in files}


DAMAGE = {
    "empty": lambda raw: b"",
    "cut": lambda raw: raw[: len(raw) // 2],
    "zeroed": lambda raw: bytes(len(raw)),
    "garbage": lambda raw: b"\x80\x04garbage" + raw[20:],
}


@pytest.mark.parametrize("suffix", [".nbi", ".nbc"])
@pytest.mark.parametrize(
    "damage", ["cut", *(pytest.param(name, marks=pytest.mark.long) for name in DAMAGE if name != "cut")]
)
def test_a12_a_damaged_cache_is_written_anew(filled, suffix, damage):
    folder, files, whole = filled
    for path in files:
        path.write_bytes(DAMAGE[damage](whole[path]) if path.suffix == suffix else whole[path])
    ran = run(folder)
    assert (ran.stdout, ran.returncode) == ("9\n", 0)
    assert "kernels are compiled anew" in ran.stderr
    again = run(folder)
    assert (again.stdout, again.stderr) == ("9\n", "")


class Planted:
    """What a pickle can do to whoever loads it."""

    def __init__(self, canary: Path) -> None:
        self.canary = canary

    def __reduce__(self):
        return Path.touch, (self.canary,)


def test_a12_a_folder_that_others_can_write_to_is_not_read(filled, tmp_path):
    folder, files, whole = filled
    canary = tmp_path / "owned"
    for path in files:
        path.write_bytes(whole[path] if path.suffix == ".nbc" else pickle.dumps(Planted(canary)))
    home = files[0].parent
    home.chmod(0o777)
    try:
        ran = run(folder)
        assert (ran.stdout, ran.stderr, ran.returncode) == ("9\n", "", 0)
        assert not canary.exists()
        home.chmod(0o700)  # the canary sings where the folder is trusted, or this test would prove nothing
        run(folder)
        assert canary.exists()
    finally:
        home.chmod(0o700)
        for path in files:
            path.write_bytes(whole[path])


@pytest.mark.parametrize("place", ["/proc/none", "file"])
def test_a12_without_a_place_kernels_run_all_the_same(place, tmp_path):
    (tmp_path / "file").write_text("no folder")
    ran = run(tmp_path / place, HOME="/nonexistent")
    assert (ran.stdout, ran.stderr, ran.returncode) == ("9\n", "", 0)


def test_a12_who_may_write_there(tmp_path):
    assert is_private(str(tmp_path / "new"))
    assert (tmp_path / "new").stat().st_mode & 0o777 == 0o700
    for mode, private in ((0o755, True), (0o775, True), (0o777, False), (0o1777, False)):
        (tmp_path / "new").chmod(mode)
        assert is_private(str(tmp_path / "new")) is private
    if os.geteuid() == 0:
        os.chown(tmp_path / "new", 12345, -1)
        assert not is_private(str(tmp_path / "new"))
