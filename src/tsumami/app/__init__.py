"""The chat app: a Gradio page on a loaded model. Neither this package nor `tsumami.app.server` imports Gradio."""
