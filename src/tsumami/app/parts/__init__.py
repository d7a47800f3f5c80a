"""Parts of the page that several tabs use, each laid out by a function that returns its components.

Guarantee: a part knows no tab.
"""
