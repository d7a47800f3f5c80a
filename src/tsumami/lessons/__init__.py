"""Lessons: marimo notebooks, plain Python. `tsumami lesson` opens them; so does `marimo edit` on a copy.

Guarantee: a cell uses only tsumami's public names, and every number it shows was computed when it was opened.
"""
