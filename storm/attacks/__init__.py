"""One attack a file. TITLE says what is thrown, DOOR through which door.

A fuzzer has `inputs()`, a Hypothesis strategy of plain values (so that an input can be written down), and
`door(options)`, a context manager that gives a function of one input: it returns where the input was good, raises a
TsumamiError where it was refused, and a LostError where something is not what was promised. Other attacks have
`attack(options)`, which gives a Tally.
"""
