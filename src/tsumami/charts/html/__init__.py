"""Charts as strings of HTML: they need `style()` on their page and nothing else.

Guarantee: no Altair, no pandas. They follow light and dark, hold no script (but for the icicle's page), and take
nothing that a model wrote for HTML.
"""
