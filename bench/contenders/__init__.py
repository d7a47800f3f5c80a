"""Contenders, one file each: a function `make(**options)` and an object whose methods the measures call.

They take and return plain JSON values. `facts()` is what a contender tells of itself when it is loaded.
"""
