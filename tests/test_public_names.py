"""The names that ``import lcstop`` gives are imported when they are used."""

import subprocess
import sys

import pytest

import lcstop


def test_every_public_name_is_there():
    assert sorted(lcstop.__all__) == sorted(lcstop._MODULES)
    assert all(getattr(lcstop, name).__name__ == name for name in lcstop.__all__)
    assert set(lcstop.__all__) <= set(dir(lcstop))
    with pytest.raises(AttributeError, match="module 'lcstop' has no attribute 'Curv'"):
        lcstop.Curv  # noqa: B018


def test_the_package_alone_imports_no_library():
    code = (
        "import lcstop, sys; print([name for name in ('numpy', 'scipy', 'pydantic') if name in sys.modules])"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)  # noqa: S603
    assert found.stdout.strip() == "[]"
