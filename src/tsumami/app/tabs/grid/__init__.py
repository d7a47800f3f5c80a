"""Every combination of one or two knobs and several seeds."""
