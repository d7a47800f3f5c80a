"""Rearranged weights in exact mode: llama.cpp's faster layout, where its kernels give every logit the same bits.

llama.cpp can lay out a matrix anew when it loads it (`repack`), for kernels that take several columns at once. For most
types these round differently from one column to several. For those of `_ALIKE` each result is the same chain of sums in
both, block after block, so a prompt may take the fast way and stay what it is token by token. That is no more than a
reason to try: the self-check decides (exactness.py), on the model itself.

Guarantee: what was found once holds for the same weights, build and processor, whatever happens to memory or machine
meanwhile, because the other layout has other last bits, and so other texts.
"""

from __future__ import annotations

from typing import Final

from tsumami.engine.memory import total_memory
from tsumami.machine import processor
from tsumami.models import ModelFile
from tsumami.native import engine_build
from tsumami.storage import recall, remember

_MEMORY: Final = "repacked"
_VERSION: Final = 1  # raise it when this choice changes
#: Types whose kernels for one column and for several add up in the same order (ggml's repack.cpp, AVX2 and AVX-512).
_ALIKE: Final = {"Q4_0", "IQ4_NL"}
#: Types that are rearranged beside them, and are not alike.
_UNLIKE: Final = {"Q4_K"}
#: Rearranged weights are a copy in memory, which the system cannot drop as it drops pages of a file: no more than this
#: share of it.
_LARGEST_SHARE: Final = 0.6


def may_repack(file: ModelFile, fingerprint: str) -> bool:
    """Whether these weights are to be loaded rearranged: it was found to be exact, or is worth a try."""
    found = recall(_MEMORY).get(_key(fingerprint))
    return found if isinstance(found, bool) else _worth_a_try(file)


def found_repacked(fingerprint: str, exact: bool) -> None:
    """Remember whether rearranged weights are as exact."""
    if recall(_MEMORY).get(_key(fingerprint)) is not exact:
        remember(_MEMORY, _key(fingerprint), exact)


def _worth_a_try(file: ModelFile) -> bool:
    kinds = {tensor.type for tensor in file.header.tensors}
    memory = total_memory()
    fits = memory is None or file.size <= _LARGEST_SHARE * memory
    return fits and bool(kinds & _ALIKE) and not kinds & _UNLIKE


def _key(fingerprint: str) -> str:
    return f"{_VERSION}|{fingerprint}|{engine_build()}|{processor()}"
