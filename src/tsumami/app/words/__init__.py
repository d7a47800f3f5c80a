"""The words of the page, in each of its languages.

Guarantee: a key stands in every language or in none. No Gradio here.
"""
