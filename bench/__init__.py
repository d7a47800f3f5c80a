"""Benches: how fast tsumami is beside what it is built on, and beside its neighbours.

Guarantee: every figure is a ratio of two things measured in one run, in turns (A B A B …), and the median of those
ratios is what counts; absolute figures are printed for orientation and move from day to day. Nothing here passes or
fails: a goal is printed beside what was measured.

Each contender lives in a process of its own (`contenders/`, one file each), because the OpenMP variables count only
before the library is loaded, and sleeps while another one has its turn. Each measure is a file of this folder whose
docstring says what is compared and why that is fair.

    python -m bench                 all measures
    python -m bench steps batch     some of them
    python -m bench --json          the same figures for a program
"""
