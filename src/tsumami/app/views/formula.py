"""A formula of the knob table as the browser draws it by itself."""

from __future__ import annotations

import functools

__all__ = ["mathml"]


@functools.cache
def mathml(formula: str) -> str:
    """A formula in LaTeX as MathML, which browsers draw and screen readers read; it brings no script and no fonts.

    Made once: knobs and reference show the same ones, in every language.
    """
    from latex2mathml.converter import convert

    plain = formula.replace(r"\_", "_")  # it stands in names, which the converter takes as they are
    return str(convert(plain, display="block"))
