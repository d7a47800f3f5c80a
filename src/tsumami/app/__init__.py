"""The chat app: a Gradio page on a loaded model. Gradio is loaded with `tsumami.app.server`, not with this package."""
