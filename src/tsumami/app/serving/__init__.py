"""Serving: from a chosen model to an address that a browser can open.

Guarantee: importing this package loads no Gradio.
"""
