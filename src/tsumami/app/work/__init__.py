"""What the page does besides drawing: models, conversations, speech, and what each session has under way.

Guarantee: no Gradio here: a session is named by a string.
"""
