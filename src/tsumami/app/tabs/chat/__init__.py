"""Talking to the model, with the knobs beside it."""
