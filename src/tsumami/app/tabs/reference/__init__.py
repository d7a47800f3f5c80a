"""Every knob: what it does, its formula, and what other programs call it."""
