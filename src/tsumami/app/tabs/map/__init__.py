"""Every text that a knob can give."""
