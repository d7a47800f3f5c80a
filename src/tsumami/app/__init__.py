"""The chat app: a Gradio page on a loaded model.

Guarantee: neither this package nor `tsumami.app.serving.server` imports Gradio.

Its floors, from above: `serving` (a server), `page` (the table of contents), `tabs` (one folder each), `api` and
`parts` (beside each other), `work` and `views` (without Gradio), `words`.
"""
