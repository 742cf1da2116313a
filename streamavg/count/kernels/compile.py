"""Compile: the one decorator through which every kernel goes, and a disk cache that can neither stop nor own us."""

from __future__ import annotations

import os
import stat
import warnings
from typing import TYPE_CHECKING, Any

import numba
from numba.core import caching

if TYPE_CHECKING:
    from collections.abc import Callable

open_cache: Any = caching.FunctionCache


def kernel(function: Callable[..., Any]) -> Any:
    """Compile without the GIL, cached on disk where there is a private place for it."""
    made: Any = numba.njit(nogil=True)(function)
    if made is function:  # NUMBA_DISABLE_JIT
        return made
    try:
        found = open_cache(function)
    except (RuntimeError, OSError):  # a read-only install without a home has no place for a cache
        return made
    if is_private(found.cache_path):
        made._cache = Forgiving(found)
    return made


def is_private(path: str) -> bool:
    """Whether nobody but us and root can put files into a folder that exists, or that we make here and now.

    The cache holds pickles: who can write there can run code as us.
    """
    try:
        os.makedirs(path, mode=0o700, exist_ok=True)
        found = os.stat(path)
    except OSError:
        return False
    return found.st_uid in (os.geteuid(), 0) and not found.st_mode & stat.S_IWOTH


class Forgiving:
    """A cache whose faults cost time and nothing else: what cannot be read is compiled anew and written again.

    Numba writes without fsync, so a power cut leaves files cut short, and numba would fail on them at every start.
    """

    def __init__(self, cache: Any) -> None:
        self._cache = cache

    @property
    def cache_path(self) -> str:
        """The folder of the files."""
        return str(self._cache.cache_path)

    def load_overload(self, signature: Any, context: Any) -> Any:
        """The compiled kernel for these types, or None."""
        try:
            return self._cache.load_overload(signature, context)
        except Exception as error:
            warnings.warn(f"{self._fault(error)}; kernels are compiled anew", stacklevel=2)
            self.flush()
            return None

    def save_overload(self, signature: Any, compiled: Any) -> None:
        """Keep a compiled kernel if that can be done."""
        try:
            self._cache.save_overload(signature, compiled)
        except Exception as error:
            warnings.warn(f"{self._fault(error)}; kernels will be compiled at the next start too", stacklevel=2)

    def flush(self) -> None:
        """Empty the cache if that can be done."""
        try:
            self._cache.flush()
        except OSError as error:
            warnings.warn(self._fault(error), stacklevel=2)

    def enable(self) -> None:
        """Use the cache."""
        self._cache.enable()

    def disable(self) -> None:
        """Do not use the cache."""
        self._cache.disable()

    def _fault(self, error: Exception) -> str:
        reason = " ".join(str(error).split())[:100] or type(error).__name__
        return f"the kernel cache {self.cache_path} cannot be used ({reason})"
