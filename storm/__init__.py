"""Storm: attacks on tsumami that can be run again, and a table of what became of them.

Guarantee: the same seed brings the same inputs. An attack never ends the campaign: what it may break runs in processes
of its own, and one that dies, hangs or prints a traceback is counted. Every input that broke something is written to a
file from which it can be tried again.

What is counted (judge.py):

    tried      inputs, kills, requests: whatever the attack throws
    refused    answered with words: a TsumamiError, exit code 2, an error of the API that says what is wrong
    crashed    any other exception, an end by a signal, a traceback, an answer that never came
    leaked     memory, file descriptors, threads or processes that stay
    lost       something that was reported as done and is not there, or is not what was promised

Each attack is a file of `attacks/` whose docstring says what it throws, through which door, and what must hold. A
fuzzer has `inputs` (a Hypothesis strategy) and a `door`; anything else has `attack`.

    python -m storm                     the whole campaign, about an hour
    python -m storm settings gguf       some attacks
    python -m storm --inputs 500        fewer inputs
    python -m storm --resume            go on where a campaign was broken off
    python -m storm --again FILE        one input that broke something, once more
"""
