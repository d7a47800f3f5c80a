"""Lanes side by side, and why they part."""
