"""How answers are written: one file a program, and what several write alike.

Guarantee: functions of what came out; nothing is computed here, and nothing is read.
"""
